#!/usr/bin/env bash
# Draw a street whose answer is known, watch it with both methods, and print how right each was.
set -euo pipefail
cd "$(dirname "$0")"
tracker="../${BIN:-.venv/bin}/tracker"
[ -x "$tracker" ] || tracker=tracker

mkdir -p out
"$tracker" synth street -o out/street.mp4 --truth out/street.truth --seed 7 --frames 300 --overwrite
"$tracker" compare out/street.mp4 --truth out/street.truth -o out --overwrite
"$tracker" process out/street.mp4 -o out/street.tracked.mp4 --overwrite
echo "Open samples/out/report.html; the videos are compare.mp4 and street.tracked.mp4 beside it"

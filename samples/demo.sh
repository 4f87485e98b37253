#!/usr/bin/env bash
# Draw a street whose answer is known, watch it with both methods, and print how right each was.
set -euo pipefail
cd "$(dirname "$0")"
tracker="../${BIN:-.venv/bin}/tracker"
[ -x "$tracker" ] || tracker=tracker

rm -rf out  # this script's own folder; a file there that tracker did not write would be refused
mkdir out
"$tracker" synth street -o out/street.mp4 --truth out/street.truth --seed 7 --frames 300
"$tracker" compare out/street.mp4 --truth out/street.truth -o out
"$tracker" process out/street.mp4 -o out/street.tracked.mp4
echo "Open samples/out/report.html; the videos are compare.mp4 and street.tracked.mp4 beside it"

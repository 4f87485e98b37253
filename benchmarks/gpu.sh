#!/usr/bin/env bash
# Lane slots on a CUDA GPU beside the CPU: about fifteen minutes, nothing from the network. From the root of a checkout, where `pip install -e '.[torch]'` was done:
#
#     bash benchmarks/gpu.sh                          # writes ./out-gpu/gpu.json, gpu.txt, packing.json, packing.txt
#     OUT=/elsewhere PYTHON=python3.12 bash benchmarks/gpu.sh
#     DEVICE=cpu bash benchmarks/gpu.sh --quick       # a trial of the script itself, where there is no GPU
set -euo pipefail
cd "$(dirname "$0")/.."
OUT=${OUT:-./out-gpu}
DEVICE=${DEVICE:-cuda}
PYTHON=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
mkdir -p "$OUT"
"$PYTHON" -c 'import torch, tracker' || { echo "run: $PYTHON -m pip install -e '.[torch]'" >&2; exit 1; }
"$PYTHON" benchmarks/gpu.py --device "$DEVICE" --output "$OUT" "$@"
"$PYTHON" benchmarks/packing.py --device "$DEVICE" --output "$OUT" "$@"

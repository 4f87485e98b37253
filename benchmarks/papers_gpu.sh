#!/usr/bin/env bash
# The papers' networks on one CUDA GPU, side by side, in a quarter of an hour: what ships goes on from its weights, most promising first, and the five
# networks of the balls are trained anew for equally many updates. From the root of a checkout, where `pip install -e '.[papers]'` was done:
#
#     DIGITS=/folder/of/mnist bash benchmarks/papers_gpu.sh     # writes ./out-papers/part-N.tar, at most 8 of at most 16 MiB
#     bash benchmarks/papers_gpu.sh --dry                       # a trial of the script itself on a CPU, about a minute
#
# MINUTES (6) of training, by the clock, which stands still while networks are compiled (one or two minutes); then each is tested on 1,000 clips.
# All fits into a command of ten minutes. At home, in the repository:
#
#     mkdir -p runs/gpu && for part in part-*.tar; do tar -xf $part -C runs/gpu; done
#     python benchmarks/papers_curves.py runs/gpu/*                       # curves, and whether more is worth it
#     python -m tracker.papers ship runs/gpu/flying-mnist                 # only where runs/gpu/flying-mnist/scores.json is better than docs/papers.md
set -euo pipefail
cd "$(dirname "$0")/.."
OUT=${OUT:-./out-papers}
DEVICE=${DEVICE:-cuda}
MINUTES=${MINUTES:-6}
CLIPS=1000
PYTHON=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" OMP_NUM_THREADS=1
GRAPH=(--graph --fused)
SMALL=()
NETWORKS=(flying-mnist balls flying-mnist-direct flying-shapes shapes shapes-nem curtain flying-shapes-5)
EQUAL=(balls balls-sum balls-rnn-em balls-rnn balls-lstm)
UPDATES=2400
if [ "${1:-}" = --dry ]; then
  DEVICE=cpu MINUTES=0.02 CLIPS=2 GRAPH=() UPDATES=2
  NETWORKS=(flying-mnist shapes-nem)
  EQUAL=(balls-rnn)
  SMALL=(--set train.updates=2 --set train.batch=2 --set em.steps=2 --set train.validation_clips=2 --set train.row_every=1)
fi
"$PYTHON" -c 'import torch, tracker' || { echo "run: $PYTHON -m pip install -e '.[papers]'" >&2; exit 1; }
mkdir -p "$OUT/runs" "$OUT/equal" "$OUT/logs"

train() { # NAME OUT ARGUMENTS...: the short recipe, and what is said beside it
  local name=$1 out=$2 short=configs/papers/short/$1.yaml
  shift 2
  [ -f "$short" ] || short=configs/papers/short.yaml
  "$PYTHON" -m tracker.papers train "configs/papers/$name.yaml" "$short" --out "$out" --device "$DEVICE" "${GRAPH[@]}" \
    ${DIGITS:+--set "world.digits.path=$DIGITS"} "$@" "${SMALL[@]}"
}

further() { # NAME: from the weights that ship, one fall of the rates from half of those with which they began; N-EM by its recipe again, another seed
  local rate=0.0004 frozen="frozen: [decoder], "
  case $1 in
    shapes-nem) train "$1" "$OUT/runs/$1" --set train.seed=2; return ;;
    flying-shapes*) rate=0.002 frozen= ;;
    shapes | flying-mnist-direct) rate=0.0005 frozen= ;;
  esac
  train "$1" "$OUT/runs/$1" --begin "networks/rnnem_papers_networks/$1.safetensors" --set train.updates=1000000 \
    --set "train.clock_minutes=$MINUTES" --set "train.stages=[{${frozen}learning_rate: $rate}]" --set train.batch=64
}

run() { # LOG COMMAND...: into its log; a network that fails does not stop the others
  local log=$OUT/logs/$1.log
  shift
  "$@" >>"$log" 2>&1 || echo "failed, see $log" >&2
}

test_all() { # in the background, one process each; the run that ends last decides
  for run in "$OUT"/runs/* "$OUT"/equal/*; do
    [ -f "$run/best.safetensors" ] || continue
    run "test-$(basename "$(dirname "$run")")-$(basename "$run")" "$PYTHON" -m tracker.papers test "$run" --clips $CLIPS --device "$DEVICE" &
  done
  wait
}

for name in "${NETWORKS[@]}"; do run "further-$name" further "$name" & done
for name in "${EQUAL[@]}"; do
  run "equal-$name" train "$name" "$OUT/equal/$name-equal" --set "train.updates=$UPDATES" --minutes "$MINUTES" &
done
wait
test_all
runs=()
for name in "${NETWORKS[@]}"; do [ -d "$OUT/runs/$name" ] && runs+=("$OUT/runs/$name"); done
for name in "${EQUAL[@]}"; do [ -d "$OUT/equal/$name-equal" ] && runs+=("$OUT/equal/$name-equal"); done
"$PYTHON" benchmarks/papers_pack.py "$OUT" "${runs[@]}"

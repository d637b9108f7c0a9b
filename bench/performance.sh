#!/usr/bin/env bash
# Measures everything that docs/performance.md says of speed and writes it there; the machine must be idle for 20 minutes.
#   ONNXRUNTIME_LIB=…/libonnxruntime.so.1 bench/performance.sh
set -euo pipefail
cd "$(dirname "$0")"
export CGO_ENABLED=1
doc=../docs/performance.md
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
go build -o "$bin/compare" ./compare
mkdir "$bin/zoo"
compare() { "$bin/compare" -cache "$bin/zoo" "$@"; }
compare -md "$doc#table"
if grep -q avx512f /proc/cpuinfo; then
  compare -kernels amd64-avx2 -md "$doc#avx2"
fi
batches=$(for m in alexnet resnet50; do for b in 1 2 4 8 16 32 64; do printf '%s@%s,' "$m" "$b"; done; done)
compare -threads 2 -models "$batches" -plot ../docs/batches.svg -md "$doc#batches"

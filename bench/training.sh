#!/usr/bin/env bash
# Measures training steps beside PyTorch and prints a table in Markdown; the machine must be idle for some minutes.
#   bench/training.sh [-models lenet5@64,resnet18@16,alexnet@32] [-threads 2] [-turns 10] [-python /usr/bin/python3]
# The Python must have PyTorch (Debian: python3-torch).
set -euo pipefail
cd "$(dirname "$0")"
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
CGO_ENABLED=0 go build -o "$bin/training" ./training
"$bin/training" -script training_torch.py "$@"

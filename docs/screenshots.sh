#!/usr/bin/env bash
# Makes the pictures of onnxrun view in this folder. Needs Debian's chromium and pngquant.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -o "$work/onnxrun" ./cmd/onnxrun

# shot PAGE[#NODE] PICTURE WIDTH,HEIGHT
shot() {
  chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --hide-scrollbars --user-data-dir="$work/chromium" --virtual-time-budget=3000 \
    --window-size="$3" --screenshot="$work/shot.png" "file://$work/$1" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
  pngquant --force --strip --output "docs/$2" 64 "$work/shot.png"
  ls -l "docs/$2"
}

"$work/onnxrun" view testdata/lenet5.onnx -o "$work/lenet5.html"
shot lenet5.html view-lenet5.png 1100,820

"$work/onnxrun" new alexnet -o "$work/alexnet.onnx"
"$work/onnxrun" optimize "$work/alexnet.onnx" -o "$work/alexnet-strided.onnx" --pass pool-to-conv --pool stride
"$work/onnxrun" view "$work/alexnet.onnx" "$work/alexnet-strided.onnx" -o "$work/alexnet.html"
shot alexnet.html view-alexnet.png 1360,900

#!/bin/sh
# Regenerates onnx.pb.go. Needs protoc on the PATH; the Go plugin is pinned here.
set -e
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
GOBIN=$bin go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
protoc --plugin="$bin/protoc-gen-go" --go_out=. --go_opt=paths=source_relative onnx.proto
# The version of protoc does not matter to the result; its line would.
sed -i.bak '/^\/\/ \tprotoc  *v/d' onnx.pb.go
rm onnx.pb.go.bak

// Package onnxpb is the ONNX file format as generated protobuf code.
package onnxpb

//go:generate sh generate.sh

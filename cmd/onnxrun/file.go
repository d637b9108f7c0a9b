package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/exporter"
	"github.com/onnxrun/onnxrun/ir"
)

// fileFlags are the flags that say how a model is written.
type fileFlags struct {
	opset    int
	external bool
}

func (f *fileFlags) add(cmd *cobra.Command) {
	cmd.Flags().IntVar(&f.opset, "opset", 0, "the operator set to write; 0 is the model's own, or the least beyond it that will do")
	cmd.Flags().BoolVar(&f.external, "external-data", false, "write the weights to a file of their own, OUT.data")
}

// write writes a model.
func (f *fileFlags) write(g *ir.Graph, path string) error {
	return exporter.WriteFile(g, path, exporter.Options{Opset: f.opset, ExternalData: f.external})
}

// fileBytes is the size of a model's file with its external data, 0 if there is none.
func fileBytes(path string) int64 {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	size := info.Size()
	if data, err := os.Stat(path + ".data"); err == nil {
		size += data.Size()
	}
	return size
}

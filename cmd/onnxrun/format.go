package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/exporter"
	"github.com/onnxrun/onnxrun/ops"
)

// formatFlags gives a command that writes models the flags that say how.
func formatFlags(cmd *cobra.Command, opts *exporter.Options) {
	cmd.Flags().IntVar(&opts.Opset, "opset", 0, fmt.Sprintf("the opset to write, %d to %d; 0 is the model's own, or a newer one where a node needs it", exporter.OldestOpset, ops.Opset))
	cmd.Flags().BoolVar(&opts.ExternalData, "external-data", false, "write the weights into OUT.data; models of more than 2 GB do so anyhow")
}

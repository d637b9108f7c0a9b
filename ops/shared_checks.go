package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
)

// checkSizes refuses numbers that cannot be sizes.
func checkSizes(what string, dims []ir.Dim) error {
	for _, d := range dims {
		if d.N < 0 && !d.IsUnknown() {
			return fmt.Errorf("%s %v has a negative number", what, ir.Shape(dims))
		}
	}
	return nil
}

package conformance

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/exporter"
	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// exported is an option to run a case as the model is after it has been written and read again.
func exported(opts exporter.Options) func(*ir.Graph) (*ir.Graph, error) {
	return func(g *ir.Graph) (*ir.Graph, error) {
		var first, second bytes.Buffer
		if err := exporter.Write(&first, g, opts); err != nil {
			return nil, err
		}
		h, err := importer.Read(bytes.NewReader(first.Bytes()))
		if err != nil {
			return nil, err
		}
		if err := exporter.Write(&second, h, opts); err != nil {
			return nil, fmt.Errorf("written again: %w", err)
		}
		if !bytes.Equal(first.Bytes(), second.Bytes()) {
			return nil, fmt.Errorf("written again, the model is another file")
		}
		return h, ir.Verify(h)
	}
}

// The whole manifest, written in the opset of each case and read again, gives the same results.
func TestSuiteExported(t *testing.T) {
	names, err := Find(suite)
	if err != nil || len(names) == 0 {
		t.Skip("ONNX's backend cases are not installed (Debian's libonnx-testdata)")
	}
	text, err := os.ReadFile(manifest)
	require.NoError(t, err)
	listed, err := ParseManifest(string(text))
	require.NoError(t, err)
	opts := Options{Tolerance: DefaultTolerance, Rewrite: exported(exporter.Options{})}
	results := RunAll(context.Background(), suite, names, opts)
	_, _, _, line := Summary(results)
	t.Log(line)
	for _, w := range Check(results, listed) {
		t.Error(w)
	}
}

// Written in any opset that can express it, a case gives the same results.
func TestSuiteInOtherOpsets(t *testing.T) {
	names, err := Find(suite)
	if err != nil || len(names) == 0 {
		t.Skip("ONNX's backend cases are not installed (Debian's libonnx-testdata)")
	}
	for _, opset := range []int{exporter.OldestOpset, 9, 11, 13, 18, ops.Opset} {
		t.Run(fmt.Sprint(opset), func(t *testing.T) {
			opts := Options{Tolerance: DefaultTolerance, Rewrite: exported(exporter.Options{Opset: opset})}
			wrote := 0
			for _, r := range RunAll(context.Background(), suite, names, opts) {
				switch {
				case r.Status == Pass:
					wrote++
				case r.Status == Fail && !lacking.MatchString(r.Reason):
					t.Errorf("%s: %s", r.Name, r.Reason)
				}
			}
			t.Log(wrote)
		})
	}
}

// lacking is how errors of opsets that are too old end.
var lacking = regexp.MustCompile(`needs opset [0-9]+ or newer, [0-9]+ is asked for$`)

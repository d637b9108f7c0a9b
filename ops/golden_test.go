package ops

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// goldenCase is a node and what ONNX Runtime 1.22 computes for it (PyTorch 1.13 or NumPy where that is wrong or lacks
// it), one line of testdata/*.jsonl. Attributes are integers, strings and lists as JSON has them; floats are written
// with a point.
type goldenCase struct {
	Op      string                     `json:"op"`
	Opset   int                        `json:"opset"`
	Name    string                     `json:"name"`
	Attrs   map[string]json.RawMessage `json:"attrs"`
	Inputs  []*goldenTensor            `json:"inputs"`
	Outputs []*goldenTensor            `json:"outputs"`
}

type goldenTensor struct {
	DType string    `json:"dtype"`
	Shape []int     `json:"shape"`
	Data  []float64 `json:"data"`
}

func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.jsonl")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, line := range bytes.Split(bytes.TrimSpace(text), []byte("\n")) {
			var c goldenCase
			require.NoError(t, json.Unmarshal(line, &c), file)
			t.Run(c.Op+"/"+c.Name, c.run)
		}
	}
}

func (c goldenCase) run(t *testing.T) {
	in := make([]*tensor.Tensor, len(c.Inputs))
	for i, g := range c.Inputs {
		in[i] = g.tensor(t)
	}
	var attrs []ir.Attr
	for name, raw := range c.Attrs {
		attrs = append(attrs, ir.Attr{Name: name, Value: goldenAttr(t, raw)})
	}
	got := evalOld(t, c.Op, c.Opset, attrs, len(c.Outputs), in...)
	for o, want := range c.Outputs {
		requireClose(t, want.tensor(t), got[o], 2e-5, 1e-5)
	}
	g, _, err := upgrade(t, c.Op, c.Opset, attrs, len(c.Outputs), in...)
	require.NoError(t, err)
	if len(g.Nodes()) == 1 { // check inference from shapes and symbols, too
		n := g.Nodes()[0]
		args := make([]*tensor.Tensor, len(n.Inputs()))
		for i, v := range n.Inputs() {
			if v != nil {
				args[i] = v.Const()
			}
		}
		eval(t, n.Op, len(c.Outputs), args...)
	}
}

func (g *goldenTensor) tensor(t *testing.T) *tensor.Tensor {
	if g == nil {
		return nil
	}
	dt, ok := tensor.ParseDType(g.DType)
	require.True(t, ok, g.DType)
	x := tensor.New(dt, g.Shape...)
	require.Len(t, g.Data, x.Len())
	for i, v := range g.Data {
		switch dt {
		case tensor.Float32:
			tensor.Data[float32](x)[i] = float32(v)
		case tensor.Float64:
			tensor.Data[float64](x)[i] = v
		case tensor.Int64:
			tensor.Data[int64](x)[i] = int64(v)
		case tensor.Int32:
			tensor.Data[int32](x)[i] = int32(v)
		case tensor.Uint8:
			tensor.Data[uint8](x)[i] = uint8(v)
		case tensor.Int8:
			tensor.Data[int8](x)[i] = int8(v)
		case tensor.Bool:
			tensor.Data[bool](x)[i] = v != 0
		default:
			t.Fatalf("golden tensors of %s", dt)
		}
	}
	return x
}

func goldenAttr(t *testing.T, raw json.RawMessage) any {
	var n int
	var f float32
	var s string
	var ints []int
	var floats []float32
	for _, v := range []any{&n, &f, &s, &ints, &floats} {
		if json.Unmarshal(raw, v) == nil && !(bytes.Contains(raw, []byte(".")) && (v == any(&n) || v == any(&ints))) {
			switch v := v.(type) {
			case *int:
				return *v
			case *float32:
				return *v
			case *string:
				return *v
			case *[]int:
				return *v
			case *[]float32:
				return *v
			}
		}
	}
	t.Fatalf("attribute value %s", raw)
	return nil
}

// requireClose compares type, shape and elements: |got - want| ≤ atol + rtol·|want|, exactly for integers.
func requireClose(t *testing.T, want, got *tensor.Tensor, rtol, atol float64) {
	t.Helper()
	require.Equal(t, want.DType(), got.DType())
	require.True(t, slices.Equal(want.Shape(), got.Shape()), "got shape %v, expected %v", got.Shape(), want.Shape())
	if !floatTypes.Has(want.DType()) {
		require.True(t, want.Equal(got), "%v", got)
		return
	}
	w, g := asFloat64(want), asFloat64(got)
	for i := range w {
		if d := math.Abs(g[i] - w[i]); !(d <= atol+rtol*math.Abs(w[i])) && !(math.IsNaN(w[i]) && math.IsNaN(g[i])) {
			t.Fatalf("element %d is %v, expected %v\ngot  %v\nwant %v", i, g[i], w[i], g, w)
		}
	}
}

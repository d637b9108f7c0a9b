package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/onnxrun/onnxrun/exporter"
	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/passes"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/zoo"
)

// prove makes all files of one model.
func (c *config) prove(arg string) (rows []row, err error) {
	dir, err := os.MkdirTemp("", "export")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	name, path, err := locate(arg, dir)
	if err != nil {
		return nil, err
	}
	g, err := importer.Open(path)
	if errors.Is(err, importer.ErrUnsupported) {
		return nil, fmt.Errorf("%w: %w", errOriginal, err)
	}
	if err != nil {
		return nil, err
	}
	inputs, err := inputsOf(g, filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	want, err := runORT(path, inputs)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errOriginal, err)
	}
	if flat(want) {
		if path, err = exposed(g, path, dir); err != nil {
			return nil, err
		}
		if g, err = importer.Open(path); err != nil {
			return nil, err
		}
		if want, err = runORT(path, inputs); err != nil {
			return nil, fmt.Errorf("%w: %w", errOriginal, err)
		}
	}
	for _, level := range c.levels {
		o := g.Clone()
		if _, err := passes.Optimize(context.Background(), o, passes.Options{Level: level}); err != nil {
			return rows, err
		}
		done := map[int]bool{}
		for _, opset := range c.opsets {
			r := row{model: name, level: level, opset: opset}
			r.err = c.file(&r, o, filepath.Join(dir, "exported.onnx"), inputs, want)
			var need *ir.OpsetError
			if errors.As(r.err, &need) {
				r.err, r.lacking = nil, need
			} else if errors.Is(r.err, errNoKernel) {
				r.err, r.lacking = nil, r.err
			}
			if r.err == nil && done[r.opset] { // that is its own
				continue
			}
			done[r.opset] = true
			rows = append(rows, r)
		}
	}
	return rows, nil
}

// flat reports whether outputs are one number each, as those of a last layer whose weights are 0 are: they prove nothing.
func flat(outputs []*tensor.Tensor) bool {
	for _, t := range outputs {
		x := numbers(t)
		if len(x) < 2 || slices.Min(x) != slices.Max(x) {
			return false
		}
	}
	return true
}

// exposed is a copy of the model in path, g, of which what its last layer reads is an output, too.
func exposed(g *ir.Graph, path, dir string) (string, error) {
	for _, n := range slices.Backward(g.Nodes()) {
		switch n.Op.(type) {
		case *ops.Gemm, *ops.MatMul, *ops.Conv:
		default:
			continue
		}
		if n.In(0).Def() == nil {
			break
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		model := &onnxpb.ModelProto{}
		if err := proto.Unmarshal(data, model); err != nil {
			return "", err
		}
		typ := &onnxpb.TypeProto_Tensor{ElemType: int32(n.In(0).Type().DType)}
		model.Graph.Output = append(model.Graph.Output, &onnxpb.ValueInfoProto{
			Name: n.In(0).Name(), Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{TensorType: typ}},
		})
		if data, err = proto.Marshal(model); err != nil {
			return "", err
		}
		path = filepath.Join(dir, "exposed.onnx")
		return path, os.WriteFile(path, data, 0o644)
	}
	return "", errors.New("the outputs are one number, and there is no layer before them to compare")
}

// errOriginal is that there is nothing to compare with.
var errOriginal = errors.New("the original does not run")

// file writes one file and looks at it from all sides.
func (c *config) file(r *row, g *ir.Graph, path string, inputs, want []*tensor.Tensor) error {
	opts := exporter.Options{Opset: r.opset}
	if err := exporter.WriteFile(g, path, opts); err != nil {
		return err
	}
	h, err := importer.Open(path)
	if err != nil {
		return err
	}
	r.opset = h.Opset
	r.nodes = len(h.Nodes())
	if err := sameFace(g, h); err != nil {
		return err
	}
	if err := stable(path, h, opts); err != nil {
		return err
	}
	if c.check != nil {
		if r.unchecked, err = c.check.file(path); err != nil {
			return err
		}
	}
	got, err := runORT(path, inputs)
	if err != nil {
		return err
	}
	r.distance, err = distance(got, want)
	if err == nil && r.distance > c.tolerance {
		err = fmt.Errorf("outputs are off by %.2e of the greatest", r.distance)
	}
	return err
}

// sameFace compares what a user sees of two models: inputs, outputs and metadata.
func sameFace(a, b *ir.Graph) error {
	for i, lists := range [][2][]*ir.Value{{a.Inputs(), b.Inputs()}, {a.Outputs(), b.Outputs()}} {
		if !slices.EqualFunc(lists[0], lists[1], func(v, w *ir.Value) bool {
			return v.Name() == w.Name() && (i > 0 || v.Type().String() == w.Type().String())
		}) {
			return fmt.Errorf("inputs or outputs %v became %v", lists[0], lists[1])
		}
	}
	if !slices.Equal(a.Metadata, b.Metadata) || a.Origin != b.Origin && a.Origin.Producer != "" || a.Doc != b.Doc {
		return errors.New("metadata, documentation or producer changed")
	}
	return nil
}

// stable writes the model again, which must give the same file.
func stable(path string, h *ir.Graph, opts exporter.Options) error {
	again := path + ".again"
	defer os.Remove(again)
	if err := exporter.WriteFile(h, again, opts); err != nil {
		return fmt.Errorf("written again: %w", err)
	}
	a, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(again)
	if err == nil && !bytes.Equal(a, b) {
		err = errors.New("written again, the model is another file")
	}
	return err
}

// locate is the file of a model; one of the zoo is built.
func locate(arg, dir string) (name, path string, err error) {
	if slices.Contains(zoo.Names(), arg) {
		g, err := zoo.Build(arg, zoo.Options{})
		if err != nil {
			return "", "", err
		}
		scores(g)
		path = filepath.Join(dir, arg+".onnx")
		return arg, path, exporter.WriteFile(g, path, exporter.Options{})
	}
	if info, err := os.Stat(arg); err == nil && info.IsDir() {
		arg = filepath.Join(arg, "model.onnx")
	}
	name = strings.TrimSuffix(filepath.Base(arg), ".onnx")
	if name == "model" {
		name = filepath.Base(filepath.Dir(arg))
	}
	return name, arg, nil
}

// scores makes the input of a last Softmax the output: fresh weights give nearly equal probabilities, which hide errors.
func scores(g *ir.Graph) {
	if v := g.Outputs()[0]; v.Def() != nil {
		if _, ok := v.Def().Op.(*ops.Softmax); ok {
			g.SetOutputs(v.Def().In(0))
		}
	}
}

// inputsOf is the inputs of a case, or noise for a batch of 1.
func inputsOf(g *ir.Graph, dir string) ([]*tensor.Tensor, error) {
	rng := rand.New(rand.NewPCG(1, 2))
	var inputs []*tensor.Tensor
	for i, v := range g.Inputs() {
		t, _, err := importer.ReadTensor(filepath.Join(dir, "test_data_set_0", fmt.Sprintf("input_%d.pb", i)))
		if errors.Is(err, os.ErrNotExist) {
			t, err = noise(rng, v.Type())
		}
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", v.Name(), err)
		}
		inputs = append(inputs, t)
	}
	return inputs, nil
}

func noise(rng *rand.Rand, typ ir.Type) (*tensor.Tensor, error) {
	if typ.DType != tensor.Float32 || typ.Shape == nil {
		return nil, fmt.Errorf("no data for type %v", typ)
	}
	shape := make([]int, len(typ.Shape))
	for i, d := range typ.Shape {
		if shape[i] = 1; d.IsKnown() {
			shape[i] = d.N
		}
	}
	t := tensor.New(tensor.Float32, shape...)
	for i := range tensor.Data[float32](t) {
		tensor.Data[float32](t)[i] = float32(rng.NormFloat64())
	}
	return t, nil
}

// distance is the greatest difference, relative to the greatest magnitude of want, over all outputs.
func distance(got, want []*tensor.Tensor) (float64, error) {
	if len(got) != len(want) {
		return 0, fmt.Errorf("%d outputs, the original has %d", len(got), len(want))
	}
	worst := 0.0
	for i := range want {
		if !slices.Equal(got[i].Shape(), want[i].Shape()) {
			return 0, fmt.Errorf("output %d has shape %v, the original's %v", i, got[i].Shape(), want[i].Shape())
		}
		a, b := numbers(got[i]), numbers(want[i])
		apart, greatest := 0.0, 0.0
		for j := range b {
			if d := math.Abs(a[j] - b[j]); a[j] != b[j] && !(math.IsNaN(a[j]) && math.IsNaN(b[j])) {
				apart = max(apart, d) // NaN if one of them is
			}
			if !math.IsInf(b[j], 0) && !math.IsNaN(b[j]) {
				greatest = max(greatest, math.Abs(b[j]))
			}
		}
		if greatest > 0 {
			apart /= greatest
		}
		worst = max(worst, apart)
	}
	return worst, nil
}

// numbers is a tensor's elements.
func numbers(t *tensor.Tensor) []float64 {
	out := make([]float64, t.Len())
	if ints, ok := t.AsInts(); ok {
		for i, n := range ints {
			out[i] = float64(n)
		}
		return out
	}
	switch t.DType() {
	case tensor.Float64:
		copy(out, tensor.Data[float64](t))
	case tensor.Bool:
		for i, b := range t.Bytes() {
			out[i] = float64(b)
		}
	default:
		data, _ := t.AsFloat32()
		for i, v := range data {
			out[i] = float64(v)
		}
	}
	return out
}

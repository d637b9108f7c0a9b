package onnxrun_test

import (
	"bytes"
	"fmt"
	"os"
	goruntime "runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/exporter"
	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
)

// growing builds graphs of about n nodes.
type growing struct {
	*testing.T
	g *ir.Graph
	x *ir.Value
}

func newGrowing(t *testing.T, shape ...int) *growing {
	g := ir.NewGraph("large")
	g.Opset = ops.Opset
	x, err := g.AddInput("x", ir.Type{DType: tensor.Float32, Shape: ir.Dims(shape...)})
	require.NoError(t, err)
	return &growing{t, g, x}
}

func (b *growing) do(op ir.Op, in ...*ir.Value) *ir.Value {
	n, err := b.g.Append("", op, in, []string{b.g.FreshName("v")})
	require.NoError(b, err)
	return n.Out(0)
}

func (b *growing) konst(v float32, shape ...int) *ir.Value {
	t := tensor.New(tensor.Float32, shape...)
	for i := range tensor.Data[float32](t) {
		tensor.Data[float32](t)[i] = v
	}
	c, err := b.g.AddConst("", t)
	require.NoError(b, err)
	return c
}

// shapes of graphs that take the longest where something looks at all nodes, values, uses or outputs for each of them.
var scales = map[string]func(b *growing, n int) []*ir.Value{
	"relu chain": func(b *growing, n int) []*ir.Value {
		v := b.x
		for i := range n {
			if i%2 == 0 {
				v = b.do(&ops.Relu{}, v)
			} else {
				v = b.do(&ops.Sigmoid{}, v)
			}
		}
		return []*ir.Value{v}
	},
	"identity chain": func(b *growing, n int) []*ir.Value {
		v := b.x
		for range n {
			v = b.do(&ops.Identity{}, v)
		}
		return []*ir.Value{b.do(&ops.Relu{}, v)}
	},
	"add chain": func(b *growing, n int) []*ir.Value {
		v := b.x
		for i := range n {
			v = b.do(&ops.Add{}, v, b.konst(float32(i%7)/8, 4))
		}
		return []*ir.Value{v}
	},
	"constant chain": func(b *growing, n int) []*ir.Value {
		v := b.konst(1, 4)
		for range n {
			v = b.do(&ops.Relu{}, v)
		}
		return []*ir.Value{b.do(&ops.Add{}, b.x, v)}
	},
	"one value of many uses": func(b *growing, n int) []*ir.Value {
		var all []*ir.Value
		for i := range n {
			v := b.do(&ops.Add{}, b.x, b.konst(float32(i), 1))
			if all = append(all, v); len(all) == 1000 || i == n-1 {
				all = []*ir.Value{b.do(&ops.Sum{}, all...)}
			}
		}
		return all
	},
	"equal branches": func(b *growing, n int) []*ir.Value {
		var all []*ir.Value
		for range min(n, 60000) {
			all = append(all, b.do(&ops.Relu{}, b.x))
		}
		return []*ir.Value{b.do(&ops.Concat{}, all...)}
	},
	"identities of one value": func(b *growing, n int) []*ir.Value {
		var all []*ir.Value
		r := b.do(&ops.Relu{}, b.x)
		for range min(n, 60000) {
			all = append(all, b.do(&ops.Identity{}, r))
		}
		return []*ir.Value{b.do(&ops.Concat{}, all...)}
	},
	"outputs": func(b *growing, n int) []*ir.Value {
		var all []*ir.Value
		for i := range n {
			all = append(all, b.do(&ops.Add{}, b.x, b.konst(float32(i), 1)))
		}
		return all
	},
	"outputs of a chain": func(b *growing, n int) []*ir.Value {
		all := []*ir.Value{b.do(&ops.Relu{}, b.x)}
		for range n {
			all = append(all, b.do(&ops.Neg{}, all[len(all)-1]))
		}
		return all
	},
	"initializers": func(b *growing, n int) []*ir.Value {
		for i := range n {
			b.konst(float32(i), 2)
		}
		return []*ir.Value{b.do(&ops.Relu{}, b.x)}
	},
	"dead nodes": func(b *growing, n int) []*ir.Value {
		v := b.x
		for range n {
			v = b.do(&ops.Relu{}, v)
		}
		return []*ir.Value{b.do(&ops.Neg{}, b.x)}
	},
	"residuals": func(b *growing, n int) []*ir.Value {
		v := b.x
		for range n / 2 {
			v = b.do(&ops.Add{}, v, b.do(&ops.Sigmoid{}, v))
		}
		return []*ir.Value{v}
	},
	"transposes": func(b *growing, n int) []*ir.Value {
		v := b.do(&ops.Reshape{}, b.x, b.ints(2, 2))
		for range n {
			v = b.do(&ops.Transpose{Perm: []int{1, 0}}, v)
		}
		return []*ir.Value{v}
	},
	"reshapes": func(b *growing, n int) []*ir.Value {
		v := b.x
		for i := range n {
			if i%2 == 0 {
				v = b.do(&ops.Reshape{}, v, b.ints(2, 2))
			} else {
				v = b.do(&ops.Reshape{}, v, b.ints(4))
			}
		}
		return []*ir.Value{v}
	},
	"shapes": func(b *growing, n int) []*ir.Value {
		v := b.x
		for range n / 2 {
			v = b.do(&ops.Reshape{}, v, b.do(ir.New[ops.Shape](), v))
		}
		return []*ir.Value{v}
	},
	"long lived": func(b *growing, n int) []*ir.Value {
		var all []*ir.Value
		v := b.x
		for range min(n, 60000) {
			v = b.do(&ops.Sigmoid{}, v)
			all = append(all, v)
		}
		return []*ir.Value{b.do(&ops.Sum{}, all...)}
	},
}

func (b *growing) ints(n ...int64) *ir.Value {
	c, err := b.g.AddConst("", tensor.Vector(n...))
	require.NoError(b, err)
	return c
}

var convScales = map[string]func(b *growing, n int) []*ir.Value{
	"convolutions": func(b *growing, n int) []*ir.Value {
		v := b.x
		for i := range n / 2 {
			v = b.do(ir.New[ops.Conv](), v, b.konst(float32(i%3)/4, 1, 1, 1, 1))
			v = b.do(&ops.Relu{}, v)
		}
		return []*ir.Value{v}
	},
	"matrix products": func(b *growing, n int) []*ir.Value {
		v := b.x
		for range n {
			v = b.do(&ops.MatMul{}, v, b.konst(0.5, 1, 1, 2, 2))
		}
		return []*ir.Value{v}
	},
}

// time of all that a graph goes through.
func roadTime(t *testing.T, n int, conv bool, build func(b *growing, n int) []*ir.Value, verbose bool) time.Duration {
	b := newGrowing(t, 4)
	if conv {
		b = newGrowing(t, 1, 1, 2, 2)
	}
	b.g.SetOutputs(build(b, n)...)
	var file bytes.Buffer
	goruntime.GC()
	start := time.Now()
	last := start
	lap := func(what string) {
		if verbose {
			fmt.Printf("   %s %v", what, time.Since(last).Round(time.Millisecond))
		}
		last = time.Now()
	}
	require.NoError(t, exporter.Write(&file, b.g, exporter.Options{}))
	lap("export")
	g, err := importer.Read(&file)
	require.NoError(t, err)
	lap("import")
	s, err := runtime.Compile(t.Context(), g, runtime.Options{Threads: 1})
	require.NoError(t, err)
	defer s.Close()
	lap("compile")
	x := tensor.New(tensor.Float32, b.x.Type().Shape[0].N)
	if conv {
		x = tensor.New(tensor.Float32, 1, 1, 2, 2)
	}
	out := make([]*tensor.Tensor, len(s.Outputs()))
	require.NoError(t, s.RunInto(t.Context(), []*tensor.Tensor{x}, out))
	lap("plan+run")
	require.NoError(t, s.RunInto(t.Context(), []*tensor.Tensor{x}, out))
	lap("run")
	if verbose {
		fmt.Println()
	}
	return time.Since(start)
}

func TestScaleProbe(t *testing.T) {
	n := 20000
	fmt.Sscan(os.Getenv("N"), &n)
	for name, f := range scales {
		if only := os.Getenv("ONLY"); only != "" && only != name {
			continue
		}
		fmt.Println(name)
		roadTime(t, n/4, false, f, true)
		roadTime(t, n, false, f, true)
	}
	for name, f := range convScales {
		if only := os.Getenv("ONLY"); only != "" && only != name {
			continue
		}
		fmt.Println(name)
		roadTime(t, n/4, true, f, true)
		roadTime(t, n, true, f, true)
	}
}

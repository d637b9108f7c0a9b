package onnxrun_test

import (
	"bytes"
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

// road is what a graph goes through, and the time of the processor that it took.
func road(t *testing.T, n int, build func(b *growing, n int) []*ir.Value, shape ...int) time.Duration {
	b := newGrowing(t, shape...)
	b.g.SetOutputs(build(b, n)...)
	x := tensor.New(tensor.Float32, shape...)
	goruntime.GC()
	start := processorTime(t)
	var file bytes.Buffer
	require.NoError(t, exporter.Write(&file, b.g, exporter.Options{}))
	g, err := importer.Read(&file)
	require.NoError(t, err)
	require.Equal(t, len(b.g.Nodes()), len(g.Nodes()))
	s, err := runtime.Compile(t.Context(), g, runtime.Options{Threads: 1})
	require.NoError(t, err)
	defer s.Close()
	out, err := s.Run(t.Context(), x)
	require.NoError(t, err)
	require.Len(t, out, len(b.g.Outputs()))
	return processorTime(t) - start
}

// Four times as many nodes take about four times as long, whatever the form of the graph: with anything that looks at all
// for each they would take near sixteen times as long. ONNXRUN_LONG=1 takes ten times as many.
func TestLargeGraphsTakeLinearTime(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	few := 2500
	if os.Getenv("ONNXRUN_LONG") != "" {
		few = 25000
	}
	const most = 9 // times as long; the memory of larger graphs is slower
	for _, form := range []struct {
		forms map[string]func(b *growing, n int) []*ir.Value
		shape []int
	}{{scales, []int{4}}, {convScales, []int{1, 1, 2, 2}}} {
		for name, build := range form.forms {
			t.Run(name, func(t *testing.T) {
				var ratio float64
				for range 3 { // the collector of garbage works when it will
					short, long := road(t, few, build, form.shape...), road(t, 4*few, build, form.shape...)
					t.Logf("%d nodes %v, %d nodes %v", few, short, 4*few, long)
					if ratio = float64(long) / float64(short); ratio < most {
						return
					}
				}
				t.Errorf("four times as many nodes take %.1f times as long", ratio)
			})
		}
	}
}

package runtime

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Linear layers around an attention that is spelled out, with images before places and, as torch has it, behind them.
const (
	attentionParts = `
  %w1: float32[16,96] = const splat(0.0)
  %w2: float32[32,16] = const splat(0.0)
  %c0: int64[1] = const [0]
  %c32: int64[1] = const [32]
  %c64: int64[1] = const [64]
  %c96: int64[1] = const [96]
  %last: int64[1] = const [-1]
  %factor: float32[] = const 0.25
  %heads: int64[4] = const [0, 0, 2, 16]
  %joined: int64[3] = const [0, 0, 32]
  %folded: int64[3] = const [9, -1, 16]
  %unfolded: int64[3] = const [9, -1, 32]
`
	imagesFirst = `graph "g" opset 21 (%x: float32[N,9,16]) -> (%y) {` + attentionParts + `
  %l = MatMul(%x, %w1) "l"
  %qs = Slice(%l, %c0, %c32, %last) "qs"
  %ks = Slice(%l, %c32, %c64, %last) "ks"
  %vs = Slice(%l, %c64, %c96, %last) "vs"
  %qh = Reshape(%qs, %heads) "qh"
  %kh = Reshape(%ks, %heads) "kh"
  %vh = Reshape(%vs, %heads) "vh"
  %q = Transpose{perm=[0, 2, 1, 3]}(%qh) "q"
  %k = Transpose{perm=[0, 2, 3, 1]}(%kh) "k"
  %v = Transpose{perm=[0, 2, 1, 3]}(%vh) "v"
  %qk = MatMul(%q, %k) "qk"
  %s = Mul(%qk, %factor) "s"
  %p = Softmax(%s) "p"
  %o = MatMul(%p, %v) "o"
  %ot = Transpose{perm=[0, 2, 1, 3]}(%o) "ot"
  %j = Reshape(%ot, %joined) "j"
  %y = MatMul(%j, %w2) "y"
}`
	placesFirst = `graph "g" opset 21 (%x: float32[N,9,16]) -> (%y) {` + attentionParts + `
  %t = Transpose{perm=[1, 0, 2]}(%x) "t"
  %l = MatMul(%t, %w1) "l"
  %qs = Slice(%l, %c0, %c32, %last) "qs"
  %ks = Slice(%l, %c32, %c64, %last) "ks"
  %vs = Slice(%l, %c64, %c96, %last) "vs"
  %qr = Reshape(%qs, %folded) "qr"
  %kr = Reshape(%ks, %folded) "kr"
  %vr = Reshape(%vs, %folded) "vr"
  %q = Transpose{perm=[1, 0, 2]}(%qr) "q"
  %k = Transpose{perm=[1, 2, 0]}(%kr) "k"
  %v = Transpose{perm=[1, 0, 2]}(%vr) "v"
  %qk = MatMul(%q, %k) "qk"
  %s = Mul(%qk, %factor) "s"
  %p = Softmax(%s) "p"
  %o = MatMul(%p, %v) "o"
  %ot = Transpose{perm=[1, 0, 2]}(%o) "ot"
  %j = Reshape(%ot, %unfolded) "j"
  %z = MatMul(%j, %w2) "z"
  %y = Transpose{perm=[1, 0, 2]}(%z) "y"
}`
)

// evaluated is the outputs of a graph by the references of its operators.
func evaluated(t *testing.T, g *ir.Graph, x *tensor.Tensor) *tensor.Tensor {
	values := map[*ir.Value]*tensor.Tensor{g.Inputs()[0]: x}
	for _, n := range g.Nodes() {
		in := make([]*tensor.Tensor, len(n.Inputs()))
		for i, v := range n.Inputs() {
			if in[i] = v.Const(); in[i] == nil {
				in[i] = values[v]
			}
		}
		out, err := ir.Eval(context.Background(), n, in, ir.Host{})
		require.NoError(t, err)
		values[n.Out(0)] = out[0]
	}
	return values[g.Outputs()[0]]
}

// Attention is one step, between linear layers without changes of layout, and gives what its parts give.
func TestAttentionIsOneStep(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	fill := func(x *tensor.Tensor) *tensor.Tensor {
		for i := range tensor.Data[float32](x) {
			tensor.Data[float32](x)[i] = float32(rng.NormFloat64() / 4)
		}
		return x
	}
	for name, text := range map[string]string{"images first": imagesFirst, "places first": placesFirst} {
		g := parse(t, text)
		for _, v := range g.Values() {
			if v.Const() != nil && v.Const().DType() == tensor.Float32 && v.Const().Rank() == 2 {
				fill(v.Const())
			}
		}
		for _, set := range kernel.Sets() {
			for _, images := range []int{1, 3} {
				t.Run(fmt.Sprintf("%s/%v/%d", name, set, images), func(t *testing.T) {
					s, err := Compile(t.Context(), g, Options{Threads: 2, Kernels: set.String()})
					require.NoError(t, err)
					defer s.Close()
					x, out := fill(tensor.New(tensor.Float32, images, 9, 16)), make([]*tensor.Tensor, 1)
					require.NoError(t, s.RunInto(context.Background(), []*tensor.Tensor{x}, out))
					requireNear(t, evaluated(t, g, x), out[0])
					var steps []string
					for _, st := range s.plans[0].steps {
						steps = append(steps, st.Algorithm)
					}
					require.Contains(t, steps, "attention")
					if set.Has(kernel.FamilyTile) {
						at := slices.Index(steps, "attention")
						require.Equal(t, []string{"linear", "attention", "linear"}, steps[at-1:at+2])
					}
					in := []*tensor.Tensor{x}
					require.Zero(t, testing.AllocsPerRun(10, func() {
						if err := s.RunInto(context.Background(), in, out); err != nil {
							t.Fatal(err)
						}
					}))
				})
			}
		}
	}
}

package ir_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

func TestSeal(t *testing.T) {
	g, err := ir.Parse(`graph "g" (%c: bool[], %x: float32[2]) -> (%z) {
		%w: float32[2] = const [1, 2]
		%s: string[2] = const ["a", "b"]
		%y = Add(%x, %w)
		%i = Identity(%s)
		%z = If{then_branch = graph "t" (%a: float32[2]) -> (%o) {
			%k: float32[2] = const [3, 4]
			%o = Mul(%a, %k)
		}, else_branch = graph "e" (%a: float32[2]) -> (%o) {
			%o = Relu(%a)
		}}(%c, %y)
	}`, ops.Lookup)
	require.NoError(t, err)
	seal := ir.NewSeal(g, nil, g.Clone()) // which shares the tensors
	require.NoError(t, seal.Check())
	broken := func(want string) {
		var e *ir.SealError
		require.ErrorAs(t, seal.Check(), &e)
		require.Equal(t, want, e.Value)
	}
	w := tensor.Data[float32](g.Value("w").Const())
	w[1] = 5
	broken("w")
	w[1] = 2
	require.NoError(t, seal.Check())
	tensor.Data[string](g.Value("s").Const())[0] = "c"
	broken("s")
	tensor.Data[string](g.Value("s").Const())[0] = "a"
	for _, body := range ir.Bodies(g.Value("z").Def().Op) {
		if v := body.Value("k"); v != nil {
			tensor.Data[float32](v.Const())[0] = -1
		}
	}
	broken("k")
}

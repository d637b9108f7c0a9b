package ops

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/tensor"
)

// One is the inverse of the other, for elements of every size.
func TestSpaceToDepthAndBack(t *testing.T) {
	x := make([]int64, 2*3*4*6)
	text := make([]string, len(x))
	for i := range x {
		x[i], text[i] = int64(i), string(rune('a'+i%26))
	}
	for _, in := range []*tensor.Tensor{
		tensor.FromSlice(x, 2, 3, 4, 6), tensor.FromSlice(text, 2, 3, 4, 6),
		tensor.FromSlice(make([]bool, len(x)), 2, 3, 4, 6), tensor.FromSlice(make([]tensor.F16, len(x)), 2, 3, 4, 6),
		tensor.FromSlice(make([]complex128, len(x)), 2, 3, 4, 6),
	} {
		deep := eval(t, &SpaceToDepth{Blocksize: 2}, 1, in)[0]
		require.Equal(t, []int{2, 12, 2, 3}, deep.Shape())
		back := eval(t, &DepthToSpace{Blocksize: 2, Mode: "DCR"}, 1, deep)[0]
		require.True(t, back.Equal(in), in.DType())
	}
}

func TestDepthToSpaceRefuses(t *testing.T) {
	f := func(shape ...int) *tensor.Tensor { return tensor.New(tensor.Float32, shape...) }
	require.ErrorContains(t, evalErr(t, &DepthToSpace{Blocksize: 2, Mode: "DCR"}, 1, f(1, 6, 2, 2)), "does not divide the 6 channels")
	require.ErrorContains(t, evalErr(t, &DepthToSpace{Blocksize: 0, Mode: "DCR"}, 1, f(1, 4, 2, 2)), `attribute "blocksize": unsupported value 0`)
	require.ErrorContains(t, evalErr(t, &SpaceToDepth{Blocksize: 2}, 1, f(1, 4, 3, 2)), "does not divide")
	require.ErrorContains(t, evalErr(t, &SpaceToDepth{Blocksize: 2}, 1, f(1, 4, 2)), "expects N×C×H×W")
	require.Equal(t, []int{0, 1, 2, 2}, eval(t, &DepthToSpace{Blocksize: 2, Mode: "CRD"}, 1, f(0, 4, 1, 1))[0].Shape())
}

package ops

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/tensor"
)

// An even size covers one more channel after than before: ceil((size-1)/2).
func TestLRNSpan(t *testing.T) {
	for _, c := range []struct{ size, channel, from, to int }{
		{5, 0, 0, 3}, {5, 3, 1, 6}, {5, 6, 4, 7}, {4, 3, 2, 6}, {1, 3, 3, 4}, {2, 3, 3, 5}, {100, 3, 0, 7},
	} {
		from, to := (&LRN{Size: c.size}).Span(c.channel, 7)
		require.Equal(t, []int{c.from, c.to}, []int{from, to}, "%+v", c)
	}
}

func TestLRNRefuses(t *testing.T) {
	require.ErrorContains(t, evalErr(t, &LRN{Size: 0}, 1, tensor.New(tensor.Float32, 1, 2)), `attribute "size": unsupported value 0`)
	require.ErrorContains(t, evalErr(t, &LRN{Size: 3}, 1, tensor.New(tensor.Float32, 2)), "no channels")
}

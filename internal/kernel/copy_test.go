package kernel

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// checkCopy compares a copy with its definition, index by index.
func checkCopy[T comparable](t require.TestingT, s CopySpec, dstLen, srcLen int, value func(i int) T) {
	src, want := make([]T, srcLen), make([]T, dstLen)
	for i := range src {
		src[i] = value(i)
	}
	for i := range product(s.Shape) {
		d, p := s.DstOffset, s.SrcOffset
		for dim, rest := len(s.Shape)-1, i; dim >= 0; dim-- {
			d += rest % s.Shape[dim] * s.DstStrides[dim]
			p += rest % s.Shape[dim] * s.SrcStrides[dim]
			rest /= s.Shape[dim]
		}
		want[d] = src[p]
	}
	for _, split := range []int{1, 3, 100} {
		s.Split = split
		c, err := NewCopy(s)
		require.NoError(t, err)
		dst := make([]T, dstLen)
		for task := range c.Tasks() {
			RunCopy(c, task, dst, src)
		}
		require.Equal(t, want, dst)
	}
}

func TestPermuteProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var shape, perm []int
		for d := range rapid.IntRange(0, 5).Draw(t, "rank") {
			n := rapid.SampledFrom([]int{1, 2, 3, 7, 8, 20, 130}).Draw(t, "size")
			if product(shape)*n > 30000 {
				n = 2
			}
			shape, perm = append(shape, n), append(perm, d)
		}
		perm = rapid.Permutation(perm).Draw(t, "perm")
		s, err := PermuteSpec(shape, perm, 0)
		require.NoError(t, err)
		n := product(shape)
		checkCopy(t, s, n, n, func(i int) uint32 { return uint32(i + 1) })
		checkCopy(t, s, n, n, func(i int) uint8 { return uint8(i) })
		checkCopy(t, s, n, n, func(i int) uint16 { return uint16(i) })
		checkCopy(t, s, n, n, func(i int) uint64 { return uint64(i) })
	})
}

func TestCopy(t *testing.T) {
	for name, c := range map[string]struct {
		CopySpec
		dst, src int
	}{
		"slice":     {CopySpec{Shape: []int{2, 3}, DstStrides: []int{3, 1}, SrcStrides: []int{10, 2}, SrcOffset: 11}, 6, 40},
		"reverse":   {CopySpec{Shape: []int{2, 5}, DstStrides: []int{5, 1}, SrcStrides: []int{-5, -1}, SrcOffset: 9}, 10, 10},
		"concat":    {CopySpec{Shape: []int{3, 4}, DstStrides: []int{10, 1}, SrcStrides: []int{4, 1}, DstOffset: 6}, 30, 12},
		"expand":    {CopySpec{Shape: []int{3, 4, 5}, DstStrides: []int{20, 5, 1}, SrcStrides: []int{0, 1, 0}}, 60, 4},
		"scalar":    {CopySpec{DstOffset: 2, SrcOffset: 1}, 4, 2},
		"columns":   {CopySpec{Shape: []int{3, 4}, DstStrides: []int{1, 3}, SrcStrides: []int{4, 0}}, 12, 12},
		"spread":    {CopySpec{Shape: []int{7}, DstStrides: []int{2}, SrcStrides: []int{3}, DstOffset: 1}, 15, 19},
		"empty":     {CopySpec{Shape: []int{3, 0}, DstStrides: []int{0, 1}, SrcStrides: []int{0, 1}}, 3, 3},
		"long":      {CopySpec{Shape: []int{20000}, DstStrides: []int{1}, SrcStrides: []int{1}}, 20000, 20000},
		"transpose": {CopySpec{Shape: []int{33, 70}, DstStrides: []int{80, 1}, SrcStrides: []int{1, 40}, DstOffset: 3, SrcOffset: 5}, 2700, 2900},
	} {
		t.Run(name, func(t *testing.T) {
			checkCopy(t, c.CopySpec, c.dst, c.src, func(i int) float32 { return float32(i + 1) })
		})
	}
}

func TestCopyRefusesBadSpecs(t *testing.T) {
	_, err := PermuteSpec([]int{2, 3}, []int{0, 0}, 1)
	require.ErrorContains(t, err, "kernel: permute: ")
	_, err = PermuteSpec([]int{2, 3}, nil, 1)
	require.ErrorContains(t, err, "kernel: permute: ")
	_, err = NewCopy(CopySpec{Shape: []int{2}})
	require.ErrorContains(t, err, "kernel: copy: strides")
	two := []int{2, 2, 2, 2, 2, 2, 2, 2, 2}
	_, err = NewCopy(CopySpec{Shape: two, DstStrides: []int{1, 3, 9, 27, 81, 243, 729, 2187, 6561}, SrcStrides: make([]int, 9)})
	require.ErrorContains(t, err, "kernel: copy: unsupported number of dimensions")
}

func BenchmarkPermute(b *testing.B) {
	s, err := PermuteSpec([]int{224, 224, 3}, []int{2, 0, 1}, 1)
	require.NoError(b, err)
	for name, s := range map[string]CopySpec{
		"HWC-CHW": s,
		"1024":    {Shape: []int{1024, 1024}, DstStrides: []int{1024, 1}, SrcStrides: []int{1, 1024}},
	} {
		b.Run(name, func(b *testing.B) {
			c, err := NewCopy(s)
			require.NoError(b, err)
			n := product(s.Shape)
			x, y := make([]float32, n), make([]float32, n)
			b.SetBytes(int64(8 * n))
			for b.Loop() {
				RunCopy(c, 0, y, x)
			}
		})
	}
}

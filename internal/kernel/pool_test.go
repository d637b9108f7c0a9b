package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// refPool is the definition of pooling: every window, tap by tap.
func refPool(s *PoolSpec, x []float32) []float64 {
	in, out, kernel := fill3(s.In, 1), fill3(s.Out, 1), fill3(s.Kernel, 1)
	stride, dilation, pad, end := fill3(s.Strides, 1), fill3(s.Dilations, 1), fill3(s.Pads, 0), fill3(s.PadsEnd, 0)
	var y []float64
	for p := range s.Planes {
		for o := range product(s.Out) {
			pos := [3]int{o / out[2] / out[1], o / out[2] % out[1], o % out[2]}
			greatest, sum, n := math.Inf(-1), 0.0, 0
			for k := range product(s.Kernel) {
				tap := [3]int{k / kernel[2] / kernel[1], k / kernel[2] % kernel[1], k % kernel[2]}
				var i [3]int
				inside, padded := true, true
				for d := range i {
					i[d] = pos[d]*stride[d] + tap[d]*dilation[d] - pad[d]
					inside = inside && i[d] >= 0 && i[d] < in[d]
					padded = padded && i[d] >= -pad[d] && i[d] < in[d]+end[d]
				}
				if inside {
					v := float64(x[((p*in[0]+i[0])*in[1]+i[1])*in[2]+i[2]])
					greatest, sum = max(greatest, v), sum+v
				}
				if inside || padded && s.CountIncludePad {
					n++
				}
			}
			switch {
			case s.Kind == MaxPool:
				y = append(y, greatest)
			case n == 0:
				y = append(y, 0)
			default:
				y = append(y, sum/float64(n))
			}
		}
	}
	return y
}

func TestPoolProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := PoolSpec{Kind: PoolKind(rapid.IntRange(0, 1).Draw(t, "kind")), Planes: rapid.IntRange(1, 5).Draw(t, "planes"),
			CountIncludePad: rapid.Bool().Draw(t, "countPad")}
		drawSpatial(t, &s.Spatial)
		for d, out := range s.Out {
			s.PadsEnd = append(s.PadsEnd, rapid.IntRange(0, 2).Draw(t, "padEnd"))
			s.Out[d] = out + rapid.IntRange(0, 1).Draw(t, "ceil")
		}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		x := random(r, s.Planes*product(s.In))
		if rapid.Bool().Draw(t, "special") {
			special(r, x)
		}
		want := refPool(&s, x)
		for _, split := range []int{1, 3} {
			s.Split = split
			p, err := NewPool(s)
			require.NoError(t, err)
			y := newGuarded(len(want))
			runAll(p, func(task int, _ []float32) { p.Run(task, y.data, x) })
			y.check(t)
			requireClose(t, want, y.data, float64(product(s.Kernel)))
		}
	})
}

func TestPoolRefusesBadSpecs(t *testing.T) {
	ok := Spatial{In: []int{4}, Out: []int{4}, Kernel: []int{1}}
	for name, s := range map[string]PoolSpec{
		"kind":   {Kind: 7, Planes: 1, Spatial: ok},
		"pads":   {Planes: 1, Spatial: ok, PadsEnd: []int{1, 2}},
		"kernel": {Planes: 1, Spatial: Spatial{In: []int{4}, Out: []int{4}, Kernel: []int{1 << 40}}},
		"planes": {Planes: -1, Spatial: ok},
	} {
		_, err := NewPool(s)
		require.ErrorContains(t, err, "kernel: pool: ", name)
	}
}

func BenchmarkMaxPool(b *testing.B) {
	p, err := NewPool(PoolSpec{Planes: 64, Spatial: Spatial{In: []int{55, 55}, Out: []int{27, 27}, Kernel: []int{3, 3}, Strides: []int{2, 2}}})
	require.NoError(b, err)
	x, y := random(newRand(), 64*55*55), make([]float32, 64*27*27)
	for b.Loop() {
		p.Run(0, y, x)
	}
}

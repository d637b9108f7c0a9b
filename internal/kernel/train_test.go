package kernel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// batchNormCase is a batch normalization with a gradient to go back, and what is to come out, by definition.
type batchNormCase struct {
	s                            BatchNormSpec
	x, dy, scale, shift          []float32
	y, mean, variance            []float64
	dx, dscale, dshift, frozenDx []float64
}

func newBatchNormCase(s BatchNormSpec) *batchNormCase {
	r := newRand()
	n := s.N * s.C * s.Plane
	k := &batchNormCase{s: s, x: random(r, n), dy: random(r, n), scale: random(r, s.C), shift: random(r, s.C)}
	for i := range k.x {
		k.x[i] += 3 // far from zero: sums of squares would cancel
	}
	k.y, k.dx, k.frozenDx = make([]float64, n), make([]float64, n), make([]float64, n)
	for c := range s.C {
		var sum, squares, dshift, dscale float64
		each := func(do func(i int)) {
			for image := range s.N {
				for p := range s.Plane {
					do((image*s.C+c)*s.Plane + p)
				}
			}
		}
		size := float64(s.N * s.Plane)
		each(func(i int) { sum += float64(k.x[i]) })
		mean := sum / size
		each(func(i int) { squares += (float64(k.x[i]) - mean) * (float64(k.x[i]) - mean) })
		f := 1 / math.Sqrt(squares/size+float64(s.Epsilon))
		dy := func(i int) float64 {
			if s.Relu && k.y[i] <= 0 {
				return 0
			}
			return float64(k.dy[i])
		}
		normal := func(i int) float64 { return (float64(k.x[i]) - mean) * f }
		each(func(i int) {
			k.y[i] = normal(i)*float64(k.scale[c]) + float64(k.shift[c])
			if s.Relu {
				k.y[i] = max(0, k.y[i])
			}
			dshift += dy(i)
			dscale += dy(i) * normal(i)
		})
		each(func(i int) {
			k.frozenDx[i] = float64(k.scale[c]) * f * dy(i)
			k.dx[i] = float64(k.scale[c]) * f * (dy(i) - dshift/size - normal(i)*dscale/size)
		})
		k.mean, k.variance = append(k.mean, mean), append(k.variance, squares/size)
		k.dshift, k.dscale = append(k.dshift, dshift), append(k.dscale, dscale)
	}
	return k
}

// batchNormResult is all that the steps give, plain.
type batchNormResult struct{ y, mean, variance, dx, dscale, dshift, frozenDx []float32 }

func (k *batchNormCase) run(t require.TestingT, b *BatchNorm) batchNormResult {
	s := &k.s
	size := s.N * Blocks(s.C) * s.Plane * Block
	sums, mean, variance, y := newGuarded(b.SumsSize()), newGuarded(s.C), newGuarded(s.C), newGuarded(size)
	dscale, dshift, dx, frozen := newGuarded(s.C), newGuarded(s.C), newGuarded(size), newGuarded(size)
	x, dy := toBlocked(k.x, s.N, s.C, s.Plane), toBlocked(k.dy, s.N, s.C, s.Plane)
	finish := func(do func(task int)) {
		for task := range b.FinishTasks() {
			do(task)
		}
	}
	runAll(b, func(task int, _ []float32) { b.Moments(task, sums.data, x) })
	finish(func(task int) { b.Finish(task, mean.data, variance.data, sums.data) })
	runAll(b, func(task int, _ []float32) { b.Run(task, y.data, x, mean.data, variance.data, k.scale, k.shift) })
	runAll(b, func(task int, _ []float32) { b.GradMoments(task, sums.data, dy, x, y.data, mean.data) })
	finish(func(task int) { b.GradFinish(task, dscale.data, dshift.data, sums.data, variance.data) })
	by := BatchNormGrad{Mean: mean.data, Variance: variance.data, Scale: k.scale}
	runAll(b, func(task int, _ []float32) { b.GradRun(task, frozen.data, dy, x, y.data, by) })
	by.DScale, by.DShift = dscale.data, dshift.data
	runAll(b, func(task int, _ []float32) { b.GradRun(task, dx.data, dy, x, y.data, by) })
	for _, g := range []guarded{sums, mean, variance, y, dscale, dshift, dx, frozen} {
		g.check(t)
	}
	plain := func(a []float32) []float32 { return fromBlocked(t, a, s.N, s.C, s.Plane) }
	return batchNormResult{plain(y.data), mean.data, variance.data, plain(dx.data), dscale.data, dshift.data, plain(frozen.data)}
}

func requireNear(t require.TestingT, want []float64, got []float32, delta float64) {
	require.Len(t, got, len(want))
	for i, w := range want {
		require.InDelta(t, w, got[i], delta, "element %d", i)
	}
}

func TestBatchNorm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := newBatchNormCase(BatchNormSpec{N: rapid.IntRange(1, 4).Draw(t, "n"), C: rapid.IntRange(1, 40).Draw(t, "c"),
			Plane: rapid.IntRange(2, 90).Draw(t, "plane"), Epsilon: 1e-3, Relu: rapid.Bool().Draw(t, "relu")})
		checkBatchNorm(t, k)
	})
	checkBatchNorm(t, newBatchNormCase(BatchNormSpec{N: 2, C: 17, Plane: 2*sumStrip + 5, Epsilon: 1e-5, Relu: true}))
}

func checkBatchNorm(t require.TestingT, k *batchNormCase) {
	s := k.s
	for _, s.Set = range allSets(t) {
		var first batchNormResult
		for _, s.Split = range []int{1, 5, 40} {
			b, err := NewBatchNorm(s)
			require.NoError(t, err)
			got := k.run(t, b)
			if first.y != nil {
				require.Equal(t, first, got)
				continue
			}
			first = got
			n := float64(s.N * s.Plane)
			requireNear(t, k.mean, got.mean, 1e-6)
			requireNear(t, k.variance, got.variance, 1e-6)
			requireNear(t, k.y, got.y, 2e-5)
			requireNear(t, k.dshift, got.dshift, 1e-6*n)
			requireNear(t, k.dscale, got.dscale, 1e-5*n)
			requireNear(t, k.dx, got.dx, 1e-4)
			requireNear(t, k.frozenDx, got.frozenDx, 1e-4)
		}
	}
}

func TestBatchNormEmpty(t *testing.T) {
	for _, s := range []BatchNormSpec{{N: 0, C: 5, Plane: 3}, {N: 2, C: 0, Plane: 3}, {N: 2, C: 5, Plane: 0}} {
		b, err := NewBatchNorm(s)
		require.NoError(t, err)
		require.Zero(t, b.Tasks())
		mean, variance := make([]float32, s.C), make([]float32, s.C)
		for task := range b.FinishTasks() {
			b.Finish(task, mean, variance, make([]float32, b.SumsSize()))
			b.GradFinish(task, mean, mean, make([]float32, b.SumsSize()), variance)
		}
		require.Equal(t, make([]float32, s.C), variance)
	}
	_, err := NewBatchNorm(BatchNormSpec{N: 1, C: 1, Plane: 1, Epsilon: float32(math.NaN())})
	require.ErrorContains(t, err, "epsilon")
}

// refPoolGrad is the gradient of a pooling, by definition.
func refPoolGrad(s *BlockedPoolSpec, p *Pool, dy, x []float32) []float64 {
	win := s.window()
	h, w := &win[1], &win[2]
	dx := make([]float64, s.N*s.C*win.inputs())
	for i, d := range dy {
		plane, oy, ox := i/win.outputs()*win.inputs(), i/w.out%h.out, i%w.out
		best, top := -1, math.Inf(-1)
		for _, fy := range h.off {
			for _, fx := range w.off {
				iy, ix := oy*h.stride+fy, ox*w.stride+fx
				if iy < 0 || iy >= h.in || ix < 0 || ix >= w.in {
					continue
				}
				at := plane + iy*w.in + ix
				if s.Kind == AveragePool {
					dx[at] += float64(d) / float64(max(1, p.counts[1][oy]*p.counts[2][ox]))
				} else if v := float64(x[at]); best < 0 || v > top {
					best, top = at, v
				}
			}
		}
		if s.Kind == MaxPool && best >= 0 {
			dx[best] += float64(d)
		}
	}
	return dx
}

func TestBlockedPoolGrad(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := BlockedPoolSpec{N: rapid.IntRange(1, 2).Draw(t, "n"), C: rapid.IntRange(1, 40).Draw(t, "c")}
		s.Kind, s.CountIncludePad = PoolKind(rapid.IntRange(0, 1).Draw(t, "kind")), rapid.Bool().Draw(t, "include")
		s.PadsEnd = drawPlane(t, &s.Spatial)
		r := newRand()
		in, out := product(s.In), product(s.Out)
		x, dy := random(r, s.N*s.C*in), random(r, s.N*s.C*out)
		for i := range x {
			x[i] = float32(int(x[i] * 4)) // many are alike
		}
		plain, err := NewPool(PoolSpec{Kind: s.Kind, Planes: s.N * s.C, Spatial: s.Spatial, CountIncludePad: s.CountIncludePad, PadsEnd: s.PadsEnd})
		require.NoError(t, err)
		want := refPoolGrad(&s, plain, dy, x)
		bx, by := toBlocked(x, s.N, s.C, in), toBlocked(dy, s.N, s.C, out)
		checkSlide(t, s.N, s.C, in, want, float64(product(s.Kernel)+2), func(set *Set, split int, dx []float32) {
			s.Set, s.Split = set, split
			p, err := NewBlockedPool(s)
			require.NoError(t, err)
			y := make([]float32, len(by))
			runAll(p, func(task int, _ []float32) { p.Run(task, y, bx) })
			g, err := NewBlockedPoolGrad(s)
			require.NoError(t, err)
			runAll(g, func(task int, _ []float32) { g.Run(task, dx, by, bx, y) })
		})
	})
}

func TestBlockedMeanGrad(t *testing.T) {
	const n, c, plane = 2, 35, 7
	dy := random(newRand(), n*c)
	for _, set := range allSets(t) {
		g, err := NewBlockedMeanGrad(n, c, plane, 3, set)
		require.NoError(t, err)
		dx := newGuarded(n * Blocks(c) * plane * Block)
		runAll(g, func(task int, _ []float32) { g.Run(task, dx.data, dy) })
		dx.check(t)
		for i, v := range fromBlocked(t, dx.data, n, c, plane) {
			require.InDelta(t, dy[i/plane]/plane, v, 1e-7)
		}
	}
}

func TestClampGrad(t *testing.T) {
	r := newRand()
	nan := float32(math.NaN())
	for _, set := range allSets(t) {
		for _, n := range []int{0, 1, 16, 37, 9000} {
			for _, act := range []Activation{{Kind: Relu}, {Kind: Clip, Min: -0.25, Max: 0.5}} {
				y, dy := special(r, random(r, n)), random(r, n)
				g, err := NewClampGrad(n, act, 3, set)
				require.NoError(t, err)
				dx := newGuarded(n)
				runAll(g, func(task int, _ []float32) { g.Run(task, dx.data, dy, y) })
				dx.check(t)
				for i, v := range y {
					want := dy[i]
					if act.Kind == Relu && v <= 0 || act.Kind == Clip && (v <= -0.25 || v >= 0.5) {
						want = 0
					}
					require.Equal(t, want, dx.data[i], "%v %v", set, v)
				}
			}
		}
	}
	for _, set := range allSets(t) { // a NaN of the gradient stays where it counts, and only there
		dx := make([]float32, 16)
		(&ClampGrad{set: set, hi: nan}).Part(dx, []float32{nan, nan, 15: 0}, []float32{1, -1, 15: 0})
		require.True(t, dx[0] != dx[0])
		require.Zero(t, dx[1])
	}
	_, err := NewClampGrad(3, Activation{Kind: Function}, 1, nil)
	require.ErrorContains(t, err, "unsupported activation")
}

// The gradient equals finite differences of the normalization, in double precision.
func TestBlockedLRNGrad(t *testing.T) {
	r := newRand()
	for _, set := range allSets(t) {
		for _, c := range []int{1, 16, 20} {
			for _, size := range []int{1, 2, 5} {
				for _, beta := range []float32{0.75, 0.5} {
					s := LRNSpec{N: 2, C: c, Inner: 3, Size: size, Alpha: 0.5, Beta: beta, Bias: 1.5, Split: 3}
					x, dy := random(r, s.N*c*s.Inner), random(r, s.N*c*s.Inner)
					l, err := NewBlockedLRNGrad(s, set)
					require.NoError(t, err)
					dx := newGuarded(s.N * Blocks(c) * s.Inner * Block)
					runAll(l, func(task int, scratch []float32) {
						l.Run(task, dx.data, toBlocked(dy, s.N, c, s.Inner), toBlocked(x, s.N, c, s.Inner), scratch)
					})
					dx.check(t)
					loss := func(i int, d float64) (sum float64) {
						value := func(j int) float64 {
							if i == j {
								return float64(x[j]) + d
							}
							return float64(x[j])
						}
						for j := range x {
							squares, ch := 0.0, j/s.Inner%c
							for o := max(0, ch-(size-1)/2); o <= min(c-1, ch+size/2); o++ {
								v := value(j + (o-ch)*s.Inner)
								squares += v * v
							}
							sum += float64(dy[j]) * value(j) * math.Pow(1.5+0.5/float64(size)*squares, -float64(beta))
						}
						return sum
					}
					for i, v := range fromBlocked(t, dx.data, s.N, c, s.Inner) {
						const h = 1e-5
						require.InDelta(t, (loss(i, h)-loss(i, -h))/(2*h), v, 1e-6)
					}
				}
			}
		}
	}
}

// Each gradient of a maximum goes to one element, whatever the window holds.
func TestMaxPoolGradSpecialValues(t *testing.T) {
	s := BlockedPoolSpec{Kind: MaxPool, N: 1, C: Block, Spatial: Spatial{In: []int{9, 9}, Out: []int{3, 3}, Kernel: []int{3, 3}, Strides: []int{3, 3}}}
	r := newRand()
	x, dy := special(r, random(r, 81*Block)), make([]float32, 9*Block)
	for i := range dy {
		dy[i] = float32(i + 1)
	}
	for _, s.Set = range allSets(t) {
		p, err := NewBlockedPool(s)
		require.NoError(t, err)
		g, err := NewBlockedPoolGrad(s)
		require.NoError(t, err)
		y, dx := make([]float32, 9*Block), make([]float32, 81*Block)
		runAll(p, func(task int, _ []float32) { p.Run(task, y, x) })
		runAll(g, func(task int, _ []float32) { g.Run(task, dx, dy, x, y) })
		got := make([]float32, 9*Block)
		for i, v := range dx {
			if v != 0 {
				at := (i/Block/27*3+i/Block%9/3)*Block + i%Block
				require.Zero(t, got[at])
				got[at] = v
			}
		}
		require.Equal(t, dy, got)
	}
}

package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// slotCase calls one slot of a set with arrays that begin at odd offsets, and writes to guarded ones.
type slotCase struct {
	name  string
	sizes []int                     // of what the slot goes through: blocks, pixels, channels
	exact bool                      // numbers are compared or moved, not computed
	has   func(s *Set) bool         // nil: every set has it
	run   func(s *Set, a *slotArgs) // calls the slot
	want  func(a *slotArgs)         // plain Go, where generic has no such slot
}

// slotArgs draws the arrays of a call, the same ones for the same seed.
type slotArgs struct {
	r       *rand.Rand
	n       int
	extreme bool // NaN, infinities and zeros of both signs are among the inputs
	outs    []guarded
	results []float32 // that are no arrays
}

func (a *slotArgs) in(n int) []float32 {
	if x := random(a.r, n); a.extreme {
		return special(a.r, x)
	} else {
		return x
	}
}

func (a *slotArgs) out(n int) []float32 {
	g := newGuarded(n)
	a.outs = append(a.outs, g)
	return g.data
}

// inOut is an output that has contents.
func (a *slotArgs) inOut(n int) []float32 {
	y := a.out(n)
	copy(y, a.in(n))
	return y
}

func ptr(x []float32) unsafe.Pointer { return unsafe.Pointer(&x[0]) }

// Every slot of every set computes what plain Go does, whatever lies in its arrays and however short they are, and writes
// nowhere else.
func TestSetSlots(t *testing.T) {
	blocks := []int{1, 2, 3, 5, 8, 17}
	for _, c := range slotCases(blocks) {
		for _, s := range Sets() {
			if c.has != nil && !c.has(s) {
				continue
			}
			for _, n := range c.sizes {
				for seed := range uint64(6) {
					want := &slotArgs{r: rand.New(rand.NewPCG(seed, 1)), n: n, extreme: seed%2 == 1}
					got := &slotArgs{r: rand.New(rand.NewPCG(seed, 1)), n: n, extreme: seed%2 == 1}
					if c.want != nil {
						c.want(want)
					} else {
						c.run(generic(), want)
					}
					c.run(s, got)
					where := fmt.Sprintf("%v: %s of %d, seed %d", s, c.name, n, seed)
					for i, g := range got.outs {
						g.check(t)
						requireAlike(t, c.exact, want.outs[i].data, g.data, where)
					}
					requireAlike(t, c.exact, want.results, got.results, where)
				}
			}
		}
	}
}

func requireAlike(t *testing.T, exact bool, want, got []float32, where string) {
	if exact {
		requireSame(t, want, got)
	}
	require.Len(t, got, len(want), where)
	for i := range want {
		if !near(want[i], got[i]) {
			require.Failf(t, "another result", "%s: element %d is %v, want %v", where, i, got[i], want[i])
		}
	}
}

func slotCases(blocks []int) []slotCase {
	list := append(productSlots(), elementwiseSlots(blocks)...)
	list = append(append(list, rowSlots(blocks)...), blockedSlots(blocks)...)
	return append(append(list, windowSlots()...), winogradSlots()...)
}

func productSlots() []slotCase {
	var list []slotCase
	most := 1
	for _, s := range Sets() {
		most = max(most, s.tile.blocks)
	}
	for nb := 1; nb <= most; nb++ {
		has := func(s *Set) bool { return nb <= s.tile.blocks }
		list = append(list, slotCase{name: fmt.Sprint("tile of blocks ", nb), sizes: []int{1, 2, 3, 4, 5, 6, 13, 14}, has: has, run: func(s *Set, a *slotArgs) {
			all := slotTile(a, a.n, nb)
			for p := 0; p < a.n; p += s.tile.pixels {
				tile := all
				tile.shape = min(s.tile.pixels, a.n-p) + 16*nb
				tile.x, tile.y, tile.res = unsafe.Add(all.x, p*all.px), unsafe.Add(all.y, p*all.ypx), unsafe.Add(all.res, p*all.ypx)
				s.tile.run(&tile)
			}
		}})
	}
	list = append(list, slotCase{name: "narrow", sizes: []int{1, 2, 5, 6, 8}, run: func(s *Set, a *slotArgs) {
		const pixels, taps = 32, 7 // as many as any set computes at once
		channels := a.n
		x, w, bias, y := a.in(taps*3+pixels), a.in(taps*channels), a.in(channels), a.out(channels*pixels)
		var list [taps]int
		for i := range list {
			list[i] = 3 * i * floatBytes
		}
		for c := 0; c < channels; c += s.narrow.channels {
			m := min(s.narrow.channels, channels-c)
			part := make([]float32, 0, taps*m)
			for t := range taps {
				part = append(part, w[t*channels+c:][:m]...)
			}
			for p := 0; p < pixels; p += s.narrow.pixels {
				s.narrow.run(&narrowArgs{x: ptr(x[p:]), taps: &list[0], w: &part[0], bias: &bias[c], y: ptr(y[c*pixels+p:]), count: taps, ystep: pixels * floatBytes, channels: m})
			}
		}
	}})
	list = append(list, slotCase{name: "depthwise gradient", sizes: []int{1, 2, 4, 6, depthwiseTaps}, run: func(s *Set, a *slotArgs) {
		x, y, sum := a.in((3*5+depthwiseTaps)*Block), a.in(3*4*Block), a.inOut(a.n*Block)
		s.grad.depthwise(&gradArgs{x: ptr(x), y: ptr(y), sum: &sum[0], px: blockBytes, xrow: 5 * blockBytes, yrow: 4 * blockBytes, yb: blockBytes, cols: 4, rows: 3, images: 1, shape: a.n})
	}}, slotCase{name: "gradient tile", sizes: []int{1, 2, 3, 4}, run: func(s *Set, a *slotArgs) {
		x, y, sum := a.in(3*5*Block), a.in(3*4*Block), a.inOut(a.n*Block)
		s.grad.tile(&gradArgs{x: ptr(x), y: ptr(y), sum: &sum[0], step: blockBytes, px: blockBytes, xrow: 5 * blockBytes, yrow: 4 * blockBytes, cols: 4, rows: 3, images: 1, shape: a.n + 16})
	}})
	for size := range 3 {
		for four := range 2 {
			rows, cols := 1<<size, 1+3*four
			list = append(list, slotCase{name: fmt.Sprintf("dot of %d×%d", rows, cols), sizes: []int{1, 2, 3, 4, 7},
				has: func(s *Set) bool { return s.dot.products[size][four] != nil },
				run: func(s *Set, a *slotArgs) {
					k := a.n*Block + 5
					x, w, y := a.in(rows*k), a.in(cols*k), a.out(rows*cols)
					s.dot.products[size][four](&y[0], &x[0], &w[0], k*floatBytes, k*floatBytes, a.n)
				}, want: func(a *slotArgs) { slotDots(a, rows, cols) }})
		}
	}
	for _, n := range []int{1, 2, 3, 9} {
		list = append(list, slotCase{name: fmt.Sprint("dot of lines ", n), sizes: []int{1, 2, 3, 4, 7},
			has: func(s *Set) bool { return s.dot.lines != nil },
			run: func(s *Set, a *slotArgs) {
				k := a.n*Block + 5
				x, w, y := a.in(k), a.in(n*k), a.out(n)
				s.dot.lines(&y[0], &x[0], &w[0], k*floatBytes, a.n, n)
			}, want: func(a *slotArgs) { slotDots(a, 1, n) }})
	}
	return list
}

// slotDots is the products of rows vectors with cols rows.
func slotDots(a *slotArgs, rows, cols int) {
	k := a.n*Block + 5
	x, w, y := a.in(rows*k), a.in(cols*k), a.out(rows*cols)
	for i := range y {
		var sum float64
		for l := range a.n * Block {
			sum += float64(x[i/cols*k+l]) * float64(w[i%cols*k+l])
		}
		y[i] = float32(sum)
	}
}

func slotTile(a *slotArgs, p, nb int) tileArgs {
	const px, depth = 24, 9
	x, w, bias, res, y := a.in(2*40+(p-1)*px+depth), a.in(3*depth*nb*Block), a.in(nb*Block), a.in(p*nb*Block), a.out(p*nb*Block)
	taps := []tileTap{{0, depth}, {40 * floatBytes, depth}, {80 * floatBytes, 4}}
	return tileArgs{x: ptr(x), taps: &taps[0], w: &w[0], y: ptr(y), bias: &bias[0], res: ptr(res), count: len(taps), px: px * floatBytes,
		ypx: blockBytes, yb: p * blockBytes, wstep: nb * blockBytes, clamp: a.n % 2, lo: -0.5, hi: 2}
}

func elementwiseSlots(blocks []int) []slotCase {
	var list []slotCase
	apply := func(name string, exact bool, f func(s *Set) unaryVector, alpha, beta float32, op UnaryOp) {
		list = append(list, slotCase{name: name, sizes: blocks, exact: exact, has: func(s *Set) bool { return f(s) != nil },
			run: func(s *Set, a *slotArgs) {
				x, y := a.in(a.n*Block), a.out(a.n*Block)
				f(s)(&y[0], &x[0], a.n, alpha, beta)
			}, want: func(a *slotArgs) {
				x, y := a.in(a.n*Block), a.out(a.n*Block)
				unary(generic(), op, alpha, beta, y, x)
			}})
	}
	for op := range numUnary {
		if op == UnaryPow {
			continue
		}
		exact := op == UnaryRelu || op == UnaryClip || op == UnaryNeg
		apply(fmt.Sprint("unary ", op), exact, func(s *Set) unaryVector { return s.elementwise.unary[op] }, 0.25, 0.5, op)
	}
	for i := range 7 {
		apply(fmt.Sprint("power ", i), false, func(s *Set) unaryVector { return s.elementwise.power[i] }, float32(i-3)/4, 0, UnaryPow)
	}
	list = append(list, slotCase{name: "affine", sizes: blocks, run: func(s *Set, a *slotArgs) {
		x, y := a.in(a.n*Block), a.out(a.n*Block)
		s.elementwise.affine(&y[0], &x[0], a.n, -0.75, 2)
	}})
	for op := range numBinary {
		arrays := func(a *slotArgs) (y, u, v []float32) { return a.out(a.n * Block), a.in(a.n * Block), a.in(a.n * Block) }
		list = append(list, slotCase{name: fmt.Sprint("binary ", op), sizes: blocks, exact: true,
			has: func(s *Set) bool { return s.elementwise.binary[op] != nil },
			run: func(s *Set, a *slotArgs) {
				y, u, v := arrays(a)
				s.elementwise.binary[op](&y[0], &u[0], &v[0], a.n)
			}, want: func(a *slotArgs) {
				y, u, v := arrays(a)
				(&Binary{set: generic(), op: op}).line(y, u, v)
			}})
	}
	list = append(list, slotCase{name: "transpose", sizes: []int{1, 2, 3, 5}, exact: true, has: func(s *Set) bool { return s.transpose != nil },
		run: func(s *Set, a *slotArgs) {
			ld := 8*a.n + 3
			x, y := a.in(8*ld), a.out(8*a.n*8)
			s.transpose(&y[0], &x[0], 8*floatBytes, ld*floatBytes, 8*8*floatBytes, 8*floatBytes, a.n)
		}, want: func(a *slotArgs) {
			ld := 8*a.n + 3
			x, y := a.in(8*ld), a.out(8*a.n*8)
			for i := range y {
				y[i] = x[i%8*ld+i/8]
			}
		}})
	for kind := range Adam + 1 {
		list = append(list, slotCase{name: fmt.Sprint("update ", kind), sizes: blocks, has: func(s *Set) bool { return s.update.step[kind] != nil },
			run: func(s *Set, a *slotArgs) {
				step, f := slotStep(a)
				s.update.step[kind](&updateArgs{&step.W[0], &step.DW[0], &step.M[0], &step.V[0], &step.ToW[0], &step.ToM[0], &step.ToV[0], a.n, f})
			}, want: func(a *slotArgs) {
				step, f := slotStep(a)
				updateGeneric(kind, &step, &f)
			}})
	}
	return append(list, slotCase{name: "sum of squares", sizes: blocks, run: func(s *Set, a *slotArgs) {
		x, y := a.in(a.n*Block), a.out(Block)
		s.update.squares(&y[0], &x[0], a.n)
	}})
}

func slotStep(a *slotArgs) (UpdateStep, updateFactors) {
	n := a.n * Block
	s := UpdateStep{W: a.in(n), DW: a.in(n), M: a.in(n), V: squares(a.in(n)), ToW: a.out(n), ToM: a.out(n), ToV: a.out(n)}
	return s, updateFactors{0.5, 0.125, 0.1, 0.9, 0.1, 0.99, 0.01, 1.5, 1e-3, 0.875}
}

func rowSlots(blocks []int) []slotCase {
	var list []slotCase
	numbers := func(a *slotArgs, first float32) []float32 {
		x := a.in(a.n * Block)
		for i, v := range x {
			if v != v && first == -inf { // where the greatest is any number
				x[i] = 0.75
			}
		}
		return x
	}
	reduce := func(name string, f func(s *Set) func(*float32, int, float32, float32) float32, first float32, join func(sum, v float64) float64) {
		list = append(list, slotCase{name: name, sizes: blocks, has: func(s *Set) bool { return f(s) != nil },
			run: func(s *Set, a *slotArgs) {
				a.results = append(a.results, f(s)(&numbers(a, first)[0], a.n, first, 0.25))
			},
			want: func(a *slotArgs) {
				sum := float64(first)
				for _, v := range numbers(a, first) {
					sum = join(sum, float64(v))
				}
				a.results = append(a.results, float32(sum))
			}})
	}
	reduce("greatest of a row", func(s *Set) func(*float32, int, float32, float32) float32 { return s.rows.max }, -inf, func(m, v float64) float64 { return max(m, v) })
	reduce("sum of a row", func(s *Set) func(*float32, int, float32, float32) float32 { return s.rows.sum }, 0, func(sum, v float64) float64 { return sum + v })
	reduce("squares of a row", func(s *Set) func(*float32, int, float32, float32) float32 { return s.rows.squares }, 0, func(sum, v float64) float64 { return sum + (v-0.25)*(v-0.25) })
	list = append(list, slotCase{name: "exponentials of a row", sizes: blocks, has: func(s *Set) bool { return s.rows.exp != nil },
		run: func(s *Set, a *slotArgs) {
			x, y := a.in(a.n*Block), a.out(a.n*Block)
			a.results = append(a.results, s.rows.exp(&y[0], &x[0], a.n, 0.5))
		}, want: func(a *slotArgs) {
			x, y := a.in(a.n*Block), a.out(a.n*Block)
			var sum float64
			for i, v := range x {
				e := math.Exp(float64(v) - 0.5)
				sum += e
				y[i] = float32(e)
			}
			a.results = append(a.results, float32(sum))
		}})
	arrays := func(a *slotArgs) (y, x, scale, shift []float32) {
		n := a.n * Block
		return a.out(n), a.in(n), a.in(n), a.in(n)
	}
	return append(list, slotCase{name: "normalization of a row", sizes: blocks, has: func(s *Set) bool { return s.rows.normalize != nil },
		run: func(s *Set, a *slotArgs) {
			y, x, scale, shift := arrays(a)
			s.rows.normalize(&y[0], &x[0], &scale[0], &shift[0], a.n, 0.25, 1.5)
		}, want: func(a *slotArgs) {
			y, x, scale, shift := arrays(a)
			for i, v := range x {
				y[i] = (v-0.25)*1.5*scale[i] + shift[i]
			}
		}})
}

func blockedSlots(blocks []int) []slotCase {
	var list []slotCase
	add := func(name string, exact bool, run func(s *Set, a *slotArgs)) {
		list = append(list, slotCase{name: name, sizes: blocks, exact: exact, run: run})
	}
	for i, pixels := range []int{1, normPixels} {
		const step = 6 * Block
		size := func(a *slotArgs) int { return (a.n-1)*step + pixels*Block }
		add(fmt.Sprint("exponentials of pixels ", pixels), false, func(s *Set, a *slotArgs) {
			a.extreme = false // which TestAttention tries
			x, factor := a.inOut(size(a)), a.out(pixels)
			s.softmax.exponentials[i](&x[0], step*floatBytes, a.n, 0.7, &factor[0])
		})
		add(fmt.Sprint("sums of pixels ", pixels), false, func(s *Set, a *slotArgs) {
			x, y := a.in(size(a)), a.out(pixels*Block)
			s.norm.sums[i](&y[0], &x[0], step*floatBytes, a.n)
			totals(a, y)
		})
		add(fmt.Sprint("squares of pixels ", pixels), false, func(s *Set, a *slotArgs) {
			x, mean, y := a.in(size(a)), a.in(pixels), a.out(pixels*Block)
			s.norm.squares[i](&y[0], &x[0], step*floatBytes, a.n, &mean[0])
			totals(a, y)
		})
		add(fmt.Sprint("normalization of pixels ", pixels), false, func(s *Set, a *slotArgs) {
			x, mean, factor, scale, shift, y := a.in(size(a)), a.in(pixels), a.in(pixels), a.in(a.n*Block), a.in(a.n*Block), a.inOut(size(a))
			s.norm.apply[i](&y[0], &x[0], step*floatBytes, a.n, &mean[0], &factor[0], &scale[0], &shift[0])
		})
	}
	add("factors of pixels", true, func(s *Set, a *slotArgs) {
		y, factor := a.inOut((a.n-1)*2*Block+Block), a.in(a.n)
		s.softmax.scale(&y[0], 2*blockBytes, a.n, &factor[0])
	})
	add("sum of a plane", false, func(s *Set, a *slotArgs) {
		x, y := a.in(a.n*Block), a.out(Block)
		s.slide.plane(&y[0], &x[0], a.n)
	})
	add("moments of a plane", false, func(s *Set, a *slotArgs) {
		x, shift, y := a.in(a.n*Block), a.in(Block), a.out(2*Block)
		s.gradients.plane(&y[0], &x[0], a.n, &shift[0])
	})
	add("gradient of a clamp", true, func(s *Set, a *slotArgs) {
		dy, y, dx := a.in(a.n*Block), a.in(a.n*Block), a.out(a.n*Block)
		s.gradients.clamp(&dx[0], &dy[0], &y[0], a.n, -0.5, 0.25)
	})
	add("slope", false, func(s *Set, a *slotArgs) {
		dy, v, dx := a.in(a.n*Block), a.in(a.n*Block), a.out(a.n*Block)
		s.gradients.slope(&slopeArgs{&dx[0], &dy[0], &v[0], a.n, Slope{-0.75, 0.5, 0.1, 1, 0.5, 0.25, -0.125}})
	})
	for _, masked := range []bool{false, true} {
		pass := func(a *slotArgs, dst []float32) *normGrad {
			dy, x, mask, params := a.in(a.n*Block), a.in(a.n*Block), a.in(a.n*Block), a.in(4*Block)
			g := &normGrad{dst: &dst[0], dy: &dy[0], x: &x[0], params: (*[4][Block]float32)(ptr(params)), n: a.n}
			if masked {
				g.mask = &mask[0]
			}
			return g
		}
		add(fmt.Sprint("gradient moments, masked ", masked), false, func(s *Set, a *slotArgs) { s.gradients.moments(pass(a, a.out(2*Block))) })
		add(fmt.Sprint("gradient of a normalization, masked ", masked), false, func(s *Set, a *slotArgs) { s.gradients.affine(pass(a, a.out(a.n*Block))) })
	}
	for _, size := range []int{1, 2, 5} {
		const step = 3 * Block
		pad := roundUp(size, Block)
		add(fmt.Sprint("lrn over ", size), false, func(s *Set, a *slotArgs) {
			last := (a.n-1)*step + Block
			x, y, scratch := a.in(last), a.inOut(last), make([]float32, a.n*Block+2*pad)
			s.lrn(&y[0], &x[0], step*floatBytes, a.n, &scratch[pad], (size-1)/2*floatBytes, size, 1, 0.5)
		})
		grad := func(a *slotArgs, fast func(*lrnGradArgs)) {
			last := (a.n-1)*step + Block
			dy, x, dx := a.in(last), a.in(last), a.inOut(last)
			l := BlockedLRNGrad{spec: LRNSpec{N: 1, C: a.n * Block, Inner: step / Block, Size: size, Alpha: 0.5, Beta: 0.75, Bias: 1}, fast: fast, pad: pad}
			scratch := make([]float32, l.ScratchSize())
			if fast == nil {
				l.pixel(dx, dy, x, step, scratch)
			} else {
				l.vector(dx, dy, x, scratch, 0, 1)
			}
		}
		list = append(list, slotCase{name: fmt.Sprint("gradient of lrn over ", size), sizes: blocks, has: func(s *Set) bool { return s.gradients.lrn != nil },
			run: func(s *Set, a *slotArgs) { grad(a, s.gradients.lrn) }, want: func(a *slotArgs) { grad(a, nil) }})
	}
	return list
}

// totals puts the total of each pixel of y in place of its 16 sums.
func totals(a *slotArgs, y []float32) {
	for p := range len(y) / Block {
		a.results = append(a.results, float32(total(y[p*Block:][:Block])))
	}
	clear(y)
}

func windowSlots() []slotCase {
	var list []slotCase
	taps := []windowTap{{0, 0}, {blockBytes, blockBytes}, {12 * blockBytes, 2 * blockBytes}}
	for op := range slideOp(3) {
		list = append(list, slotCase{name: fmt.Sprint("window ", op), sizes: []int{1, 2, 3, 4, 7, 9}, exact: op == slideMax, run: func(s *Set, a *slotArgs) {
			x, w, init, y := a.in(4*12*Block), a.in(3*Block), a.in(Block), a.out(3*a.n*Block)
			s.slide.window[op](&windowArgs{x: ptr(x), y: ptr(y), w: ptr(w), init: &init[0], taps: &taps[0], count: len(taps), px: blockBytes, xrow: 12 * blockBytes,
				ypx: blockBytes, yrow: a.n * blockBytes, cols: a.n, rows: 3, clamp: a.n % 2, lo: -inf, hi: 0.5, div: 3})
		}})
	}
	for kind := range AveragePool + 1 {
		list = append(list, slotCase{name: fmt.Sprint("gradient of pooling ", kind), sizes: []int{1, 2, 3, 4, 7, 9}, run: func(s *Set, a *slotArgs) {
			x, dy, y, dx := a.in(24*Block), a.in(a.n*Block), make([]float32, a.n*Block), a.inOut(24*Block)
			for i := range y { // the greatest of its window, so that some inputs equal it
				y[i] = max(x[i], x[i+Block], x[i+12*Block])
			}
			s.gradients.pool[kind](&poolGrad{ptr(x), ptr(y), ptr(dy), ptr(dx), &taps[0], len(taps), blockBytes, a.n, 0.25})
		}})
	}
	return list
}

func winogradSlots() []slotCase {
	var list []slotCase
	for i := range winogradForms {
		f := &winogradForms[i]
		transform := func(name string, rows, results int, of func(k *winogradKernel) winogradTransform) {
			list = append(list, slotCase{name: f.name + " " + name, sizes: []int{1, 2, 5}, run: func(s *Set, a *slotArgs) {
				a.extreme = false // tiles of such numbers are computed by the definition
				x, y, tmp := a.in(rows*(rows+2)*a.n*Block), a.out((results*results-1)*a.n*Block+Block), make([]float32, f.t*f.t*Block)
				row := (rows + 2) * blockBytes
				if name == "filters" || name == "collect" { // which lie one after the other
					row = a.n * blockBytes
				}
				of(&s.winograd[i])(&y[0], a.n*blockBytes, &x[0], row, &tmp[0])
			}})
		}
		transform("input", f.t, f.t, func(k *winogradKernel) winogradTransform { return k.input })
		transform("filters", f.r, f.t, func(k *winogradKernel) winogradTransform { return k.filters })
		transform("spread", f.m, f.t, func(k *winogradKernel) winogradTransform { return k.spread })
		transform("collect", f.t, f.r, func(k *winogradKernel) winogradTransform { return k.collect })
		list = append(list, slotCase{name: f.name + " output", sizes: []int{1, 2, 3, 4}, run: func(s *Set, a *slotArgs) {
			src, bias, res, tmp := a.in(f.t*f.t*Block), a.in(Block), a.in(f.m*f.m*Block), make([]float32, f.t*f.t*Block)
			y := a.out(f.m * f.m * Block)
			out := winogradOut{src: &src[0], step: blockBytes, tmp: &tmp[0], bias: &bias[0], dst: ptr(y), row: f.m * blockBytes, clamp: a.n % 2, lo: -0.5, hi: 1, check: 1}
			if a.n > 2 {
				out.res = ptr(res)
			}
			s.winograd[i].output(&out)
			a.results = append(a.results, float32(min(out.bad, 1)))
			if out.bad != 0 { // the tile has any contents
				a.outs = nil
			}
		}})
	}
	return list
}

// partialSets are plain Go with one family of the best set each.
var partialSets = sync.OnceValue(func() []*Set {
	best := Best()
	var list []*Set
	for f, take := range [numFamilies]func(s *Set){
		FamilyTile:        func(s *Set) { s.tile = best.tile },
		FamilyNarrow:      func(s *Set) { s.narrow = best.narrow },
		FamilyGrad:        func(s *Set) { s.grad = best.grad },
		FamilyDot:         func(s *Set) { s.dot = best.dot },
		FamilySlide:       func(s *Set) { s.slide = best.slide },
		FamilyElementwise: func(s *Set) { s.elementwise = best.elementwise },
		FamilyRows:        func(s *Set) { s.rows = best.rows },
		FamilySoftmax:     func(s *Set) { s.softmax = best.softmax },
		FamilyNorm:        func(s *Set) { s.norm = best.norm },
		FamilyLRN:         func(s *Set) { s.lrn = best.lrn },
		FamilyWinograd:    func(s *Set) { s.winograd = best.winograd },
		FamilyGradients:   func(s *Set) { s.gradients = best.gradients },
		FamilyUpdate:      func(s *Set) { s.update = best.update },
		FamilyTranspose:   func(s *Set) { s.transpose = best.transpose },
	} {
		if best.Has(Family(f)) {
			list = append(list, generic().extend(fmt.Sprint("family ", f), take))
		}
	}
	return list
})

// allSets is the machine's sets and partial ones: all of them, or one that a property draws.
func allSets(t require.TestingT) []*Set {
	if r, ok := t.(*rapid.T); ok && len(partialSets()) > 0 {
		return append(Sets(), rapid.SampledFrom(partialSets()).Draw(r, "partial set"))
	}
	return append(Sets(), partialSets()...)
}

// A set has what overlays made of it, and no more.
func TestHas(t *testing.T) {
	for f := range numFamilies {
		require.False(t, generic().Has(f))
	}
	for _, s := range partialSets() {
		families := 0
		for f := range numFamilies {
			if s.Has(f) {
				families++
				require.Equal(t, fmt.Sprint("family ", f), s.String())
			}
		}
		require.Equal(t, 1, families)
	}
}

func TestParseSet(t *testing.T) {
	for _, name := range []string{"", "auto"} {
		s, err := ParseSet(name)
		require.NoError(t, err)
		require.Equal(t, Best(), s)
	}
	for _, s := range Sets() {
		same, err := ParseSet(s.String())
		require.NoError(t, err)
		require.Same(t, s, same)
	}
	_, err := ParseSet("fast")
	require.EqualError(t, err, `kernel: unknown implementation "fast", expects one of auto, generic, amd64-avx2, amd64-avx512, arm64-neon`)
	if best := Best().String(); best != "amd64-avx512" {
		_, err = ParseSet("amd64-avx512")
		require.EqualError(t, err, "kernel: amd64-avx512 is not available on this machine, the best is "+best)
	}
}

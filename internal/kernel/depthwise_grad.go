package kernel

import (
	"fmt"
	"unsafe"
)

// DepthwiseGradWeights is a prepared gradient of a depthwise convolution by its weights, C×Kernel. It has two steps, as
// ConvGradWeights has.
type DepthwiseGradWeights struct {
	n, c   int
	set    *Set
	win    window
	blocks int
	runs   []tapRun // of a row of taps
	parts  int      // of the images, each with sums of its own
	band   int      // rows of output worked on at once
	chunks          // of parts × blocks
	reduce chunks   // of blocks
}

// tapRun is taps t…t+n-1 of a row of the window, and the output columns for which they all lie inside.
type tapRun struct{ t, n, lo, hi int }

// NewDepthwiseGradWeights prepares a gradient; the spec's Weights, Bias and Act are not looked at.
func NewDepthwiseGradWeights(spec DepthwiseSpec) (*DepthwiseGradWeights, error) {
	const what = "depthwise gradient by weights"
	if err := spec.complete(what); err != nil {
		return nil, err
	}
	full := ConvSpec{N: spec.N, C: spec.C, OutC: spec.C, Group: max(1, spec.C), Spatial: spec.Spatial}
	if err := full.check(what); err != nil {
		return nil, err
	}
	if len(spec.In) != 2 {
		return nil, fmt.Errorf("kernel: %s: %d spatial axes, want 2", what, len(spec.In))
	}
	g := &DepthwiseGradWeights{n: spec.N, c: spec.C, set: spec.Set.orBest(), win: spec.window(), blocks: Blocks(spec.C)}
	g.parts = max(1, min(16, spec.N))
	h, w := &g.win[1], &g.win[2]
	g.band = max(1, min(h.out, cacheBytes/2/max(1, (h.stride*w.in+w.out)*blockBytes)))
	g.runs = w.tapRuns(depthwiseTaps)
	work := spec.N / g.parts * g.win.outputs() * g.win.taps() * Block
	g.chunks = newChunks(g.parts*g.blocks, spec.Split, ceilDiv(slideGrain, max(1, work)))
	g.reduce = newChunks(g.blocks, spec.Split, 4)
	return g, nil
}

// tapRuns divides the pairs of a tap and an output whose input lies inside into runs of up to most taps.
func (a *axis) tapRuns(most int) []tapRun {
	var list []tapRun
	add := func(t, n, lo, hi int) {
		if lo < hi {
			list = append(list, tapRun{t, n, lo, hi})
		}
	}
	for t := 0; t < len(a.off); t += most {
		n := min(most, len(a.off)-t)
		lo, hi := 0, a.out
		for i := t; i < t+n; i++ {
			lo, hi = max(lo, a.lo[i]), min(hi, a.hi[i])
		}
		hi = max(lo, hi)
		add(t, n, lo, hi)
		for i := t; i < t+n; i++ {
			add(i, 1, a.lo[i], min(lo, a.hi[i]))
			add(i, 1, max(hi, a.lo[i]), a.hi[i])
		}
	}
	return list
}

// Algorithm names how the gradient is computed.
func (g *DepthwiseGradWeights) Algorithm() string { return "grad-weights-depthwise" }

// SumsSize returns the number of float32 of sums.
func (g *DepthwiseGradWeights) SumsSize() int { return g.parts * g.blocks * g.win.taps() * Block }

// Run computes one task of sums, [parts][blocks][taps][16], of x, N×C×In, and dy, N×C×Out, both blocked.
func (g *DepthwiseGradWeights) Run(task int, sums, x, dy []float32) {
	h, taps := g.win[1].out, g.win.taps()
	in, out := g.win.inputs()*Block, g.win.outputs()*Block
	lo, hi := g.bounds(task)
	for u := lo; u < hi; u++ {
		part, b := u/g.blocks, u%g.blocks
		sum := sums[u*taps*Block:][:taps*Block]
		clear(sum)
		if in == 0 || out == 0 {
			continue
		}
		for image := part * g.n / g.parts; image < (part+1)*g.n/g.parts; image++ {
			plane := image*g.blocks + b
			for r0 := 0; r0 < h; r0 += g.band {
				g.rows(sum, x[plane*in:][:in], dy[plane*out:][:out], r0, min(r0+g.band, h))
			}
		}
	}
}

// rows adds rows r0…r1-1 of a plane.
func (g *DepthwiseGradWeights) rows(sum, x, dy []float32, r0, r1 int) {
	h, w := &g.win[1], &g.win[2]
	step := 0
	if len(w.off) > 1 {
		step = w.off[1] - w.off[0]
	}
	for ty := range h.off {
		from, to := max(r0, h.lo[ty]), min(r1, h.hi[ty])
		if from >= to {
			continue
		}
		for _, r := range g.runs {
			a := gradArgs{sum: &sum[(ty*len(w.off)+r.t)*Block], px: w.stride * blockBytes, xrow: h.stride * w.in * blockBytes,
				yrow: w.out * blockBytes, yb: step * blockBytes, cols: r.hi - r.lo, rows: to - from, images: 1, shape: r.n}
			a.x = unsafe.Pointer(&x[((from*h.stride+h.off[ty])*w.in+r.lo*w.stride+w.off[r.t])*Block])
			a.y = unsafe.Pointer(&dy[(from*w.out+r.lo)*Block])
			g.set.grad.depthwise(noescape(&a))
		}
	}
}

// ReduceTasks returns the number of tasks of Reduce.
func (g *DepthwiseGradWeights) ReduceTasks() int { return g.reduce.tasks }

// Reduce computes one task of dw from sums, which it uses up: it adds up the parts, in order.
func (g *DepthwiseGradWeights) Reduce(task int, dw, sums []float32) {
	taps := g.win.taps()
	lo, hi := g.reduce.bounds(task)
	for b := lo; b < hi; b++ {
		total := sums[b*taps*Block:][:taps*Block]
		for part := 1; part < g.parts; part++ {
			addScaled(total, sums[(part*g.blocks+b)*taps*Block:], 1)
		}
		for c := b * Block; c < min(g.c, (b+1)*Block); c++ {
			for t := range taps {
				dw[c*taps+t] = total[t*Block+c%Block]
			}
		}
	}
}

// ChannelSum is a prepared sum over the images and pixels of blocked data, channel by channel: the gradient of a bias.
// Planes are summed in float32, their sums in float64.
type ChannelSum struct {
	n, c, plane int
	set         *Set
	chunks      // of blocks
}

// NewChannelSum prepares a sum for n images of c channels of plane pixels.
func NewChannelSum(n, c, plane, split int, set *Set) (*ChannelSum, error) {
	if _, err := count("channel sum", n, roundUp(c, Block), plane); err != nil {
		return nil, err
	}
	return &ChannelSum{n, c, plane, set.orBest(), newChunks(Blocks(c), split, ceilDiv(grain, max(1, n*plane*Block)))}, nil
}

// Algorithm names how it is computed.
func (s *ChannelSum) Algorithm() string { return "channel-sum" }

// sumStrip is how many pixels are summed in float32.
const sumStrip = 1024

// Run computes one task of y, C elements.
func (s *ChannelSum) Run(task int, y, x []float32) {
	size, blocks := s.plane*Block, Blocks(s.c)
	lo, hi := s.bounds(task)
	for b := lo; b < hi; b++ {
		var total [Block]float64
		for image := range s.n {
			plane := x[(image*blocks+b)*size:][:size]
			for len(plane) > 0 {
				var sum [Block]float32
				n := min(len(plane), sumStrip*Block)
				sumPlane(s.set, &sum, plane[:n])
				plane = plane[n:]
				for i, v := range sum {
					total[i] += float64(v)
				}
			}
		}
		for c := b * Block; c < min(s.c, (b+1)*Block); c++ {
			y[c] = float32(total[c%Block])
		}
	}
}

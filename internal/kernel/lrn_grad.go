package kernel

import (
	"fmt"
	"math"
)

// BlockedLRNGrad is a prepared gradient of local response normalization of blocked data, of any exponent; of
// 3/4 with vector registers.
// With s = Bias + Alpha/Size · Σ x² over the window of each channel,
//
//	dx[i] = dy[i]·s[i]^-Beta - 2·Alpha·Beta/Size · x[i] · Σ dy[j]·x[j]·s[j]^(-Beta-1)
//
// summed over the channels j whose window holds i.
type BlockedLRNGrad struct {
	spec LRNSpec
	fast func(a *lrnGradArgs) // nil where there is none, as for other exponents than 3/4
	pad  int
	chunks
}

// NewBlockedLRNGrad prepares a gradient.
func NewBlockedLRNGrad(spec LRNSpec, set *Set) (*BlockedLRNGrad, error) {
	if spec.Size < 1 || spec.Size > maxTaps {
		return nil, fmt.Errorf("kernel: gradient of lrn: unsupported size %d", spec.Size)
	}
	if _, err := count("gradient of lrn", spec.N, spec.Inner, roundUp(spec.C, Block)); err != nil {
		return nil, err
	}
	l := &BlockedLRNGrad{spec: spec, pad: roundUp(spec.Size, Block)}
	if spec.Beta == 0.75 {
		l.fast = set.orBest().gradients.lrn
	}
	if spec.C > 0 {
		l.chunks = newChunks(spec.N*spec.Inner, spec.Split, max(1, grain/max(1, spec.C*16)))
	}
	return l, nil
}

// Algorithm names how it is computed.
func (l *BlockedLRNGrad) Algorithm() string { return "grad-lrn" }

// ScratchSize returns the number of float32 of scratch that Run needs.
func (l *BlockedLRNGrad) ScratchSize() int {
	if l.fast == nil {
		return 4 * l.spec.C
	}
	return 3*Blocks(l.spec.C)*Block + 4*l.pad
}

// Run computes the gradient at some positions.
func (l *BlockedLRNGrad) Run(task int, dx, dy, x, scratch []float32) {
	s := &l.spec
	step, size := s.Inner*Block, Blocks(s.C)*s.Inner*Block
	lo, hi := l.bounds(task)
	if l.fast != nil {
		l.vector(dx, dy, x, scratch, lo, hi)
		return
	}
	for p := lo; p < hi; p++ {
		at := p/s.Inner*size + p%s.Inner*Block
		end := at + size - step + Block
		l.pixel(dx[at:end], dy[at:end], x[at:end], step, scratch)
	}
}

// vector computes positions lo…hi-1 with vector registers.
func (l *BlockedLRNGrad) vector(dx, dy, x, scratch []float32, lo, hi int) {
	s := &l.spec
	blocks, size := Blocks(s.C), Blocks(s.C)*s.Inner*Block
	padded := blocks*Block + 2*l.pad
	scratch = scratch[:l.ScratchSize()]
	clear(scratch)
	before, after := (s.Size-1)/2, s.Size/2
	scale := s.Alpha / float32(s.Size)
	a := lrnGradArgs{
		step: s.Inner * blockBytes, blocks: blocks, squares: &scratch[0], terms: &scratch[padded], power: &scratch[2*padded],
		pad: l.pad * floatBytes, before: before * floatBytes, after: after * floatBytes, size: s.Size,
		bias: s.Bias, scale: scale, back: -2 * s.Beta * scale,
	}
	for p := lo; p < hi; p++ {
		at := p/s.Inner*size + p%s.Inner*Block
		end := at + size - s.Inner*Block + Block
		a.dx, a.dy, a.x = &dx[at:end][0], &dy[at:end][0], &x[at:end][0]
		l.fast(noescape(&a))
	}
}

// pixel computes one position, whose blocks lie step elements apart.
func (l *BlockedLRNGrad) pixel(dx, dy, x []float32, step int, scratch []float32) {
	s := &l.spec
	n, before, after := s.C, (s.Size-1)/2, s.Size/2
	values, power, terms, squares := scratch[:n], scratch[n:2*n], scratch[2*n:3*n], scratch[3*n:4*n]
	for c := range n {
		v := x[c/Block*step+c%Block]
		values[c], squares[c] = v, v*v
	}
	scale := s.Alpha / float32(s.Size)
	for c := range n {
		sum := s.Bias + scale*around(squares, c-before, c+after)
		power[c] = negativePower(sum, s.Beta)
		terms[c] = dy[c/Block*step+c%Block] * values[c] * power[c] / sum
	}
	scale *= -2 * s.Beta
	for b := 0; b < n; b += Block {
		to := dx[b/Block*step:][:Block]
		clear(to)
		for c := b; c < min(n, b+Block); c++ {
			to[c-b] = dy[c/Block*step+c%Block]*power[c] + scale*values[c]*around(terms, c-after, c+before)
		}
	}
}

// around is the sum of elements first…last that exist.
func around(x []float32, first, last int) (sum float32) {
	for _, v := range x[max(0, first):min(len(x), last+1)] {
		sum += v
	}
	return sum
}

// negativePower is x^-beta.
func negativePower(x, beta float32) float32 {
	if beta == 0.75 {
		root := float32(math.Sqrt(float64(x)))
		return 1 / (root * float32(math.Sqrt(float64(root))))
	}
	return float32(math.Pow(float64(x), -float64(beta)))
}

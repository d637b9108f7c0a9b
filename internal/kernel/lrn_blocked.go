package kernel

import (
	"fmt"
	"math"
	"unsafe"
)

// BlockedLRN is a prepared local response normalization with exponent 3/4 on blocked data.
type BlockedLRN struct {
	spec LRNSpec
	set  *Set
	pad  int
	chunks
}

// NewBlockedLRN prepares a normalization; it fails for other exponents than 3/4.
func NewBlockedLRN(spec LRNSpec, set *Set) (*BlockedLRN, error) {
	if spec.Beta != 0.75 || spec.Size < 1 || spec.Size > maxTaps {
		return nil, fmt.Errorf("kernel: blocked lrn: unsupported size %d or exponent %v", spec.Size, spec.Beta)
	}
	if _, err := count("lrn", spec.N, spec.Inner, roundUp(spec.C, Block)); err != nil {
		return nil, err
	}
	l := &BlockedLRN{spec: spec, set: set.orBest(), pad: roundUp(spec.Size, Block)}
	l.chunks = newChunks(spec.N*spec.Inner, spec.Split, max(1, grain/max(1, spec.C*4)))
	if spec.C == 0 {
		l.chunks = chunks{}
	}
	return l, nil
}

// Algorithm names how it is computed.
func (l *BlockedLRN) Algorithm() string { return "lrn" }

// ScratchSize returns the number of float32 of scratch that Run needs.
func (l *BlockedLRN) ScratchSize() int { return 2*l.pad + Blocks(l.spec.C)*Block }

// Run normalizes some positions of x into y.
func (l *BlockedLRN) Run(task int, y, x, scratch []float32) {
	s := &l.spec
	blocks, step := Blocks(s.C), s.Inner*Block
	before := (s.Size - 1) / 2
	clear(scratch[:l.ScratchSize()])
	lo, hi := l.bounds(task)
	for p := lo; p < hi; p++ {
		at := p/s.Inner*blocks*step + p%s.Inner*Block
		end := at + (blocks-1)*step + Block
		l.set.lrn(&y[at:end][0], &x[at:end][0], step*floatBytes, blocks, &scratch[l.pad], before*floatBytes, s.Size, s.Bias, s.Alpha/float32(s.Size))
	}
}

// lrnPixelGeneric is the reference.
func lrnPixelGeneric(y, x *float32, step, blocks int, squares *float32, before, size int, bias, scale float32) {
	own := unsafe.Slice(squares, blocks*Block)
	around := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(squares), -before)), blocks*Block+size)
	for b := range blocks {
		for j, v := range blockAt(x, b*step) {
			own[b*Block+j] = v * v
		}
	}
	for b := range blocks {
		to := blockAt(y, b*step)
		for j, v := range blockAt(x, b*step) {
			var sum float32
			for _, s := range around[b*Block+j:][:size] {
				sum += s
			}
			root := float32(math.Sqrt(float64(bias + scale*sum)))
			to[j] = v / (root * float32(math.Sqrt(float64(root))))
		}
	}
}

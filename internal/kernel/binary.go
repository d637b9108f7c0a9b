package kernel

import (
	"fmt"
	"math"
)

// BinaryOp names a function of two numbers.
type BinaryOp uint8

const (
	Add BinaryOp = iota
	Sub
	Mul
	Div
	Pow
	Min   // NaN if either is
	Max   // NaN if either is
	PRelu // a, multiplied by b where negative
	numBinary
)

// BinarySpec describes y = act(a op b) with the broadcasting of NumPy and ONNX.
type BinarySpec struct {
	Op             BinaryOp
	ShapeA, ShapeB []int
	Act            Activation
	Split          int
	Set            *Set
}

// Binary is a prepared elementwise function of two arrays.
type Binary struct {
	set  *Set
	op   BinaryOp
	act  Activation
	walk *walk
	chunks
}

// NewBinary prepares an elementwise function of two arrays.
func NewBinary(spec BinarySpec) (*Binary, error) {
	if spec.Op >= numBinary || spec.Act.Kind > Clip {
		return nil, fmt.Errorf("kernel: binary: unknown operation %d or activation %d", spec.Op, spec.Act.Kind)
	}
	rank := max(len(spec.ShapeA), len(spec.ShapeB))
	a, b := padShape(spec.ShapeA, rank), padShape(spec.ShapeB, rank)
	shape := make([]int, rank)
	strideA, strideB := denseStrides(a), denseStrides(b)
	for d := range shape {
		shape[d] = a[d]
		switch {
		case a[d] == b[d]:
		case b[d] == 1:
			strideB[d] = 0
		case a[d] == 1:
			shape[d], strideA[d] = b[d], 0
		default:
			return nil, fmt.Errorf("kernel: binary: shapes %v and %v do not broadcast", spec.ShapeA, spec.ShapeB)
		}
	}
	w, err := newWalk("binary", shape, strideA, strideB)
	if err != nil {
		return nil, err
	}
	return &Binary{spec.Set.orBest(), spec.Op, spec.Act, w, newChunks(w.lines*w.length(), spec.Split, grain)}, nil
}

// padShape puts ones in front of a shape.
func padShape(shape []int, rank int) []int {
	s := make([]int, rank)
	lead := rank - len(shape)
	for d := range lead {
		s[d] = 1
	}
	copy(s[lead:], shape)
	return s
}

// binaryBlock is the number of elements of a repeated operand that are laid out at once.
const binaryBlock = 256

// Run computes a part of y, which may be an operand of y's shape.
func (k *Binary) Run(task int, y, a, b []float32) {
	lo, hi := k.bounds(task)
	n := k.walk.length()
	stepA, stepB := k.walk.steps()
	at := lo % n
	var bufA, bufB [binaryBlock]float32
	for cur := k.walk.seek(lo / n); lo < hi; cur.next() {
		end := lo + min(n-at, hi-lo)
		offA, offB := cur.at[0]+at*stepA, cur.at[1]+at*stepB
		if stepA == 1 && stepB == 1 {
			k.line(y[lo:end], a[offA:], b[offB:])
			lo = end
		}
		if stepA == 0 {
			fill(bufA[:min(binaryBlock, end-lo)], a[offA])
		}
		if stepB == 0 {
			fill(bufB[:min(binaryBlock, end-lo)], b[offB])
		}
		for lo < end {
			m := min(binaryBlock, end-lo)
			lineA, lineB := bufA[:m], bufB[:m]
			if stepA != 0 {
				lineA = a[offA : offA+m]
			}
			if stepB != 0 {
				lineB = b[offB : offB+m]
			}
			k.line(y[lo:lo+m], lineA, lineB)
			lo, offA, offB = lo+m, offA+m*stepA, offB+m*stepB
		}
		at = 0
	}
}

func fill(y []float32, v float32) {
	for i := range y {
		y[i] = v
	}
}

func (k *Binary) line(y, a, b []float32) {
	a, b = a[:len(y)], b[:len(y)]
	defer k.act.apply(k.set, y)
	if n := len(y) / Block * Block; vectorBinary(k.set, k.op, y, a, b) {
		y, a, b = y[n:], a[n:], b[n:] // single operations are the same in plain Go
	}
	switch k.op {
	case Add:
		for i := range y {
			y[i] = a[i] + b[i]
		}
	case Sub:
		for i := range y {
			y[i] = a[i] - b[i]
		}
	case Mul:
		for i := range y {
			y[i] = a[i] * b[i]
		}
	case Div:
		for i := range y {
			y[i] = a[i] / b[i]
		}
	case Pow:
		power(y, a, b)
	case Min:
		for i := range y {
			y[i] = min(a[i], b[i])
		}
	case Max:
		for i := range y {
			y[i] = max(a[i], b[i])
		}
	case PRelu:
		for i := range y {
			y[i] = leaky(a[i], b[i])
		}
	}
}

// power computes a^b.
func power(y, a, b []float32) {
	for i, x := range a {
		if q, ok := asQuarters(b[i]); ok && x > 0 && x < inf {
			y[i] = float32(quarters(float64(x), q))
		} else {
			y[i] = float32(math.Pow(float64(x), float64(b[i])))
		}
	}
}

// KeepsZero reports whether the function of 0 and b is 0.
func (op BinaryOp) KeepsZero(b float32) bool {
	switch op {
	case Add, Sub:
		return b == 0
	case Mul:
		return b-b == 0
	case Div:
		return b != 0 && b == b
	}
	return false
}

// asQuarters is 4·p of an exponent that needs no logarithm: a multiple of 1/4, as normalizations have them, up to 4.
func asQuarters(p float32) (q int, ok bool) {
	f := 4 * p
	if !(-16 <= f && f <= 16) || f != float32(int(f)) {
		return 0, false
	}
	return int(f), true
}

// quarters is x^(q/4) of a positive x.
func quarters(x float64, q int) float64 {
	n := max(q, -q)
	p := 1.0
	if n%4 >= 2 || n%2 == 1 {
		root := math.Sqrt(x)
		if n%4 >= 2 {
			p = root
		}
		if n%2 == 1 {
			p *= math.Sqrt(root)
		}
	}
	for range n / 4 {
		p *= x
	}
	if q < 0 {
		return 1 / p
	}
	return p
}

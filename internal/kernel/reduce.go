package kernel

import (
	"fmt"
	"math"
)

// ReduceOp names a function of many numbers.
type ReduceOp uint8

const (
	ReduceSum  ReduceOp = iota
	ReduceMean          // NaN of nothing
	ReduceMax           // NaN if any is; -Inf of nothing
	ReduceMin           // NaN if any is; +Inf of nothing
	ReduceProd
	ReduceSumSquare
	ReduceL1
	ReduceL2
	numReduce
)

// ReduceSpec describes the reduction of a dense array of a shape over the dimensions that Reduced marks.
type ReduceSpec struct {
	Op      ReduceOp
	Shape   []int
	Reduced []bool
	Split   int
}

// Reduce is a prepared reduction. Sums and products are held in float64.
type Reduce struct {
	op      ReduceOp
	kept    *walk
	reduced *walk
	columns bool // neighbouring outputs lie side by side and are reduced together; else an output's inputs lie in lines
	number  int  // inputs per output
	chunks
}

// NewReduce prepares a reduction.
func NewReduce(spec ReduceSpec) (*Reduce, error) {
	if spec.Op >= numReduce {
		return nil, fmt.Errorf("kernel: reduce: unknown operation %d", spec.Op)
	}
	if len(spec.Reduced) != len(spec.Shape) {
		return nil, fmt.Errorf("kernel: reduce: %d marks for shape %v", len(spec.Reduced), spec.Shape)
	}
	if _, err := count("reduce", spec.Shape...); err != nil {
		return nil, err
	}
	strides := denseStrides(spec.Shape)
	var sizes, steps [2][]int // of kept and of reduced dimensions
	last := 1                 // which of them the last dimension above 1 is
	for d, n := range spec.Shape {
		i := 0
		if spec.Reduced[d] {
			i = 1
		}
		if n != 1 {
			last = i
		}
		sizes[i], steps[i] = append(sizes[i], n), append(steps[i], strides[d])
	}
	k := &Reduce{op: spec.Op, columns: last == 0, number: product(sizes[1])}
	var err error
	if k.kept, err = newWalk("reduce", sizes[0], steps[0], steps[0]); err != nil {
		return nil, err
	}
	if k.reduced, err = newWalk("reduce", sizes[1], steps[1], steps[1]); err != nil {
		return nil, err
	}
	k.chunks = newChunks(product(sizes[0]), spec.Split, grain/max(1, k.number))
	return k, nil
}

// reduceBlock is the number of neighbouring outputs that are reduced side by side.
const reduceBlock = 64

// Run computes some outputs, in row-major order of the kept dimensions.
func (k *Reduce) Run(task int, y, x []float32) {
	lo, hi := k.bounds(task)
	n := k.kept.length()
	step, _ := k.kept.steps()
	var buffer [reduceBlock]float64
	at := lo % n
	for cur := k.kept.seek(lo / n); lo < hi; cur.next() {
		for end := lo + min(n-at, hi-lo); lo < end; {
			m := 1
			if k.columns {
				m = min(reduceBlock, end-lo)
			}
			acc := buffer[:m]
			k.gather(acc, x, cur.at[0]+at*step)
			for i, v := range acc {
				y[lo+i] = float32(k.finish(v))
			}
			lo, at = lo+m, at+m
		}
		at = 0
	}
}

// gather reduces len(acc) neighbouring outputs, the inputs of the first of which begin at offset from.
func (k *Reduce) gather(acc []float64, x []float32, from int) {
	begin := 0.0
	switch k.op {
	case ReduceMax:
		begin = math.Inf(-1)
	case ReduceMin:
		begin = math.Inf(1)
	case ReduceProd:
		begin = 1
	}
	for i := range acc {
		acc[i] = begin
	}
	if k.number == 0 {
		return
	}
	n := k.reduced.length()
	step, _ := k.reduced.steps()
	cur := k.reduced.seek(0)
	for range k.reduced.lines {
		at := from + cur.at[0]
		if !k.columns {
			acc[0] = foldLine(k.op, acc[0], x[at:at+n])
		} else {
			for range n {
				foldColumns(k.op, acc, x[at:at+len(acc)])
				at += step
			}
		}
		cur.next()
	}
}

// foldLine takes a line of inputs into one accumulator.
func foldLine(op ReduceOp, acc float64, x []float32) float64 {
	switch op {
	case ReduceSum, ReduceMean:
		var s1, s2, s3 float64
		for ; len(x) >= 4; x = x[4:] {
			acc += float64(x[0])
			s1 += float64(x[1])
			s2 += float64(x[2])
			s3 += float64(x[3])
		}
		for _, v := range x {
			acc += float64(v)
		}
		return (acc + s1) + (s2 + s3)
	case ReduceMax:
		for _, v := range x {
			acc = max(acc, float64(v))
		}
	case ReduceMin:
		for _, v := range x {
			acc = min(acc, float64(v))
		}
	case ReduceProd:
		for _, v := range x {
			acc *= float64(v)
		}
	case ReduceSumSquare, ReduceL2:
		for _, v := range x {
			acc += float64(v) * float64(v)
		}
	case ReduceL1:
		for _, v := range x {
			acc += math.Abs(float64(v))
		}
	}
	return acc
}

// foldColumns takes one input into each accumulator.
func foldColumns(op ReduceOp, acc []float64, x []float32) {
	acc = acc[:len(x)]
	switch op {
	case ReduceSum, ReduceMean:
		for i, v := range x {
			acc[i] += float64(v)
		}
	case ReduceMax:
		for i, v := range x {
			acc[i] = max(acc[i], float64(v))
		}
	case ReduceMin:
		for i, v := range x {
			acc[i] = min(acc[i], float64(v))
		}
	case ReduceProd:
		for i, v := range x {
			acc[i] *= float64(v)
		}
	case ReduceSumSquare, ReduceL2:
		for i, v := range x {
			acc[i] += float64(v) * float64(v)
		}
	case ReduceL1:
		for i, v := range x {
			acc[i] += math.Abs(float64(v))
		}
	}
}

func (k *Reduce) finish(v float64) float64 {
	switch k.op {
	case ReduceMean:
		return v / float64(k.number)
	case ReduceL2:
		return math.Sqrt(v)
	}
	return v
}

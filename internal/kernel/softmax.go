package kernel

import "math"

// SoftmaxSpec describes softmax, or its logarithm, over the middle axis of arrays Outer×Axis×Inner.
type SoftmaxSpec struct {
	Outer, Axis, Inner int
	Log                bool
	Split              int
	Set                *Set
}

// Softmax is a prepared softmax.
type Softmax struct {
	spec SoftmaxSpec
	chunks
}

// NewSoftmax prepares a softmax.
func NewSoftmax(spec SoftmaxSpec) (*Softmax, error) {
	n, err := count("softmax", spec.Outer, spec.Inner, spec.Axis)
	if err != nil {
		return nil, err
	}
	spec.Set = spec.Set.orBest()
	return &Softmax{spec, newChunks(min(n, spec.Outer*spec.Inner), spec.Split, max(1, grain/8/max(1, spec.Axis)))}, nil
}

// softmaxBlock is the number of neighbouring columns that are computed together.
const softmaxBlock = 64

// Run computes some columns of y, which may be x.
func (k *Softmax) Run(task int, y, x []float32) {
	lo, hi := k.bounds(task)
	rows := &k.spec.Set.rows
	if k.spec.Inner == 1 && rows.max != nil && rows.exp != nil && !k.spec.Log && k.spec.Axis >= Block {
		n := k.spec.Axis
		for r := lo; r < hi; r++ {
			softmaxRow(k.spec.Set, y[r*n:(r+1)*n], x[r*n:(r+1)*n])
		}
		return
	}
	inner, size := k.spec.Inner, k.spec.Axis*k.spec.Inner
	for lo < hi {
		outer, at := lo/inner, lo%inner
		n := min(hi-lo, inner-at, softmaxBlock)
		from := outer*size + at
		k.block(y[from:(outer+1)*size], x[from:(outer+1)*size], n)
		lo += n
	}
}

// softmaxRow computes a row of at least Block elements.
func softmaxRow(set *Set, y, x []float32) {
	n := len(x) / Block * Block
	top := set.rows.max(&x[0], n/Block, -inf, 0)
	var last [Block]float32
	for _, v := range x[n:] {
		top = max(top, v)
	}
	for i := range last {
		last[i] = -inf
	}
	copy(last[:], x[n:])
	tail := noescape(&last[0])
	sum := set.rows.exp(&y[:n][0], &x[0], n/Block, top) + set.rows.exp(tail, tail, 1, top)
	copy(y[n:], last[:])
	set.elementwise.affine(&y[0], &y[0], n/Block, 1/sum, 0)
	for i := range y[n:] {
		y[n+i] *= 1 / sum
	}
}

// block computes n neighbouring columns; successive elements of a column lie inner apart.
func (k *Softmax) block(y, x []float32, n int) {
	var greatest [softmaxBlock]float32
	var sum [softmaxBlock]float64
	top, total := greatest[:n], sum[:n]
	for j := range top {
		top[j] = -inf
	}
	step := k.spec.Inner
	for i := range k.spec.Axis {
		for j, v := range x[i*step:][:n] {
			top[j] = max(top[j], v)
		}
	}
	for i := range k.spec.Axis {
		in, out := x[i*step:][:n], y[i*step:][:n]
		for j, v := range in {
			e := math.Exp(float64(v) - float64(top[j]))
			total[j] += e
			if !k.spec.Log {
				out[j] = float32(e)
			}
		}
	}
	for j := range total {
		if k.spec.Log {
			total[j] = math.Log(total[j])
		} else {
			total[j] = 1 / total[j]
		}
	}
	for i := range k.spec.Axis {
		in, out := x[i*step:][:n], y[i*step:][:n]
		for j := range out {
			if k.spec.Log {
				out[j] = float32(float64(in[j]) - float64(top[j]) - total[j])
			} else {
				out[j] = float32(float64(out[j]) * total[j])
			}
		}
	}
}

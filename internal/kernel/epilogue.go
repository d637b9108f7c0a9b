package kernel

// ActivationKind names a function that can be fused into the end of another kernel.
type ActivationKind uint8

const (
	NoActivation ActivationKind = iota
	Relu                        // 0 for x < 0
	Clip                        // min(max(x, Min), Max); a bound that is NaN limits nothing
	Function                    // Op, with Alpha in Min and Beta in Max
)

// Activation is applied to finished output elements. NaN stays NaN.
type Activation struct {
	Kind     ActivationKind
	Op       UnaryOp
	Min, Max float32
}

// KeepsZero reports whether zero stays zero.
func (a Activation) KeepsZero() bool {
	y := []float32{0}
	a.apply(generic(), y)
	return y[0] == 0
}

func (a Activation) apply(set *Set, y []float32) {
	switch a.Kind {
	case Relu:
		unary(set, UnaryRelu, 0, 0, y, y)
	case Clip:
		unary(set, UnaryClip, a.Min, a.Max, y, y)
	case Function:
		unary(set, a.Op, a.Min, a.Max, y, y)
	}
}

// BiasKind says how the addend of a matrix product lies over the M×N result.
type BiasKind uint8

const (
	NoBias        BiasKind = iota
	BiasScalar             // one element
	BiasPerRow             // M elements
	BiasPerColumn          // N elements
	BiasFull               // M×N elements, row-major
)

// transposed is the kind for the transposed result.
func (b BiasKind) transposed() BiasKind {
	switch b {
	case BiasPerRow:
		return BiasPerColumn
	case BiasPerColumn:
		return BiasPerRow
	}
	return b
}

// epilogue finishes a block of a product: y = act(alpha·y + beta·bias + residual).
type epilogue struct {
	set         *Set
	alpha, beta float32
	bias        BiasKind
	act         Activation
}

// run finishes rows i0…i1-1, columns j0…j1-1 of the product.
func (e *epilogue) run(o *operands, i0, i1, j0, j1 int) {
	for i := i0; i < i1; i++ {
		row := o.row(i, j0, j1)
		if e.alpha != 1 {
			for j := range row {
				row[j] *= e.alpha
			}
		}
		switch e.bias {
		case BiasScalar:
			addScalar(row, e.beta*o.bias[0])
		case BiasPerRow:
			addScalar(row, e.beta*o.bias[i])
		case BiasPerColumn:
			addScaled(row, o.bias[j0:j1], e.beta)
		case BiasFull:
			addScaled(row, o.bias[i*o.ldc+j0:i*o.ldc+j1], e.beta)
		}
		if o.residual != nil {
			addScaled(row, o.residual[i*o.ldc+j0:i*o.ldc+j1], 1)
		}
		e.act.apply(e.set, row)
	}
}

func addScalar(y []float32, b float32) {
	for i := range y {
		y[i] += b
	}
}

func addScaled(y, x []float32, s float32) {
	x = x[:len(y)]
	if s == 1 {
		for i := range y {
			y[i] += x[i]
		}
		return
	}
	for i := range y {
		y[i] += s * x[i]
	}
}

package kernel

import "fmt"

// GemmSpec describes C = act(Alpha·op(A)·op(B) + Beta·bias), dense row-major, for every index of the batch dimensions.
type GemmSpec struct {
	M, N, K        int  // op(A) is M×K, op(B) is K×N, C is M×N
	TransA, TransB bool // A is stored K×M, B is stored N×K
	Alpha, Beta    float32
	Bias           BiasKind // shared by the whole batch
	Act            Activation

	// Batch dimensions, empty for one product. C is dense; StrideA and StrideB give, per dimension, the distance between
	// one matrix and the next in elements, 0 where the operand is broadcast.
	Batch            []int
	StrideA, StrideB []int

	// ConstA and ConstB are operands known now, nil where they come with Run. Small ones may be copied in packed form;
	// large ones, and those of products with few rows, are used where they lie.
	ConstA, ConstB []float32

	Split int    // tasks wanted
	Packs *Packs // where packed constants are kept; nil: nowhere
	Set   *Set
}

// packLimit is the size of the greatest constant operand that plain Go copies in packed form, 4 MB. Beyond, memory is dearer
// than the time to pack each block when it is used.
const packLimit = 1 << 20

// Gemm is a prepared general matrix product.
type Gemm struct {
	spec    GemmSpec
	ep      epilogue
	batch   int
	gemv    *gemv     // a product with few rows
	tiled   *tiled    // with vector registers
	blocked           // else
	a, b    []float32 // constant operands as they are used, nil where they come with Run
}

// NewGemm prepares a matrix product. Products with few rows, or with one column, read their matrix straight through;
// others go by packed blocks.
func NewGemm(spec GemmSpec) (*Gemm, error) {
	g := &Gemm{spec: spec, ep: epilogue{spec.Set.orBest(), spec.Alpha, spec.Beta, spec.Bias, spec.Act}}
	if err := g.check(); err != nil {
		return nil, err
	}
	g.flatten()
	spec = g.spec
	g.batch = product(spec.Batch)
	g.a, g.b = spec.ConstA, spec.ConstB
	perMatrix := ceilDiv(max(1, spec.Split), max(1, g.batch))
	if g.gemv = newGemv(&spec, perMatrix); g.gemv != nil {
		return g, nil
	}
	if set := spec.Set.orBest(); set.Has(FamilyTile) && spec.K > 0 {
		b := g.b
		if !broadcast(spec.StrideB) {
			b = nil
		}
		g.tiled = newTiled(set, spec.M, spec.N, spec.K, spec.TransA, spec.TransB, b, spec.Packs, perMatrix)
		return g, nil
	}
	kern := genericKernel()
	g.blocked = blocked{kern: kern, m: spec.M, n: spec.N, k: spec.K}
	g.packA = packColumns(kern.mr, spec.K)
	if spec.TransA {
		g.packA = packRows(kern.mr, spec.M)
	}
	g.packB = packRows(kern.nr, spec.N)
	if spec.TransB {
		g.packB = packColumns(kern.nr, spec.K)
	}
	if g.a != nil && spec.M*spec.K <= packLimit && broadcast(spec.StrideA) {
		g.a, g.packA = g.packAll(spec.Packs, packing("columns", "rows", spec.TransA), g.packA, g.a, kern.mr, spec.M), nil
	}
	if g.b != nil && spec.K*spec.N <= packLimit && broadcast(spec.StrideB) {
		g.b, g.packB = g.packAll(spec.Packs, packing("rows", "columns", spec.TransB), g.packB, g.b, kern.nr, spec.N), nil
	}
	g.split(perMatrix)
	return g, nil
}

// packing names how an operand is packed.
func packing(straight, transposed string, trans bool) string {
	if trans {
		return transposed
	}
	return straight
}

func (g *Gemm) check() error {
	s := &g.spec
	for _, n := range [][]int{{s.M, s.K}, {s.K, s.N}, {s.M, s.N}} {
		if _, err := count("gemm", append(n, s.Batch...)...); err != nil {
			return err
		}
	}
	if len(s.StrideA) != len(s.Batch) || len(s.StrideB) != len(s.Batch) {
		return fmt.Errorf("kernel: gemm: %d batch dimensions, but %d strides of A and %d of B",
			len(s.Batch), len(s.StrideA), len(s.StrideB))
	}
	if s.Bias > BiasFull || s.Act.Kind > Function {
		return fmt.Errorf("kernel: gemm: unknown bias kind %d or activation %d", s.Bias, s.Act.Kind)
	}
	if err := checkConst("A", s.ConstA, s.M*s.K, s.Batch, s.StrideA); err != nil {
		return err
	}
	return checkConst("B", s.ConstB, s.K*s.N, s.Batch, s.StrideB)
}

// flatten turns a batch of products with one B into one product of more rows.
func (g *Gemm) flatten() {
	s := &g.spec
	if s.TransA || s.Bias == BiasPerRow || s.Bias == BiasFull || len(s.Batch) == 0 || !broadcast(s.StrideB) {
		return
	}
	dense := s.M * s.K
	for d := len(s.Batch) - 1; d >= 0; d-- {
		if s.StrideA[d] != dense && s.Batch[d] != 1 {
			return
		}
		dense *= s.Batch[d]
	}
	s.M *= product(s.Batch)
	s.Batch, s.StrideA, s.StrideB = nil, nil, nil
}

// checkConst reports an error if a constant operand ends before its last matrix does.
func checkConst(name string, data []float32, matrix int, batch, strides []int) error {
	if data == nil {
		return nil
	}
	need := matrix
	for d, n := range batch {
		if strides[d] < 0 {
			return fmt.Errorf("kernel: gemm: negative batch stride in %v", strides)
		}
		need += max(0, n-1) * strides[d]
	}
	if len(data) < need {
		return fmt.Errorf("kernel: gemm: constant %s has %d elements, want %d", name, len(data), need)
	}
	return nil
}

// broadcast reports whether all matrices of a batch are one and the same.
func broadcast(strides []int) bool {
	for _, s := range strides {
		if s != 0 {
			return false
		}
	}
	return true
}

// Algorithm names how the product is computed.
func (g *Gemm) Algorithm() string {
	switch {
	case g.gemv != nil:
		return "gemv"
	case g.tiled != nil:
		return "gemm"
	}
	return "gemm-generic"
}

// Tasks returns the number of tasks.
func (g *Gemm) Tasks() int {
	if g.spec.M == 0 || g.spec.N == 0 {
		return 0
	}
	switch {
	case g.gemv != nil:
		return g.batch * g.gemv.tasks
	case g.tiled != nil:
		return g.batch * g.tiled.tasks()
	}
	return g.batch * g.tasks()
}

// ScratchSize returns the number of float32 of scratch that Run needs.
func (g *Gemm) ScratchSize() int {
	switch {
	case g.gemv != nil:
		return 0
	case g.tiled != nil:
		return g.tiled.scratchSize()
	}
	return g.scratchSize()
}

// Run computes one task of c. a and b are ignored where the spec has them as constants; bias may be nil where the spec
// has none; residual is nil or added before the activation.
func (g *Gemm) Run(task int, c, a, b, bias, residual, scratch []float32) {
	if g.a != nil {
		a = g.a
	}
	if g.b != nil {
		b = g.b
	}
	matrix := task % g.batch
	offA, offB := g.offsets(matrix)
	a, b = a[offA:], b[offB:]
	size := g.spec.M * g.spec.N
	o := operands{c: c[matrix*size : (matrix+1)*size], a: a, b: b, bias: bias, ldc: g.spec.N}
	if residual != nil {
		o.residual = residual[matrix*size : (matrix+1)*size]
	}
	if g.gemv != nil {
		g.gemv.run(task/g.batch, &o, &g.ep)
		return
	}
	if g.tiled != nil {
		g.tiled.run(task/g.batch, &o, &g.ep, scratch)
		return
	}
	g.run(g.tile(task/g.batch), &o, &g.ep, scratch)
}

// offsets returns where the operands of one matrix of the batch begin.
func (g *Gemm) offsets(matrix int) (a, b int) {
	for d := len(g.spec.Batch) - 1; d >= 0; d-- {
		i := matrix % g.spec.Batch[d]
		matrix /= g.spec.Batch[d]
		a += i * g.spec.StrideA[d]
		b += i * g.spec.StrideB[d]
	}
	return a, b
}

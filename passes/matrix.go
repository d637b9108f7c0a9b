package passes

import (
	"fmt"
	"math"
	"math/rand/v2"
	goruntime "runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"gonum.org/v1/gonum/mat"

	"github.com/onnxrun/onnxrun/internal/kernel"
)

// matrix is dense and row-major: samples, one a row, or weights.
type matrix struct {
	rows, cols int
	data       []float32
}

func newMatrix(rows, cols int) matrix { return matrix{rows, cols, make([]float32, rows*cols)} }

func (m matrix) row(i int) []float32 { return m.data[i*m.cols:][:m.cols] }

// slice is the rows from up to to, which share m's storage.
func (m matrix) slice(from, to int) matrix {
	return matrix{to - from, m.cols, m.data[from*m.cols : to*m.cols]}
}

// transposed is a copy.
func (m matrix) transposed() matrix {
	t := newMatrix(m.cols, m.rows)
	for i := range m.rows {
		for j, v := range m.row(i) {
			t.data[j*m.rows+i] = v
		}
	}
	return t
}

// squares is the sum of the squares of all elements.
func (m matrix) squares() float64 {
	sum := 0.0
	for _, v := range m.data {
		sum += float64(v) * float64(v)
	}
	return sum
}

// center subtracts its mean from each column and returns the means.
func (m matrix) center() []float64 {
	means := make([]float64, m.cols)
	for i := range m.rows {
		for j, v := range m.row(i) {
			means[j] += float64(v)
		}
	}
	for j := range means {
		means[j] /= float64(max(m.rows, 1))
	}
	for i := range m.rows {
		for j, row := 0, m.row(i); j < len(row); j++ {
			row[j] -= float32(means[j])
		}
	}
	return means
}

// multiply is op(a)·op(b), by the kernels that run models.
func multiply(a, b matrix, transA, transB bool) (matrix, error) {
	m, k, n, inner := a.rows, a.cols, b.cols, b.rows
	if transA {
		m, k = k, m
	}
	if transB {
		n, inner = inner, n
	}
	if k != inner {
		return matrix{}, fmt.Errorf("product of %d×%d and %d×%d", m, k, inner, n)
	}
	threads := goruntime.GOMAXPROCS(0)
	product, err := kernel.NewGemm(kernel.GemmSpec{M: m, N: n, K: k, TransA: transA, TransB: transB, Alpha: 1, Split: 4 * threads})
	if err != nil {
		return matrix{}, err
	}
	c := newMatrix(m, n)
	var next atomic.Int64
	var thrown atomic.Value
	var wg sync.WaitGroup
	for range threads {
		wg.Go(func() {
			debug.SetPanicOnFault(true) // weights may lie in a mapped file that has been truncated
			defer func() {
				if v := recover(); v != nil {
					thrown.CompareAndSwap(nil, panicked{v})
				}
			}()
			scratch := make([]float32, product.ScratchSize())
			for task := int(next.Add(1)) - 1; task < product.Tasks(); task = int(next.Add(1)) - 1 {
				product.Run(task, c.data, a.data, b.data, nil, nil, scratch)
			}
		})
	}
	wg.Wait()
	if p, ok := thrown.Load().(panicked); ok {
		panic(p.value)
	}
	return c, nil
}

// panicked is what a goroutine panicked with, and so does who waits for it.
type panicked struct{ value any }

// gramBlock is how many rows multiply sums in float32 before addGram adds them up in float64.
const gramBlock = 512

// addGram adds aᵀ·b to sum.
func addGram(sum *mat.Dense, a, b matrix) error {
	raw := sum.RawMatrix().Data
	for from := 0; from < a.rows; from += gramBlock {
		to := min(from+gramBlock, a.rows)
		part, err := multiply(a.slice(from, to), b.slice(from, to), true, false)
		if err != nil {
			return err
		}
		for i, v := range part.data {
			raw[i] += float64(v)
		}
	}
	return nil
}

// gram is aᵀ·a.
func gram(a matrix) (*mat.Dense, error) {
	sum := mat.NewDense(a.cols, a.cols, nil)
	return sum, addGram(sum, a, a)
}

// symmetric is the symmetric part of a.
func symmetric(a *mat.Dense) *mat.SymDense {
	n, _ := a.Dims()
	s := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			s.SetSym(i, j, (a.At(i, j)+a.At(j, i))/2)
		}
	}
	return s
}

// dense is a copy in float64.
func (m matrix) dense() *mat.Dense {
	d := mat.NewDense(m.rows, m.cols, nil)
	for i, v := range m.data {
		d.RawMatrix().Data[i] = float64(v)
	}
	return d
}

// single is a copy in float32.
func single(d mat.Matrix) matrix {
	rows, cols := d.Dims()
	m := newMatrix(rows, cols)
	for i := range rows {
		for j := range cols {
			m.data[i*cols+j] = float32(d.At(i, j))
		}
	}
	return m
}

// exactEigen is the greatest matrix whose eigenvectors are computed one by one; exactValues, whose eigenvalues are.
const (
	exactEigen  = 128
	exactValues = 512
)

// eigen is the k greatest eigenvalues of a positive semidefinite matrix, in descending order, and an orthonormal basis of
// the space of their eigenvectors, one a column. Beyond exactEigen it comes from iterating on a random subspace (Halko,
// Martinsson, Tropp 2011, "Finding structure with randomness", algorithm 4.4): values are somewhat low where the spectrum
// is flat, and the space is as good as they tell.
func eigen(a *mat.Dense, k int) ([]float64, *mat.Dense, error) {
	n, _ := a.Dims()
	if k = min(k, n); n <= exactEigen {
		return exactEigenvectors(a, k)
	}
	const iterations = 10
	s, q := single(a), newMatrix(n, k)
	rng := rand.New(rand.NewPCG(uint64(n), uint64(k)))
	for i := range q.data {
		q.data[i] = float32(rng.NormFloat64())
	}
	var product matrix
	var err error
	for range iterations {
		if product, err = multiply(s, q, false, false); err != nil {
			return nil, nil, err
		}
		if q, err = orthonormal(product); err != nil {
			return nil, nil, err
		}
		if k == n {
			break // all of it
		}
	}
	if product, err = multiply(s, q, false, false); err != nil {
		return nil, nil, err
	}
	values := make([]float64, k)
	for i := range n {
		for j, v := range product.row(i) {
			values[j] += float64(v) * float64(q.row(i)[j])
		}
	}
	slices.Sort(values)
	slices.Reverse(values)
	return values, q.dense(), nil
}

func exactEigenvectors(a *mat.Dense, k int) ([]float64, *mat.Dense, error) {
	var e mat.EigenSym
	if ok := e.Factorize(symmetric(a), true); !ok {
		return nil, nil, fmt.Errorf("the eigenvalues of a matrix of %d rows do not converge", a.RawMatrix().Rows)
	}
	var all mat.Dense
	e.VectorsTo(&all)
	n := a.RawMatrix().Rows
	values := e.Values(nil)
	slices.Reverse(values)
	vectors := mat.NewDense(n, k, nil)
	for i := range n {
		for j := range k {
			vectors.Set(i, j, all.At(i, n-1-j))
		}
	}
	for i := range values {
		values[i] = max(values[i], 0)
	}
	return values[:k], vectors, nil
}

// orthonormal is a basis of the columns of a, by Cholesky's factors of their products, twice for accuracy.
func orthonormal(a matrix) (matrix, error) {
	for range 2 {
		g, err := gram(a)
		if err != nil {
			return a, err
		}
		c, err := cholesky(g, 1e-7)
		if err != nil {
			return a, err
		}
		var l, inverse mat.TriDense
		c.LTo(&l)
		if err := inverse.InverseTri(&l); err != nil && !isCondition(err) {
			return a, err
		}
		if a, err = multiply(a, single(&inverse), false, true); err != nil {
			return a, err
		}
	}
	return a, nil
}

// isCondition reports whether err only warns of an ill-conditioned matrix.
func isCondition(err error) bool {
	_, ok := err.(mat.Condition)
	return ok
}

// cholesky factorizes a + ridge·mean(diagonal)·I, the ridge growing until that is positive definite.
func cholesky(a *mat.Dense, ridge float64) (*mat.Cholesky, error) {
	s := symmetric(a)
	n := s.SymmetricDim()
	mean := mat.Trace(s) / float64(n)
	if mean <= 0 || math.IsNaN(mean) || math.IsInf(mean, 0) {
		return nil, fmt.Errorf("no factors of a matrix whose diagonal has mean %g", mean)
	}
	for added := 0.0; ridge < 1; ridge *= 10 {
		for i := range n {
			s.SetSym(i, i, s.At(i, i)+(ridge-added)*mean)
		}
		added = ridge
		var c mat.Cholesky
		if c.Factorize(s) {
			return &c, nil
		}
	}
	return nil, fmt.Errorf("a matrix of %d rows is not positive definite", n)
}

// root is the r with rᵀ·r = a, and its inverse, of a positive definite matrix.
func root(a *mat.Dense) (r, inverse matrix, err error) {
	c, err := cholesky(a, 1e-9)
	if err != nil {
		return r, inverse, err
	}
	var u, back mat.TriDense
	c.UTo(&u)
	if err := back.InverseTri(&u); err != nil && !isCondition(err) {
		return r, inverse, err
	}
	return single(&u), single(&back), nil
}

// eigenvalues is those of a positive semidefinite matrix in descending order.
func eigenvalues(a *mat.Dense) ([]float64, error) {
	var e mat.EigenSym
	if ok := e.Factorize(symmetric(a), false); !ok {
		return nil, fmt.Errorf("the eigenvalues of a matrix of %d rows do not converge", a.RawMatrix().Rows)
	}
	values := e.Values(nil)
	slices.Reverse(values)
	for i := range values {
		values[i] = max(values[i], 0)
	}
	return values, nil
}

package kernel

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unsafe"
)

// Set is what an instruction set computes: functions by family and element type, which is float32. A set begins as plain
// Go, and an instruction set overwrites what it is faster at; the rest works as it is. A slot that is nil has no form in
// plain Go, and what would call it goes another way. Functions that take pointers read and write whole blocks of 16
// elements, n or blocks of them, at least one; steps and rows are distances in bytes.
//
// Kernels of another element type are further groups beside these.
type Set struct {
	name string
	has  [numFamilies]bool

	tile   tileKernel   // convolutions and matrix products
	narrow narrowKernel // convolutions to few channels, pixels in the lanes
	grad   gradKernel   // gradients by weights

	// dot is products of vectors with rows that lie one after the other, from the first element to the last whole block.
	dot struct {
		products [3][2]dotVector                            // 1, 2 and 4 vectors with 1 and 4 rows
		lines    func(y, x, w *float32, row, rounds, n int) // a vector with n rows
	}

	// slide is windows over planes, and sums of planes.
	slide struct {
		window [3]func(a *windowArgs) // by slideOp
		plane  func(y, x *float32, n int)
	}

	// elementwise is functions of one or two numbers.
	elementwise struct {
		unary  [numUnary]unaryVector
		power  [7]unaryVector // x^(i/4 - 3/4)
		binary [numBinary]binaryVector
		affine unaryVector // x·alpha + beta
	}

	// rows is functions of whole rows.
	rows struct {
		max       func(x *float32, n int, least, _ float32) float32 // any number where there is a NaN
		sum       func(x *float32, n int, first, _ float32) float32
		squares   func(x *float32, n int, first, mean float32) float32 // Σ (x-mean)²
		exp       func(y, x *float32, n int, top float32) float32      // y = e^(x-top), and its sum
		normalize func(y, x, scale, shift *float32, n int, mean, factor float32)
	}

	// softmax is that of pixels of blocked data, of one or of softmaxPixels.
	softmax struct {
		exponentials [2]func(x *float32, step, blocks int, scale float32, factor *float32)
		scale        func(y *float32, step, n int, factor *float32)
	}

	// norm is layer normalization of pixels of blocked data, of one or of normPixels. Of a pixel's 16 sums only the total is
	// of use.
	norm struct {
		sums    [2]func(y, x *float32, step, blocks int)
		squares [2]func(y, x *float32, step, blocks int, mean *float32)
		apply   [2]func(y, x *float32, step, blocks int, mean, factor, scale, shift *float32)
	}

	// lrn normalizes a pixel with exponent 3/4. squares has room for blocks, and zeros enough for a window of size on both
	// sides, the first of which begins before bytes earlier.
	lrn func(y, x *float32, step, blocks int, squares *float32, before, size int, bias, scale float32)

	winograd [WinogradForms]winogradKernel // transforms by form

	// gradients is derivatives on blocked data.
	gradients struct {
		clamp   func(dx, dy, y *float32, n int, lo, hi float32)
		pool    [2]func(a *poolGrad)                       // by PoolKind
		plane   func(y, x *float32, n int, shift *float32) // sums of x-shift, and of their squares
		moments func(a *normGrad)
		affine  func(a *normGrad)
		slope   func(a *slopeArgs)
		lrn     func(a *lrnGradArgs)
	}

	// update is steps of learning.
	update struct {
		step    [Adam + 1]func(a *updateArgs) // by UpdateKind
		squares func(y, x *float32, n int)
	}

	// transpose transposes n squares of 8×8.
	transpose func(dst, src *float32, dstRow, srcRow, dstStep, srcStep, n int)

	// limits is what measures the machine.
	limits struct {
		fma           func(rounds int)
		flopsPerRound int
		read          func(p *byte, rounds int) // of 512 bytes
	}
}

type (
	dotVector    = func(y, x, w *float32, xRow, wRow, rounds int)
	unaryVector  = func(y, x *float32, n int, alpha, beta float32)
	binaryVector = func(y, a, b *float32, n int)
)

// Family is a group of a set's functions.
type Family uint8

const (
	FamilyTile Family = iota
	FamilyNarrow
	FamilyGrad
	FamilyDot
	FamilySlide
	FamilyElementwise
	FamilyRows
	FamilySoftmax
	FamilyNorm
	FamilyLRN
	FamilyWinograd
	FamilyGradients
	FamilyUpdate
	FamilyTranspose
	numFamilies
)

// Has reports whether the set has something better than plain Go for some of a family.
func (s *Set) Has(f Family) bool { return s.has[f] }

// String is the set's name.
func (s *Set) String() string { return s.name }

// extend makes a set of that name that begins as s and that the overlays then change.
func (s *Set) extend(name string, overlays ...func(*Set)) *Set {
	e := *s
	e.name = name
	for _, overlay := range overlays {
		overlay(&e)
	}
	e.has = e.differences(s)
	for f, had := range s.has {
		e.has[f] = e.has[f] || had
	}
	return &e
}

// differences tells the families in which some slot differs.
func (s *Set) differences(t *Set) [numFamilies]bool {
	return [numFamilies]bool{
		FamilyTile:        differ(&s.tile, &t.tile),
		FamilyNarrow:      differ(&s.narrow, &t.narrow),
		FamilyGrad:        differ(&s.grad, &t.grad),
		FamilyDot:         differ(&s.dot, &t.dot),
		FamilySlide:       differ(&s.slide, &t.slide),
		FamilyElementwise: differ(&s.elementwise, &t.elementwise),
		FamilyRows:        differ(&s.rows, &t.rows),
		FamilySoftmax:     differ(&s.softmax, &t.softmax),
		FamilyNorm:        differ(&s.norm, &t.norm),
		FamilyLRN:         differ(&s.lrn, &t.lrn),
		FamilyWinograd:    differ(&s.winograd, &t.winograd),
		FamilyGradients:   differ(&s.gradients, &t.gradients),
		FamilyUpdate:      differ(&s.update, &t.update),
		FamilyTranspose:   differ(&s.transpose, &t.transpose),
	}
}

// differ compares groups of functions by their bytes: functions are not comparable, but a set that extends another has the
// very function values that it has not overwritten.
func differ[T any](a, b *T) bool {
	bytesOf := func(p *T) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(p)), unsafe.Sizeof(*p)) }
	return !bytes.Equal(bytesOf(a), bytesOf(b))
}

var sets = sync.OnceValue(func() []*Set {
	generic := newGeneric()
	return append([]*Set{generic}, nativeSets(generic)...)
})

// Sets lists the sets that this machine has, the simplest first.
func Sets() []*Set { return slices.Clone(sets()) }

// Best is the fastest set that this machine has.
func Best() *Set { return sets()[len(sets())-1] }

// generic is plain Go.
func generic() *Set { return sets()[0] }

// orBest is the set, Best for nil.
func (s *Set) orBest() *Set {
	if s == nil {
		return Best()
	}
	return s
}

// ParseSet returns the set of that name, Best for "" and "auto"; it fails where the machine does not have it.
func ParseSet(name string) (*Set, error) {
	names := []string{"auto", "generic", "amd64-avx2", "amd64-avx512", "arm64-neon"}
	if name == "" || name == names[0] {
		return Best(), nil
	}
	for _, s := range sets() {
		if s.name == name {
			return s, nil
		}
	}
	if slices.Contains(names, name) {
		return nil, fmt.Errorf("kernel: %s is not available on this machine, the best is %v", name, Best())
	}
	return nil, fmt.Errorf("kernel: unknown implementation %q, expects one of %s", name, strings.Join(names, ", "))
}

// noescape is p, of which the compiler does not see that it is the same: what is handed to a function of a Set, of which
// the compiler knows nothing, would else be moved to the heap. It is sound because no such function keeps a pointer beyond
// its call, and because p itself stays what it is, a pointer to a variable of the caller's, which the stack's copying and
// the garbage collector find and follow as any other.
func noescape[T any](p *T) *T {
	x := uintptr(unsafe.Pointer(p))
	return *(**T)(unsafe.Pointer(&x))
}

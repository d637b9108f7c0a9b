package kernel

import "unsafe"

// vectorUnary computes op of 16·n elements, n = len(x)/16; it reports false where the set has no function for it.
func vectorUnary(set *Set, op UnaryOp, alpha, beta float32, y, x []float32) bool {
	f, n := set.elementwise.unary[op], len(x)/Block
	if q, ok := asQuarters(alpha); op == UnaryPow && ok && -3 <= q && q <= 3 {
		f = set.elementwise.power[q+3]
	}
	if f == nil || n == 0 {
		return false
	}
	f(noescape(&y[:n*Block][0]), noescape(&x[0]), n, alpha, beta)
	return true
}

// vectorBinary computes op of 16·n elements, n = len(y)/16; it reports false where the set has no function for it.
func vectorBinary(set *Set, op BinaryOp, y, a, b []float32) bool {
	f, n := set.elementwise.binary[op], len(y)/Block
	if f == nil || n == 0 {
		return false
	}
	f(&y[0], noescape(&a[:n*Block][0]), noescape(&b[:n*Block][0]), n)
	return true
}

// affineGeneric is the reference.
func affineGeneric(y, x *float32, n int, scale, shift float32) {
	to := unsafe.Slice(y, n*Block)
	for i, v := range unsafe.Slice(x, n*Block) {
		to[i] = v*scale + shift
	}
}

package ir

// Family is the kind of an operator.
type Family uint8

// The families of operators.
const (
	Other Family = iota
	Convolution
	Linear // products of matrices
	Pooling
	Normalization
	Activation
	Shaping // moves elements, or gives them another shape or type
	Quantization
	Reduction
	Control // control flow, and sequences
	Arithmetic
)

func (f Family) String() string {
	return [...]string{"other", "convolution", "linear", "pooling", "normalization", "activation", "shape", "quantization", "reduction", "control", "arithmetic"}[f]
}

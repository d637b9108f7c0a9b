package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Einsum is Einstein's summation: labels that Equation does not give the output are summed over. Labels are letters,
// "..." stands for broadcast dimensions, a label twice in a term is a diagonal, and without "->" the output has the
// labels that occur once, in alphabetical order, after the broadcast dimensions.
type Einsum struct {
	Equation string `attr:"equation,required"`
}

func (*Einsum) Def() *ir.Def { return einsum }

var einsum = &ir.Def{
	Name: "Einsum", Family: ir.Linear, Doc: "Einstein summation", Since: []int{12},
	New:   func() ir.Op { return ir.New[Einsum]() },
	Ins:   []ir.Param{{Name: "Inputs", Type: "T", Kind: ir.Variadic}},
	Outs:  []ir.Param{{Name: "Output", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": numericTypes},
	Infer: inferEinsum,
	Eval:  viaFloat32(evalEinsum),
	MACs:  einsumMACs,
}

func inferEinsum(c *ir.InferCtx) error {
	shapes := make([]ir.Shape, c.NumIn())
	for i := range shapes {
		shapes[i] = c.Shape(i)
	}
	sum, err := c.Node.Op.(*Einsum).parse(shapes)
	if err != nil || sum == nil {
		return err
	}
	out := ir.Shape{}
	for _, l := range sum.out {
		out = append(out, sum.sizes[l])
	}
	c.SetShape(0, out)
	return nil
}

// einsumMACs counts the pairwise products of evalEinsum.
func einsumMACs(n *ir.Node) int64 {
	shapes := make([]ir.Shape, len(n.Inputs()))
	for i := range shapes {
		shapes[i] = n.In(i).Type().Shape
	}
	sum, err := n.Op.(*Einsum).parse(shapes)
	if err != nil || sum == nil {
		return 0
	}
	total := ir.Known(0)
	done := sum.terms[0]
	for i := 1; i < len(sum.terms); i++ {
		count := ir.Known(1)
		for _, l := range union(done, sum.terms[i]) {
			count = count.Mul(sum.sizes[l])
		}
		total = total.Add(count)
		done = sum.keep(i, done)
	}
	return knownCount(total)
}

func evalEinsum(c *ir.EvalCtx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return einsumOf[float32, float64](c)
	case tensor.Float64:
		return einsumOf[float64, float64](c)
	case tensor.Int8:
		return einsumOf[int8, int8](c)
	case tensor.Int16:
		return einsumOf[int16, int16](c)
	case tensor.Int32:
		return einsumOf[int32, int32](c)
	case tensor.Int64:
		return einsumOf[int64, int64](c)
	case tensor.Uint8:
		return einsumOf[uint8, uint8](c)
	case tensor.Uint16:
		return einsumOf[uint16, uint16](c)
	case tensor.Uint32:
		return einsumOf[uint32, uint32](c)
	default:
		return einsumOf[uint64, uint64](c)
	}
}

// labelled is an operand of a summation: its elements, and for each label that it has the stride in elements.
type labelled[T any] struct {
	data   []T
	labels []int
	stride map[int]int
}

// einsumOf multiplies the operands pairwise from the left, summing over a label as soon as no later one has it.
func einsumOf[T, S tensor.Real](c *ir.EvalCtx) error {
	shapes := make([]ir.Shape, len(c.In))
	for i := range shapes {
		shapes[i] = shapeOf(c, i)
	}
	sum, err := c.Op.(*Einsum).parse(shapes)
	if err != nil {
		return err
	}
	sizes, _ := ir.Shape(sum.sizes).Ints()
	shape := make([]int, len(sum.out))
	for i, l := range sum.out {
		shape[i] = sizes[l]
	}
	out, err := c.Output(0, c.In[0].DType(), shape...)
	if err != nil {
		return err
	}
	acc := operand(tensor.Data[T](c.In[0]), sum.terms[0], c.In[0].Shape())
	for i := 1; i < len(c.In); i++ {
		keep := sum.keep(i, acc.labels)
		if i == len(c.In)-1 {
			keep = sum.out
		}
		if acc, err = contract[T, S](c, acc, operand(tensor.Data[T](c.In[i]), sum.terms[i], c.In[i].Shape()), keep, sizes); err != nil {
			return err
		}
	}
	if len(c.In) == 1 {
		one := labelled[T]{data: []T{1}}
		if acc, err = contract[T, S](c, acc, one, sum.out, sizes); err != nil {
			return err
		}
	}
	copy(tensor.Data[T](out), acc.data)
	return nil
}

// operand labels a tensor: a label twice strides along the diagonal, a dimension of size 1 is broadcast.
func operand[T any](data []T, term, shape []int) labelled[T] {
	o := labelled[T]{data: data, stride: map[int]int{}}
	for i, stride := range tensor.Strides(shape) {
		if shape[i] == 1 {
			stride = 0
		}
		o.stride[term[i]] += stride
	}
	o.labels = union(nil, term)
	return o
}

// contract is the product of two operands, summed over the labels that keep lacks.
func contract[T, S tensor.Real](c *ir.EvalCtx, a, b labelled[T], keep, sizes []int) (labelled[T], error) {
	summed := slices.DeleteFunc(union(a.labels, b.labels), func(l int) bool { return slices.Contains(keep, l) })
	along := func(labels []int) (shape []int, strides [][]int) {
		strides = make([][]int, 2)
		for _, l := range labels {
			shape = append(shape, sizes[l])
			strides[0], strides[1] = append(strides[0], a.stride[l]), append(strides[1], b.stride[l])
		}
		return shape, strides
	}
	inner, stepA, stepB := 1, 0, 0
	if n := len(summed); n > 0 {
		inner, stepA, stepB = sizes[summed[n-1]], a.stride[summed[n-1]], b.stride[summed[n-1]]
		summed = summed[:n-1]
	}
	shape, strides := along(keep)
	sumShape, sumStrides := along(summed)
	data, err := ir.Scratch[T](c, shape...)
	if err != nil {
		return labelled[T]{}, err
	}
	out := labelled[T]{data: data, labels: keep, stride: map[int]int{}}
	for i, stride := range tensor.Strides(shape) {
		out.stride[keep[i]] = stride
	}
	if inner == 0 || slices.Contains(sumShape, 0) { // sums of nothing
		return out, nil
	}
	starts, err := ir.Scratch[[2]int](c, sumShape...) // of the innermost sums, in both operands
	if err != nil {
		return labelled[T]{}, err
	}
	eachOffset(sumShape, sumStrides, func(i int, offs []int) { c.Spend(1); starts[i] = [2]int(offs) })
	eachOffset(shape, strides, func(i int, at []int) {
		var total S
		for _, s := range starts {
			pa, pb := at[0]+s[0], at[1]+s[1]
			c.Steps(inner, 1, func(from, to int) {
				for range to - from {
					total += S(a.data[pa]) * S(b.data[pb])
					pa, pb = pa+stepA, pb+stepB
				}
			})
		}
		out.data[i] = T(total)
	})
	return out, nil
}

// union is the distinct elements of a and b, in order.
func union(a, b []int) []int {
	out := slices.Clone(a)
	for _, l := range b {
		if !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}

package ir

import (
	"context"
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/tensor"
)

// Def is all there is to say of an operator, whatever its attributes.
type Def struct {
	Name   string
	Domain string // "" is ONNX's own
	Family Family
	Doc    string // one line
	Since  []int  // opsets that introduced or changed it, ascending; graphs hold the newest form

	New   func() Op // an operator with the default attributes
	Ins   []Param
	Outs  []Param
	Types map[string]TypeSet // the type variables that Ins and Outs name

	// Widened lists element types that the operator itself took only from some opset after 7 on. Element types that
	// came to ONNX as a whole after opset 7 are not listed: for those the exporter knows the opset.
	Widened []Widening

	// Upgrade turns a node of an older opset into the newest form; nil where attributes and inputs never changed.
	Upgrade func(*Legacy) error
	// Downgrade turns a node into the form of an older opset, at least 7, or into other nodes; nil where attributes and
	// inputs never changed. Of an operator that no file has it makes the nodes that it stands for.
	Downgrade func(*Legacy) error
	// Infer sets the outputs' shapes, and the element types of those outputs whose parameter names no type variable. It
	// also refuses attribute values and shapes that Eval could not handle. Where inputs are not known, so are the
	// outputs that depend on them.
	Infer func(*InferCtx) error
	// Eval is the clear reference: it computes the outputs from the inputs.
	Eval func(*EvalCtx) error
	// Shares says that a node does nothing but give the elements of input 0 as output 0, in whatever shape, so that both
	// may lie in one place, and Eval's do; nil where no node does.
	Shares func(*Node) bool
	// Grad gives the gradients of the inputs that matter from those of the outputs, by nodes that it emits; nil for
	// operators that are not differentiable. It fails where a form of the operator is not.
	Grad func(*Gradient) error
	// MACs is the multiply-accumulates, 0 where a shape is not known; nil for operators that have none.
	MACs func(*Node) int64
}

// Widening is the element types that a type variable took in with an opset.
type Widening struct {
	Opset int
	Var   string
	Types TypeSet
}

// Shares says whether n's operator says so of it.
func Shares(n *Node) bool {
	d := n.Op.Def()
	return d.Shares != nil && d.Shares(n)
}

// FullName is the name, with the domain where it is not the default one.
func (d *Def) FullName() string {
	if d.Domain == "" {
		return d.Name
	}
	return d.Domain + "." + d.Name
}

// Param is an input or output. Type names a type variable of the Def's Types, or an element type ("int64"). All
// parameters of one type variable have the same element type.
type Param struct {
	Name, Type string
	Kind       ParamKind
	Learned    Learned // of inputs
}

// Learned says whether a constant that an operator reads, other than a single number, was learned.
type Learned uint8

const (
	IfFloating Learned = iota // if it is of floating-point numbers
	Always                    // whatever its element type: quantized weights
	Never                     // bounds, scales of a resize, running statistics
)

// ParamKind says how often a parameter occurs.
type ParamKind uint8

const (
	Required    ParamKind = iota
	Optional              // may be absent
	Variadic              // last; any number (of inputs: at least one) of one element type
	VariadicAny           // last; any number, none included, each of its own element type
)

// maxVariadic bounds the arguments of a variadic parameter.
const maxVariadic = math.MaxInt32

// Arity is the least and the greatest number of parameters.
func Arity(params []Param) (least, most int) {
	for i, p := range params {
		switch p.Kind {
		case Required:
			least, most = i+1, i+1
		case Optional:
			most = i + 1
		case Variadic:
			return i + 1, maxVariadic
		case VariadicAny:
			return least, maxVariadic
		}
	}
	return least, most
}

// InferCtx is what Infer sees of a node.
type InferCtx struct {
	Node  *Node
	types []Type
	dims  [][]Dim

	oneType [1]Type // what types and dims are of, where there is one output
	oneDims [1][]Dim
}

func newInferCtx(n *Node, numOut int) *InferCtx {
	c := &InferCtx{Node: n}
	if numOut == 1 {
		c.types, c.dims = c.oneType[:], c.oneDims[:]
	} else {
		c.types, c.dims = make([]Type, numOut), make([][]Dim, numOut)
	}
	return c
}

// NumIn and NumOut count arguments, absent ones before the last included.
func (c *InferCtx) NumIn() int  { return len(c.Node.inputs) }
func (c *InferCtx) NumOut() int { return len(c.types) }

// Has reports whether input i is present.
func (c *InferCtx) Has(i int) bool { return c.Node.In(i) != nil }

// Shape is input i's shape; nil when absent or of unknown rank.
func (c *InferCtx) Shape(i int) Shape {
	if v := c.Node.In(i); v != nil {
		return v.typ.Shape
	}
	return nil
}

// DType is input i's element type; Undefined when absent.
func (c *InferCtx) DType(i int) tensor.DType {
	if v := c.Node.In(i); v != nil {
		return v.typ.DType
	}
	return tensor.Undefined
}

// Const is input i's tensor if it is a constant, else nil.
func (c *InferCtx) Const(i int) *tensor.Tensor {
	if v := c.Node.In(i); v != nil {
		return v.konst
	}
	return nil
}

// Ints is input i's elements if it is an integer constant.
func (c *InferCtx) Ints(i int) ([]int, bool) {
	if t := c.Const(i); t != nil {
		return t.AsInts()
	}
	if d := c.Dims(i); d != nil {
		return Shape(d).Ints()
	}
	return nil, false
}

// Dims is input i's elements as dimensions, as far as known (see Value.Dims).
func (c *InferCtx) Dims(i int) []Dim {
	if v := c.Node.In(i); v != nil {
		return v.dims
	}
	return nil
}

// SetShape sets output o's shape; nil says that it is unknown. It does nothing for an output that the node lacks.
func (c *InferCtx) SetShape(o int, s Shape) {
	if o < len(c.types) {
		c.types[o].Shape = s.Clone()
	}
}

// SetDType sets output o's element type.
func (c *InferCtx) SetDType(o int, dt tensor.DType) {
	if o < len(c.types) {
		c.types[o].DType = dt
	}
}

// SetDims sets what is known of the elements of output o, an integer value of at most one dimension.
func (c *InferCtx) SetDims(o int, dims []Dim) {
	if o < len(c.types) && len(dims) <= maxKnownDims {
		c.dims[o] = dims
	}
}

// EvalCtx is what Eval sees of a node: In are the inputs, nil where absent; they are not to be written to.
type EvalCtx struct {
	Ctx  context.Context
	Node *Node
	Op   Op
	In   []*tensor.Tensor
	Out  []*tensor.Tensor
	Host Host

	spent int // work since the last look at the context
	held  int // bytes, where the Host does not count them
}

// Host is what an evaluation needs of who runs it.
type Host struct {
	// Alloc returns a zeroed tensor for output o. nil stands for tensor.New.
	Alloc func(o int, dt tensor.DType, shape []int) (*tensor.Tensor, error)
	// Run runs a body with all its inputs.
	Run func(ctx context.Context, body *Graph, in []*tensor.Tensor) ([]*tensor.Tensor, error)
	// Hold counts bytes that are kept beside the outputs, fewer where negative, and fails where they are too many. nil holds
	// them against DefaultMemory.
	Hold func(bytes int) error
	// Budget bounds the evaluation; nil sets no bound.
	Budget *Budget
}

// Has reports whether input i is present.
func (c *EvalCtx) Has(i int) bool { return i < len(c.In) && c.In[i] != nil }

// Input is input i, nil when absent.
func (c *EvalCtx) Input(i int) *tensor.Tensor {
	if i < len(c.In) {
		return c.In[i]
	}
	return nil
}

// Wants reports whether output o is asked for.
func (c *EvalCtx) Wants(o int) bool { return c.Node == nil || c.Node.Out(o) != nil }

// Output creates output o, zeroed. A size beyond memory is an error. An output that nobody asked for is given as well,
// so that Eval need not look.
func (c *EvalCtx) Output(o int, dt tensor.DType, shape ...int) (*tensor.Tensor, error) {
	n, err := tensor.Count(dt, shape)
	if err != nil {
		return nil, err
	}
	if c.Host.Alloc == nil || !c.Wants(o) { // else the host counts
		err = c.Reserve(n, max(dt.Size(), 1))
	}
	if err != nil {
		return nil, err
	}
	if b := c.Host.Budget; b != nil {
		if size := n * max(dt.Size(), 1); size > b.Bytes {
			return nil, ErrBudget
		} else {
			b.Bytes -= size
		}
	}
	for len(c.Out) <= o {
		c.Out = append(c.Out, nil)
	}
	var t *tensor.Tensor
	if c.Host.Alloc != nil && c.Wants(o) {
		t, err = c.Host.Alloc(o, dt, shape)
	} else {
		t = tensor.New(dt, shape...)
	}
	c.Out[o] = t
	return t, err
}

// SetOutput gives output o as a tensor that may share an input's storage.
func (c *EvalCtx) SetOutput(o int, t *tensor.Tensor) {
	for len(c.Out) <= o {
		c.Out = append(c.Out, nil)
	}
	c.Out[o] = t
}

// RunBody runs a body of a control-flow operator.
func (c *EvalCtx) RunBody(body *Graph, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	if c.Host.Run == nil {
		return nil, fmt.Errorf("control flow cannot run here")
	}
	return c.Host.Run(c.Ctx, body, in)
}

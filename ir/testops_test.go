package ir

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/tensor"
)

// Operators of the tests, few but of every kind: what package ops has changes for reasons of its own.
type (
	tRelu  struct{}
	tAdd   struct{}
	tSplit struct {
		Axis int `attr:"axis,default=-1"`
	}
	tShape struct{}
	tFill  struct {
		Value *tensor.Tensor `attr:"value"`
	}
	tPool struct {
		Pads []int `attr:"pads"`
	}
	tIf struct {
		Then *Graph `attr:"then_branch,required"`
		Else *Graph `attr:"else_branch,required"`
	}
	tAll struct {
		I    int            `attr:"i,default=3"`
		PI   *int           `attr:"pi"`
		F    float32        `attr:"f,default=0.5"`
		PF   *float32       `attr:"pf"`
		B    bool           `attr:"b,default=1"`
		S    string         `attr:"s,default=x"`
		Is   []int          `attr:"ints"`
		Fs   []float32      `attr:"floats"`
		Ss   []string       `attr:"strings"`
		DT   tensor.DType   `attr:"dtype"`
		T    *tensor.Tensor `attr:"tensor"`
		Mode string         `attr:"mode,default=a,oneof=a|b"`
		Own  int            `attr:"own,internal"`
	}
)

func (*tRelu) Def() *Def  { return reluDef }
func (*tAdd) Def() *Def   { return addDef }
func (*tSplit) Def() *Def { return splitDef }
func (*tShape) Def() *Def { return shapeDef }
func (*tFill) Def() *Def  { return fillDef }
func (*tPool) Def() *Def  { return poolDef }
func (*tIf) Def() *Def    { return ifDef }
func (*tAll) Def() *Def   { return allDef }

var (
	anyTypes = ^TypeSet(1)
	numbers  = TypesOf(tensor.Float32, tensor.Float64, tensor.Int64)

	reluDef = &Def{
		Name: "Relu", New: func() Op { return New[tRelu]() }, Types: map[string]TypeSet{"T": numbers},
		Ins: []Param{{Name: "X", Type: "T"}}, Outs: []Param{{Name: "Y", Type: "T"}},
		Infer: func(c *InferCtx) error { c.SetShape(0, c.Shape(0)); return nil },
		Eval:  func(c *EvalCtx) error { c.SetOutput(0, c.In[0]); return nil },
	}
	addDef = &Def{
		Name: "Add", New: func() Op { return New[tAdd]() }, Types: map[string]TypeSet{"T": numbers},
		Ins:  []Param{{Name: "A", Type: "T"}, {Name: "B", Type: "T"}, {Name: "C", Type: "T", Kind: Optional}},
		Outs: []Param{{Name: "Y", Type: "T"}},
		Infer: func(c *InferCtx) error {
			if a, b := c.Shape(0), c.Shape(1); a != nil && b != nil && len(a) != len(b) {
				return fmt.Errorf("shapes %v and %v differ", a, b)
			}
			c.SetShape(0, c.Shape(0))
			return nil
		},
	}
	splitDef = &Def{
		Name: "Split", New: func() Op { return New[tSplit]() }, Types: map[string]TypeSet{"T": anyTypes},
		Ins: []Param{{Name: "X", Type: "T"}}, Outs: []Param{{Name: "Y", Type: "T", Kind: Variadic}},
		Infer: func(c *InferCtx) error {
			for o := range c.NumOut() {
				c.SetShape(o, c.Shape(0))
			}
			return nil
		},
	}
	shapeDef = &Def{
		Name: "Shape", New: func() Op { return New[tShape]() }, Types: map[string]TypeSet{"T": anyTypes},
		Ins: []Param{{Name: "X", Type: "T"}}, Outs: []Param{{Name: "Y", Type: "int64"}},
		Infer: func(c *InferCtx) error {
			if s := c.Shape(0); s != nil {
				c.SetShape(0, Dims(len(s)))
				c.SetDims(0, s)
			}
			return nil
		},
	}
	fillDef = &Def{
		Name: "Fill", New: func() Op { return New[tFill]() },
		Ins: []Param{{Name: "shape", Type: "int64"}}, Outs: []Param{{Name: "Y", Type: "float32"}},
		Infer: func(c *InferCtx) error { c.SetShape(0, Shape(c.Dims(0))); return nil },
	}
	poolDef = &Def{
		Name: "Pool", Domain: "com.example", New: func() Op { return New[tPool]() }, Types: map[string]TypeSet{"T": numbers},
		Ins: []Param{{Name: "X", Type: "T"}}, Outs: []Param{{Name: "Y", Type: "T"}, {Name: "Mask", Type: "int64", Kind: Optional}},
		Infer: func(c *InferCtx) error {
			for o := range 2 {
				c.SetShape(o, c.Shape(0))
			}
			return nil
		},
	}
	ifDef = &Def{
		Name: "If", New: func() Op { return New[tIf]() }, Types: map[string]TypeSet{"V": anyTypes},
		Ins:  []Param{{Name: "cond", Type: "bool"}, {Name: "captured", Type: "V", Kind: VariadicAny}},
		Outs: []Param{{Name: "Y", Type: "V", Kind: VariadicAny}},
		Infer: func(c *InferCtx) error {
			body := c.Node.Op.(*tIf).Then
			for o := range c.NumOut() {
				c.SetDType(o, body.Outputs()[o].Type().DType)
				c.SetShape(o, body.Outputs()[o].Type().Shape)
			}
			return nil
		},
	}
	allDef = &Def{
		Name: "All", New: func() Op { return New[tAll]() }, Types: map[string]TypeSet{"V": anyTypes},
		Ins:   []Param{{Name: "X", Type: "V", Kind: Optional}, {Name: "W", Type: "V", Kind: Optional}, {Name: "Z", Type: "V", Kind: VariadicAny}},
		Outs:  []Param{{Name: "Y", Type: "float32", Kind: Variadic}},
		Infer: func(*InferCtx) error { return nil },
	}

	testOps = []*Def{reluDef, addDef, splitDef, shapeDef, fillDef, poolDef, ifDef, allDef}
)

func lookupTest(domain, name string) *Def {
	i := slices.IndexFunc(testOps, func(d *Def) bool { return d.Name == name && d.Domain == domain })
	if i < 0 {
		return nil
	}
	return testOps[i]
}

func parse(t testing.TB, text string) *Graph {
	t.Helper()
	g, err := Parse(text, lookupTest)
	require.NoError(t, err)
	require.NoError(t, Verify(g))
	return g
}

func printed(t testing.TB, g *Graph) string {
	t.Helper()
	var s printBuffer
	require.NoError(t, Print(&s, g, PrintOptions{}))
	return string(s)
}

type printBuffer []byte

func (b *printBuffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

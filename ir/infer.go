package ir

import (
	"fmt"

	"github.com/onnxrun/onnxrun/tensor"
)

// inferNode checks a node's arguments against its Def and infers the types of its outputs.
func inferNode(n *Node, numOut int) ([]Type, [][]Dim, error) {
	def := n.Op.Def()
	wrap := func(err error) error { return &Error{Node: n.Name, Op: def.FullName(), Err: err} }
	bound, err := bindInputs(def, n.inputs)
	if err != nil {
		return nil, nil, wrap(err)
	}
	if least, most := Arity(def.Outs); numOut < least || numOut > most {
		return nil, nil, wrap(fmt.Errorf("has %d outputs, expects %s", numOut, span(least, most)))
	}
	c := newInferCtx(n, numOut)
	for i := range c.types {
		p := ParamAt(def.Outs, i)
		if p.Kind != VariadicAny {
			c.types[i].DType = bound.lookup(p.Type)
		}
	}
	if err := def.Infer(c); err != nil {
		return nil, nil, wrap(err)
	}
	for i := range c.types {
		if c.types[i].DType == tensor.Undefined {
			return nil, nil, wrap(fmt.Errorf("output %d: element type could not be inferred", i))
		}
		for _, d := range c.types[i].Shape {
			if d.N < 0 {
				return nil, nil, wrap(fmt.Errorf("output %d: negative dimension in shape %v", i, c.types[i].Shape))
			}
		}
	}
	return c.types, c.dims, nil
}

// SetInputType declares another type for a graph input. The types of what is computed from it are stale until InferAll.
func (g *Graph) SetInputType(v *Value, t Type) error {
	if !v.input || !g.owns(v) {
		return fmt.Errorf("ir: value %q: is not a graph input", v.name)
	}
	if err := checkType(t); err != nil {
		return fmt.Errorf("ir: value %q: %w", v.name, err)
	}
	v.typ = Type{t.DType, t.Shape.Clone()}
	return nil
}

// InferAll infers the types of all nodes anew, from those of the graph inputs and constants. What was inferred before
// is forgotten. A graph for which it fails is of no further use.
func (g *Graph) InferAll() error {
	for _, n := range g.nodes {
		types, dims, err := inferNode(n, len(n.outputs))
		if err != nil {
			return err
		}
		for i, v := range n.outputs {
			if v != nil {
				v.typ, v.dims = types[i], dims[i]
			}
		}
	}
	return nil
}

// checkType finds what no type may have, whoever made it.
func checkType(t Type) error {
	if !t.DType.Valid() {
		return fmt.Errorf("element type %s is not valid", t.DType)
	}
	for _, d := range t.Shape {
		if d.N < 0 || d.N == 0 && d.Sym != "" && d != UnknownDim || d.IsUnknown() && d != UnknownDim {
			return fmt.Errorf("shape %v has an invalid dimension", t.Shape)
		}
	}
	return nil
}

// binding is the element types of type variables, of which there are few.
type binding []bindingOf

type bindingOf struct {
	name string
	dt   tensor.DType
}

func (b binding) find(name string) (tensor.DType, bool) {
	for _, e := range b {
		if e.name == name {
			return e.dt, true
		}
	}
	return tensor.Undefined, false
}

func (b binding) lookup(name string) tensor.DType {
	if dt, ok := b.find(name); ok {
		return dt
	}
	dt, _ := tensor.ParseDType(name)
	return dt
}

// bindInputs finds the element type of each type variable.
func bindInputs(def *Def, inputs []*Value) (binding, error) {
	if least, most := Arity(def.Ins); len(inputs) < least || len(inputs) > most {
		err := fmt.Errorf("has %d inputs, expects %s", len(inputs), span(least, most))
		for i := len(inputs); i < least; i++ {
			if lacks := missing(def.Ins[i], i); lacks != nil {
				return nil, fmt.Errorf("%w: %w", err, lacks)
			}
		}
		return nil, err
	}
	var bound binding
	for i, v := range inputs {
		p := ParamAt(def.Ins, i)
		if v == nil {
			if err := missing(p, i); err != nil {
				return nil, err
			}
			continue
		}
		dt := v.typ.DType
		set, isVar := def.Types[p.Type]
		if !isVar {
			if want, ok := tensor.ParseDType(p.Type); ok {
				set = TypesOf(want)
			}
		}
		if !set.Has(dt) {
			return nil, fmt.Errorf("input %d (%s): element type %s is not supported, expects one of %s", i, p.Name, dt, set)
		}
		if !isVar || p.Kind == VariadicAny {
			continue
		}
		was, ok := bound.find(p.Type)
		if ok && was != dt {
			return nil, fmt.Errorf("input %d (%s): element type %s differs from %s of the inputs before it", i, p.Name, dt, was)
		}
		if !ok {
			bound = append(bound, bindingOf{p.Type, dt})
		}
	}
	return bound, nil
}

// missing says why argument i, of parameter p, cannot be left out.
func missing(p Param, i int) error {
	switch p.Kind {
	case Required:
		return fmt.Errorf("input %d (%s) is missing", i, p.Name)
	case Variadic, VariadicAny:
		return fmt.Errorf("input %d (%s) is missing: of a variadic parameter none can be left out", i, p.Name)
	}
	return nil
}

// Missing is the error of a node that leaves out an input which it must have; nil if there is none. The node may have
// the form of an older opset, which may have fewer inputs: so inputs missing at the end are no error, but for the
// first. Inputs of a VariadicAny parameter are not checked here, because a Scan of opset 8 began with one that may be
// absent.
func Missing(def *Def, inputs []*Value) error {
	inputs = withoutLastAbsent(inputs)
	if least, _ := Arity(def.Ins); len(inputs) == 0 && least > 0 {
		return missing(def.Ins[0], 0)
	}
	for i, v := range inputs {
		if v != nil || len(def.Ins) == 0 || i >= len(def.Ins) && def.Ins[len(def.Ins)-1].Kind < Variadic { // one too many
			continue
		}
		if p := ParamAt(def.Ins, i); p.Kind != VariadicAny {
			if err := missing(p, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// ParamAt is the parameter that argument i is of.
func ParamAt(params []Param, i int) Param { return params[min(i, len(params)-1)] }

func span(least, most int) string {
	switch {
	case least == most:
		return fmt.Sprint(least)
	case most == maxVariadic:
		return fmt.Sprintf("at least %d", least)
	}
	return fmt.Sprintf("%d to %d", least, most)
}

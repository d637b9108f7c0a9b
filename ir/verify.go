package ir

import (
	"errors"
	"fmt"
	"slices"
)

// Verify checks what everyone takes for granted of a graph: values and nodes are linked both ways, nodes stand in
// topological order, names are unique, ids dense, inputs and outputs belong to the graph, and every type is the one that
// inference gives; for bodies as well. It reports all that is wrong, joined; an *Error tells the node.
func Verify(g *Graph) error {
	c := &verifier{g: g, position: map[*Node]int{}, uses: map[Use]*Value{}}
	c.checkValues()
	c.checkNodes()
	c.checkLinks()
	c.checkEnds()
	return errors.Join(c.problems...)
}

type verifier struct {
	g        *Graph
	position map[*Node]int
	uses     map[Use]*Value // as the nodes have them
	problems []error
}

func (c *verifier) value(v *Value, format string, args ...any) {
	c.problems = append(c.problems, fmt.Errorf("ir: value %q: %w", v.name, fmt.Errorf(format, args...)))
}

func (c *verifier) node(n *Node, err error) {
	var located *Error
	if !errors.As(err, &located) || located.Node != n.Name {
		err = &Error{Node: n.Name, Op: n.OpName(), Err: err}
	}
	c.problems = append(c.problems, fmt.Errorf("ir: %w", err))
}

func (c *verifier) checkValues() {
	named := 0
	for id, v := range c.g.values {
		if v == nil {
			c.problems = append(c.problems, fmt.Errorf("ir: graph %q: no value has id %d of %d", c.g.Name, id, len(c.g.values)))
			continue
		}
		if v.id != id {
			c.value(v, "has id %d, stands at %d", v.id, id)
		}
		if v.name == "" || c.g.Value(v.name) != v {
			c.value(v, "name is empty or not unique")
		} else {
			named++
		}
		if err := checkType(v.typ); err != nil {
			c.value(v, "%w", err)
		}
		sources := 0
		for _, is := range []bool{v.konst != nil, v.def != nil, v.input} {
			if is {
				sources++
			}
		}
		if sources != 1 {
			c.value(v, "is %d of graph input, constant and result of a node, expects 1", sources)
		}
		if t := v.konst; t != nil && !equalTypes(v.typ, TensorType(t)) {
			c.value(v, "has type %v, its constant is %v", v.typ, t)
		}
	}
	if named != c.g.names.len() {
		c.problems = append(c.problems, fmt.Errorf("ir: graph %q: has %d names for %d values", c.g.Name, c.g.names.len(), named))
	}
}

func (c *verifier) checkNodes() {
	names := map[string]struct{}{}
	for i, n := range c.g.nodes {
		if _, twice := c.position[n]; twice {
			c.node(n, errors.New("stands twice in the graph"))
		}
		c.position[n] = i
		if _, twice := names[n.Name]; n.Name == "" || twice {
			c.node(n, errors.New("name is empty or not unique"))
		}
		names[n.Name] = struct{}{}
		if n.graph != c.g {
			c.node(n, errors.New("belongs to another graph"))
		}
		sound := true
		for k, v := range n.inputs {
			if v == nil {
				continue
			}
			c.uses[Use{n, k}] = v
			if !c.g.owns(v) {
				c.node(n, fmt.Errorf("input %d: value %q is not of this graph", k, v.name))
				sound = false
			} else if _, before := c.position[v.def]; v.def != nil && (!before || v.def == n) {
				c.node(n, fmt.Errorf("input %d: value %q is computed by node %q, which does not come before", k, v.name, v.def.Name))
			}
		}
		for k, v := range n.outputs {
			if v != nil && (!c.g.owns(v) || v.def != n || v.index != k) {
				c.node(n, fmt.Errorf("output %d: value %q does not point back", k, v.name))
				sound = false
			}
		}
		if sound {
			c.checkInference(n)
		}
		for name, body := range Bodies(n.Op) {
			if err := Verify(body); err != nil {
				c.node(n, &AttrError{name, err.Error()})
			}
		}
	}
	if !c.namesAreNodes(names) {
		c.problems = append(c.problems, fmt.Errorf("ir: graph %q: its set of node names differs from its nodes'", c.g.Name))
	}
}

// namesAreNodes says whether names are those that the graph has for its nodes.
func (c *verifier) namesAreNodes(names map[string]struct{}) bool {
	for name := range names {
		if !c.g.nodeNames.has(name) {
			return false
		}
	}
	return len(names) == c.g.nodeNames.len()
}

func (c *verifier) checkInference(n *Node) {
	types, dims, err := inferNode(n, len(n.outputs))
	if err != nil {
		c.node(n, err)
		return
	}
	for i, v := range n.outputs {
		if v == nil {
			continue
		}
		if !equalTypes(v.typ, types[i]) {
			c.node(n, fmt.Errorf("output %d: value %q has type %v, inference gives %v", i, v.name, v.typ, types[i]))
		}
		if !slices.Equal(v.dims, dims[i]) {
			c.node(n, fmt.Errorf("output %d: value %q has elements %v, inference gives %v", i, v.name, v.dims, dims[i]))
		}
	}
}

func (c *verifier) checkLinks() {
	for _, v := range c.g.values {
		if v == nil {
			continue
		}
		if v.def != nil {
			if _, ok := c.position[v.def]; !ok {
				c.value(v, "is computed by node %q, which is not in the graph", v.def.Name)
			} else if v.def.Out(v.index) != v {
				c.value(v, "is not output %d of node %q", v.index, v.def.Name)
			}
		}
		for _, u := range v.uses {
			if c.uses[u] != v {
				c.value(v, "lists a use as input %d of node %q, which does not use it", u.Index, u.Node.Name)
			}
			delete(c.uses, u)
		}
	}
	for _, n := range c.g.nodes {
		for i := range n.inputs {
			if v := c.uses[Use{n, i}]; v != nil {
				c.node(n, fmt.Errorf("input %d: value %q does not list the use", i, v.name))
			}
		}
	}
}

func (c *verifier) checkEnds() {
	seen := map[*Value]int{}
	for i, v := range c.g.inputs {
		if v == nil || !c.g.owns(v) {
			c.problems = append(c.problems, fmt.Errorf("ir: graph %q: input %d is not a value of the graph", c.g.Name, i))
		} else if !v.input {
			c.value(v, "does not know that it is a graph input")
		} else if seen[v]++; seen[v] > 1 {
			c.value(v, "is a graph input twice")
		}
	}
	for _, v := range c.g.values {
		if v != nil && v.input && seen[v] == 0 {
			c.value(v, "is said to be a graph input and is none")
		}
	}
	clear(seen)
	for i, v := range c.g.outputs {
		if v == nil || !c.g.owns(v) {
			c.problems = append(c.problems, fmt.Errorf("ir: graph %q: output %d is not a value of the graph", c.g.Name, i))
		} else {
			seen[v]++
		}
	}
	for _, v := range c.g.values {
		if v != nil && v.outs != seen[v] {
			c.value(v, "is %d of the graph's outputs and said to be %d", seen[v], v.outs)
		}
	}
}

func equalTypes(t, u Type) bool {
	return t.DType == u.DType && (t.Shape == nil) == (u.Shape == nil) && slices.Equal(t.Shape, u.Shape)
}

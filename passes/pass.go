package passes

import (
	"context"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
)

// Kind says what a pass does to the function that a graph computes.
type Kind uint8

const (
	Exact       Kind = iota // the same function up to rounding, and a graph that can still be trained
	Inference               // the same function up to rounding, in a form that is only good for running
	Approximate             // another function, near the first one: by name only
	Exchange                // the same function up to rounding in another form, no faster in general: by name only
)

func (k Kind) String() string {
	return [...]string{"exact", "inference", "approximate", "exact, by name"}[k]
}

// Pass is a function from graph to graph.
type Pass struct {
	Name string
	Kind Kind
	Doc  string // one line
	// Group: neighbours with the same number, other than 0, are repeated until none of them changes anything, maxRounds
	// times at most.
	Group int
	Run   func(*Context) error
}

// Context is what a pass works with, and where it tells what it did.
type Context struct {
	Ctx   context.Context
	Graph *ir.Graph
	// Budget is what evaluations may still take; nil sets no bound.
	Budget *ir.Budget
	// Training is Options.Training.
	Training bool
	// Approximation is what approximate passes need beyond that; nil where none runs.
	Approximation *Approximation

	hits     int
	misses   map[string]int // reason → times
	rewrites []Rewrite
}

// stopped is the error of a context that has ended.
func (c *Context) stopped() error {
	if c.Ctx == nil {
		return nil
	}
	return c.Ctx.Err()
}

// Hit counts a change.
func (c *Context) Hit() { c.hits++ }

// Miss counts a place where the pass's pattern stands and the pass did nothing, and why.
func (c *Context) Miss(reason string) {
	if c.misses == nil {
		c.misses = map[string]int{}
	}
	c.misses[reason]++
}

// Alone reports whether n alone reads v, so that what computes v may change with n; it counts a miss where not. Passes
// ask once the rest of their pattern stands.
func (c *Context) Alone(n *ir.Node, v *ir.Value) bool {
	switch {
	case inner(n, v):
		return true
	case v.IsOutput():
		c.Miss("what it reads is a graph output")
	default:
		c.Miss("what it reads is read elsewhere too")
	}
	return false
}

// EachNode edits the graph node by node and counts a hit for each node at which something was edited. What an edit made
// useless is removed before the next node is looked at.
func (c *Context) EachNode(edit func(rw *ir.Rewriter, n *ir.Node) error) error {
	rw := ir.NewRewriter(c.Graph)
	for _, n := range slices.Clone(c.Graph.Nodes()) {
		if rw.Removed(n) {
			continue
		}
		if err := c.stopped(); err != nil {
			return err
		}
		before := rw.Edits()
		if err := edit(rw, n); err != nil {
			return err
		}
		if rw.Edits() > before {
			c.Hit()
		}
		rw.Prune()
	}
	return rw.Done()
}

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

// hit counts a change.
func (c *Context) hit() { c.hits++ }

// miss counts a place where the pass's pattern stands and the pass did nothing, and why.
func (c *Context) miss(reason string) {
	if c.misses == nil {
		c.misses = map[string]int{}
	}
	c.misses[reason]++
}

// alone reports whether n alone reads v, so that what computes v may change with n; it records why not. Passes ask once
// the rest of their pattern stands.
func (c *Context) alone(n *ir.Node, v *ir.Value) bool {
	switch {
	case inner(n, v):
		return true
	case v.IsOutput():
		c.miss("what it reads is a graph output")
	default:
		c.miss("what it reads is read elsewhere too")
	}
	return false
}

// eachNode edits the graph node by node and counts the nodes for which there was an edit. What an edit made useless is
// gone before the next one looks.
func (c *Context) eachNode(edit func(rw *ir.Rewriter, n *ir.Node) error) error {
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
			c.hit()
		}
		rw.Prune()
	}
	return rw.Done()
}

// Package lower turns a graph whose shapes are known into steps, as data, in three stages:
//
//   - select decides which nodes become one step, by which kernel, with which algorithm and element type, and in which layout
//     each operand is read or written (select.go, and a file for each family of operators, with its forms on plain arrays, on
//     blocked data and of gradients together);
//   - place gives every array a slot of memory, lets arrays share one where they may, and puts conversions between layouts
//     where a reader needs what no writer gave (place.go, arena.go);
//   - emit makes kernels, packed weights among them, and with them what a Run does (emit.go).
//
// What each stage decides can be printed (print.go) and is checked against the graph (check.go).
package lower

import (
	"context"
	"fmt"
	"io"

	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
)

// Options say how a graph is lowered.
type Options struct {
	Set       *kernel.Set
	Threads   int  // of a Run
	MaxMemory int  // bytes of a Run
	Strict    bool // no Winograd
	// Replaced is the ids of those outputs that lie where an input of the graph lies; steps are handed its tensor.
	Replaced []int
	// Packs keeps packed weights for several programs of one graph; nil: each has its own.
	Packs *kernel.Packs
	// Choose returns the index of the algorithm of a convolution; key tells all that its time depends on. nil: the one that is
	// estimated to be the fastest.
	Choose func(ctx context.Context, key string, candidates []Candidate) (int, error)
	// Check holds the steps against the graph after each stage.
	Check bool
	// Dump, if not nil, is where the steps are printed.
	Dump io.Writer
}

// Program is a graph made ready to run.
type Program struct {
	Graph   *ir.Graph
	Steps   []*Step
	Slots   []Slot // the first ones are those of the graph's values in the plain layout, by id
	Arena   int    // bytes
	Scratch int    // float32s for each worker
	values  arraySet
	threads int
}

// Lower makes the program of a graph, whose input shapes are numbers. Values whose sizes cannot be known are left to the Run.
// It fails with a *ir.MemoryError where a value alone is greater than MaxMemory, with the error of ctx when that ends, and
// names the node that a kernel cannot be made for (*ir.Error).
func Lower(ctx context.Context, g *ir.Graph, opts Options) (*Program, error) {
	p := &Program{Graph: g, values: arraySet{}, threads: opts.Threads}
	if err := p.makeSlots(opts); err != nil {
		return nil, err
	}
	if err := p.selectSteps(ctx, opts); err != nil {
		return nil, err
	}
	if err := p.verify(opts, selected); err != nil {
		return nil, err
	}
	if err := p.place(ctx, opts); err != nil {
		return nil, err
	}
	if err := p.verify(opts, placed); err != nil {
		return nil, err
	}
	if err := p.emit(ctx); err != nil {
		return nil, err
	}
	p.liveness()
	p.Arena = packArena(p.Slots, opts.MaxMemory)
	if err := p.verify(opts, emitted); err != nil {
		return nil, err
	}
	if opts.Dump != nil {
		if _, err := fmt.Fprintf(opts.Dump, "# lowered\n%v", p); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// at names the node that an error is of.
func at(n *ir.Node, err error) error {
	return &ir.Error{Node: n.Name, Op: n.OpName(), Err: err}
}

package passes

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
)

// Level says which passes of the table run.
type Level uint8

const (
	O0 Level = iota // none
	O1              // exact ones: the result can still be trained
	O2              // those for inference too
)

// Options say how Optimize changes a graph.
type Options struct {
	Level Level
	Eval  Evaluator
	// With and Without are names of passes to run beyond the level's, approximate ones among them, and not to run.
	With, Without []string
	// Approximation is what approximate passes need; nil where none is asked for.
	Approximation *Approximation
	// StopAfter is how many passes of those that would run do run; 0 stands for all, -1 for none.
	StopAfter int
	// After, if not nil, is called with the graph after each pass.
	After func(p Pass, g *ir.Graph) error
}

// Stat is what a pass did.
type Stat struct {
	Pass   string         `json:"pass"`
	Hits   int            `json:"hits"`
	Misses map[string]int `json:"misses,omitempty"` // by reason
	// Rewrites is what an approximate pass did, by layer.
	Rewrites []Rewrite `json:"rewrites,omitempty"`
}

// maxRounds bounds how often a group of passes is repeated.
const maxRounds = 8

// Optimize applies the passes of the table, in its order. After an error the graph is of no further use.
func Optimize(g *ir.Graph, opts Options) ([]Stat, error) {
	var stats []Stat
	list := slices.DeleteFunc(Table(), func(p Pass) bool { return p.Kind > Kind(opts.Level)-1 || opts.Level == O0 })
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[0].Group != 0 && list[n].Group == list[0].Group {
			n++
		}
		for range maxRounds {
			hits := 0
			for _, p := range list[:n] {
				c := &Context{Graph: g, Eval: opts.Eval, Approximation: opts.Approximation}
				if err := p.Run(c); err != nil {
					return stats, fmt.Errorf("pass %s: %w", p.Name, err)
				}
				stats = append(stats, Stat{p.Name, c.hits, c.misses, c.rewrites})
				hits += c.hits
			}
			if list[0].Group == 0 || hits == 0 {
				break
			}
		}
		list = list[n:]
	}
	return stats, nil
}

package passes

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/internal/mapped"
	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/internal/suggest"
	"github.com/onnxrun/onnxrun/ir"
)

// Level says which passes of the table run.
type Level uint8

const (
	O0 Level = iota // none
	O1              // exact ones: the result can still be trained
	O2              // those for inference too
)

func (l Level) String() string { return fmt.Sprintf("-O%d", uint8(l)) }

// has reports whether passes of a kind run at the level; some run at none, but by name.
func (l Level) has(k Kind) bool { return !k.byName() && levelOf(k) <= l }

// levelOf is the least level with passes of a kind.
func levelOf(k Kind) Level { return Level(k) + 1 }

// byName reports whether passes of a kind run only when they are asked for by name.
func (k Kind) byName() bool { return k == Approximate || k == Exchange }

// Options say how Optimize changes a graph.
type Options struct {
	Level Level
	// Training keeps what does something only while a model is taught: Dropout.
	Training bool
	// With and Without are names of passes to run beyond the level's, which are approximate or exchanging ones, and not to run.
	// Whatever their order, that of the table holds.
	With, Without []string
	// Extra are passes that are not in the table; they run as if With named them. Those for inference come last, others
	// before the first pass for inference, while operators are still the standard ones.
	Extra []Pass
	// Approximation is what approximate passes need; nil where none is asked for.
	Approximation *Approximation
	// StopAfter is how many passes of those that would run do run; 0 stands for all, -1 for none.
	StopAfter int
	// After, if not nil, is called with the graph after each pass.
	After func(p Pass, g *ir.Graph) error
	// Debug, if not nil, says what to watch; see ParseDebug.
	Debug *Debug

	seal *ir.Seal
}

// Stat is what a pass did.
type Stat struct {
	Pass        string         `json:"pass"`
	Hits        int            `json:"hits"`
	Misses      map[string]int `json:"misses,omitempty"` // by reason; of the last round, where there were several
	NodesBefore int            `json:"nodes_before"`
	NodesAfter  int            `json:"nodes_after"`
	// Rewrites is what an approximate pass did, by layer.
	Rewrites []Rewrite `json:"rewrites,omitempty"`
}

// PassError is a pass that was asked for and cannot be had, or one that failed.
type PassError struct {
	Pass string
	Msg  string
	Err  error // what it failed with, nil where it did not run
}

func (e *PassError) Error() string {
	return fmt.Sprintf("passes: pass %q: %s", e.Pass, plain.Lines(strings.TrimPrefix(e.Msg, "passes: "), 40))
}

func (e *PassError) Unwrap() error { return e.Err }

// maxRounds bounds how often a group of passes is repeated.
const maxRounds = 8

// Optimize applies the passes of the table, in its order, and returns what each of them did. After an error the graph is
// of no further use.
func Optimize(ctx context.Context, g *ir.Graph, opts Options) (stats []Stat, err error) {
	defer mapped.Of(g.Backing()).Guard(&err)()
	list, err := Selected(opts)
	if err != nil {
		return nil, err
	}
	budget := foldBudget(g)
	stats = make([]Stat, len(list))
	for i, p := range list {
		stats[i].Pass = p.Name
	}
	opts.seal = opts.Debug.seal(g)
	for first := 0; first < len(list); {
		end := first + 1
		for end < len(list) && list[first].Group != 0 && list[end].Group == list[first].Group {
			end++
		}
		for range maxRounds {
			hits := 0
			for i := first; i < end; i++ {
				n, err := runPass(ctx, g, list[i], opts, budget, &stats[i])
				if err != nil {
					return stats[:i+1], err
				}
				hits += n
			}
			if list[first].Group == 0 || hits == 0 {
				break
			}
		}
		first = end
	}
	opts.Debug.printStats(stats)
	return stats, nil
}

// runPass runs a pass, adds to stat what it did, and returns its hits.
func runPass(ctx context.Context, g *ir.Graph, p Pass, opts Options, budget *ir.Budget, stat *Stat) (hits int, err error) {
	c := &Context{Ctx: ctx, Graph: g, Budget: budget, Training: opts.Training, Approximation: opts.Approximation}
	if stat.NodesBefore == 0 {
		stat.NodesBefore = len(g.Nodes())
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := protect(p, c); err != nil {
		if stopped := ctx.Err(); stopped != nil { // no pass is to blame
			return 0, stopped
		}
		return 0, &PassError{p.Name, err.Error(), err}
	}
	stat.Hits += c.hits
	stat.Misses = c.misses
	stat.Rewrites = append(stat.Rewrites, c.rewrites...)
	stat.NodesAfter = len(g.Nodes())
	if err := opts.Debug.after(p, g, opts.seal); err != nil {
		return 0, &PassError{p.Name, err.Error(), err}
	}
	if opts.After != nil {
		return c.hits, opts.After(p, g)
	}
	return c.hits, nil
}

// protect runs a pass and makes an error of a panic.
func protect(p Pass, c *Context) (err error) {
	defer func() {
		if v := recover(); v != nil {
			if err = mapped.Of(c.Graph.Backing()).Fault(v); err == nil {
				err = fmt.Errorf("internal fault: %v\n%s", v, debug.Stack())
			}
		}
	}()
	return p.Run(c)
}

// Selected is the passes that Optimize would run, in order.
func Selected(opts Options) ([]Pass, error) {
	table := withExtra(Table(), opts.Extra)
	if err := checkTable(table, nil); err != nil {
		return nil, err
	}
	names := namesOf(table)
	with, without := slices.Concat(opts.With, namesOf(opts.Extra)), slices.Concat(opts.Without, opts.Debug.Off())
	for _, name := range slices.Concat(with, without) {
		i := slices.Index(names, name)
		switch {
		case i < 0:
			return nil, &PassError{Pass: name, Msg: "unknown" + suggest.Nearest(name, names)}
		case !slices.Contains(with, name):
		case slices.Contains(without, name):
			return nil, &PassError{Pass: name, Msg: "is both asked for and excluded"}
		case !table[i].Kind.byName() && !opts.Level.has(table[i].Kind):
			return nil, &PassError{Pass: name, Msg: fmt.Sprintf("is of kind %v, which %v excludes; use %v", table[i].Kind, opts.Level, levelOf(table[i].Kind))}
		}
	}
	list := slices.DeleteFunc(table, func(p Pass) bool {
		return !opts.Level.has(p.Kind) && !slices.Contains(with, p.Name) || slices.Contains(without, p.Name)
	})
	switch {
	case opts.StopAfter < 0:
		return nil, nil
	case opts.StopAfter > 0:
		list = list[:min(opts.StopAfter, len(list))]
	}
	return list, nil
}

// withExtra is the table with passes in the places that Options.Extra tells.
func withExtra(table, extra []Pass) []Pass {
	first := slices.IndexFunc(table, func(p Pass) bool { return p.Kind == Inference })
	for _, p := range extra {
		if p.Kind == Inference {
			table = append(table, p)
			continue
		}
		table = slices.Insert(table, first, p)
		first++
	}
	return table
}

func namesOf(list []Pass) []string {
	names := make([]string, len(list))
	for i, p := range list {
		names[i] = p.Name
	}
	return names
}

// checkTable says which constraint the table does not keep, or which pass it has twice.
func checkTable(table []Pass, constraints []constraint) error {
	place := map[string]int{}
	for i, p := range table {
		if _, twice := place[p.Name]; twice {
			return &PassError{Pass: p.Name, Msg: "stands in the table twice"}
		}
		place[p.Name] = i
	}
	for _, c := range constraints {
		before, ok := place[c.before]
		after, ok2 := place[c.after]
		switch {
		case !ok || !ok2:
			return fmt.Errorf("a constraint names %q and %q, of which one is not in the table", c.before, c.after)
		case before >= after:
			return fmt.Errorf("pass %q must come before %q: %s", c.before, c.after, c.reason)
		}
	}
	return nil
}

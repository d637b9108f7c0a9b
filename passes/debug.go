package passes

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/onnxrun/onnxrun/ir"
)

// Debug says what to watch while passes run. nil watches nothing.
type Debug struct {
	out         io.Writer
	off         []string
	dump, stats map[string]bool // by pass, "lower" or "all"
	check       bool
}

// lowering stands for what the runtime does once the passes are done.
const lowering = "lower"

// Lowering says whether the steps that a graph is lowered to are to be checked, and where they are to be printed; nil: nowhere.
func (d *Debug) Lowering() (check bool, dump io.Writer) {
	if d == nil {
		return false, nil
	}
	if d.dump[lowering] {
		dump = d.out
	}
	return d.check, dump
}

// OnlyLowering watches what the runtime does once the passes are done, and the graph, but prints nothing of the passes; nil where
// there is nothing to watch.
func (d *Debug) OnlyLowering() *Debug {
	if d == nil || !d.check && !d.dump[lowering] {
		return nil
	}
	return &Debug{out: d.out, check: d.check, dump: map[string]bool{lowering: d.dump[lowering]}}
}

// Off is the names of the passes that are left out.
func (d *Debug) Off() []string {
	if d == nil {
		return nil
	}
	return slices.Clone(d.off)
}

// all stands for every pass.
const all = "all"

// DebugHelp is the grammar of ParseDebug, in a line.
const DebugHelp = "PASS/off leaves a pass out, PASS/dump prints the graph after it, PASS/stats what it did; all/dump, all/stats; lower/dump prints the steps that a graph is run by; check verifies the graph, and that no constant was changed, after each pass, and the steps"

// ParseDebug reads directives separated by commas: PASS/off, PASS/dump and PASS/stats, where PASS is a name of the table,
// or "all" for the latter two; and "check", which verifies the graph after each pass, and that
// its constants are what they were. What they ask for is written to out.
func ParseDebug(text string, out io.Writer) (*Debug, error) {
	d := &Debug{out: &lockedWriter{w: out}, dump: map[string]bool{}, stats: map[string]bool{}}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		if word == "check" {
			d.check = true
			continue
		}
		pass, verb, _ := strings.Cut(word, "/")
		if pass == lowering && verb == "dump" {
			d.dump[pass] = true
			continue
		}
		if pass != all {
			if _, err := Selected(Options{Level: O2, Without: []string{pass}}); err != nil {
				return nil, err
			}
		}
		switch {
		case verb == "dump":
			d.dump[pass] = true
		case verb == "stats":
			d.stats[pass] = true
		case verb == "off" && pass != all:
			d.off = append(d.off, pass)
		default:
			return nil, &PassError{Pass: pass, Msg: fmt.Sprintf("%q is no directive: %s", word, DebugHelp)}
		}
	}
	return d, nil
}

// lockedWriter lets several goroutines write, each Write whole: plans are made at the same time.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// seal is checksums of the constants where the graph is to be checked, else nil.
func (d *Debug) seal(g *ir.Graph) *ir.Seal {
	if d == nil || !d.check {
		return nil
	}
	return ir.NewSeal(g)
}

// after does what is asked for after a pass; seal is of the constants before it, or nil.
func (d *Debug) after(p Pass, g *ir.Graph, seal *ir.Seal) error {
	if d == nil {
		return nil
	}
	if d.dump[p.Name] || d.dump[all] {
		if _, err := fmt.Fprintf(d.out, "# after %s\n%v", p.Name, g); err != nil {
			return err
		}
	}
	if !d.check {
		return nil
	}
	if seal != nil {
		if err := seal.Check(); err != nil {
			return err
		}
		seal.Add(g)
	}
	return ir.Verify(g)
}

// printStats prints a line for each pass that is asked for, and one for each reason for which it did nothing.
func (d *Debug) printStats(stats []Stat) {
	if d == nil {
		return
	}
	for _, s := range stats {
		if !d.stats[s.Pass] && !d.stats[all] {
			continue
		}
		fmt.Fprintf(d.out, "%-24s %5d hits  %5d → %d nodes\n", s.Pass, s.Hits, s.NodesBefore, s.NodesAfter)
		for _, reason := range slices.Sorted(maps.Keys(s.Misses)) {
			fmt.Fprintf(d.out, "%-24s %5d left: %s\n", "", s.Misses[reason], reason)
		}
	}
}

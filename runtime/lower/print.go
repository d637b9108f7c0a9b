package lower

import (
	"bytes"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/ir"
)

// String lists the steps, a line each: number, nodes, kernel, algorithm, element type, what is read and written and how it
// lies, and the time that is estimated.
func (p *Program) String() string {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for i, st := range p.Steps {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%v\t%s\t→ %s\t%.1f µs\n", i, st.Title(), st.Kernel, st.Algorithm, st.DType,
			arrayList(st.Reads), arrayList(st.Writes), 1e6*st.Cost.Time(p.threads))
	}
	w.Flush()
	fmt.Fprintf(&b, "%d steps, arena of %d bytes, scratch of %d for each of %d threads\n", len(p.Steps), p.Arena, 4*p.Scratch, p.threads)
	return b.String()
}

// Seconds is the time that a step is estimated to take.
func (p *Program) Seconds(st *Step) float64 { return st.Cost.Time(p.threads) }

// Title is the names of the nodes that a step computes.
func (st *Step) Title() string {
	names := make([]string, len(st.Nodes))
	for i, n := range st.Nodes {
		names[i] = nodeTitle(n)
	}
	return strings.Join(names, " + ")
}

func nodeTitle(n *ir.Node) string {
	return plain.Text(n.Name, plain.Name) + " (" + plain.Text(n.OpName(), plain.Name) + ")"
}

func arrayList(list []*Array) string {
	var words []string
	for _, a := range list {
		words = append(words, a.String())
	}
	return strings.Join(words, " ")
}

// String is the value's name and layout, and its shape where that is known, or what the array is of.
func (a *Array) String() string {
	if a.Value == nil {
		return fmt.Sprintf("%s[%d]", strings.ReplaceAll(a.Role, " ", "-"), a.Len)
	}
	return fmt.Sprintf("%s:%v%v", plain.Text(a.Value.Name(), plain.Name), a.Layout, a.Value.Type().Shape)
}

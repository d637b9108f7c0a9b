package lower

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// Two convolutions, of which the second one's result is pooled and added to the first one's, and a change of shape.
const branches = `graph "g" opset 21 (%x: float32[1,16,12,12]) -> (%z) {
  %w: float32[32,16,3,3] = const splat(0.125)
  %v: float32[32,32,1,1] = const splat(-0.25)
  %a: float32[1,32,12,12] = Conv{pads=[1, 1, 1, 1]}(%x, %w) "a"
  %b: float32[1,32,12,12] = Conv(%a, %v) "b"
  %p: float32[1,32,12,12] = MaxPool{kernel_shape=[3, 3], pads=[1, 1, 1, 1]}(%b) "p"
  %s: float32[1,32,12,12] = Add(%p, %a) "s"
  %y: float32[1,4608] = Flatten(%s) "y"
  %z: float32[1,4608] = Erf(%y) "z"
}`

func parse(t *testing.T, text string) *ir.Graph {
	t.Helper()
	g, err := ir.Parse(text, ops.Lookup)
	require.NoError(t, err)
	require.NoError(t, g.InferAll())
	return g
}

func lowered(t *testing.T, set *kernel.Set) (*Program, Options) {
	t.Helper()
	opts := Options{Set: set, Threads: 2, MaxMemory: 1 << 30, Check: true}
	p, err := Lower(t.Context(), parse(t, branches), opts)
	require.NoError(t, err)
	return p, opts
}

func (p *Program) find(t *testing.T, node string) int {
	t.Helper()
	for i, st := range p.Steps {
		if st.Node().Name == node && !st.Helper {
			return i
		}
	}
	t.Fatalf("no step of node %q", node)
	return 0
}

// The check finds what is wrong with steps and with memory.
func TestCheckFinds(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, p *Program)
		want  string
	}{
		"a node that is left out": {func(t *testing.T, p *Program) {
			i := p.find(t, "z")
			p.Steps = append(p.Steps[:i], p.Steps[i+1:]...)
		}, `node "z" (Erf): no step computes it`},
		"steps in another order": {func(t *testing.T, p *Program) {
			i, j := p.find(t, "a"), p.find(t, "b")
			p.Steps[i], p.Steps[j] = p.Steps[j], p.Steps[i]
		}, "which no step upstream makes"},
		"a step twice": {func(t *testing.T, p *Program) {
			p.Steps = append(p.Steps, p.Steps[p.find(t, "s")])
		}, "which a step upstream has made"},
		"a node of two steps": {func(t *testing.T, p *Program) {
			again := *p.Steps[p.find(t, "s")]
			again.Nodes, again.Writes = []*ir.Node{p.Steps[p.find(t, "b")].Node(), again.Nodes[0]}, nil
			p.Steps = append(p.Steps, &again)
		}, "is computed by another step"},
		"a layout that nobody made": {func(t *testing.T, p *Program) {
			st := p.Steps[p.find(t, "z")]
			st.Reads = []*Array{{Value: st.Node().In(0), Layout: Rows, Slot: 0}}
		}, "reads y:rows"},
		"an array without a slot": {func(t *testing.T, p *Program) {
			p.Steps[p.find(t, "s")].Writes[0].Slot = -1
		}, "has no slot"},
		"a slot that is too small": {func(t *testing.T, p *Program) {
			p.Slots[p.Steps[p.find(t, "z")].Writes[0].Slot].Size /= 2
		}, "has a slot of"},
		"nothing to do": {func(t *testing.T, p *Program) {
			p.Steps[p.find(t, "z")].Phases = nil
		}, "has 0 phases"},
		"places that overlap": {func(t *testing.T, p *Program) {
			for i := range p.Slots {
				p.Slots[i].Offset = 0
			}
		}, "overlap in step"},
		"a place beyond the arena": {func(t *testing.T, p *Program) { p.Arena /= 2 }, "ends beyond the arena"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, set := range kernel.Sets() {
				p, opts := lowered(t, set)
				require.NoError(t, p.verify(opts, emitted))
				c.spoil(t, p)
				require.ErrorContains(t, p.verify(opts, emitted), c.want, "%v", set)
			}
		})
	}
}

var update = flag.Bool("update", false, "write the files of testdata anew")

// A dump lists every step with all that was decided: in plain arrays by plain Go, in blocked data where tiles are fast.
func TestDump(t *testing.T) {
	for _, set := range kernel.Sets() {
		file := "testdata/plain.txt"
		if set.Has(kernel.FamilyTile) {
			file = "testdata/blocked.txt"
		}
		var out bytes.Buffer
		p, err := Lower(t.Context(), parse(t, branches), Options{Set: set, Threads: 1, MaxMemory: 1 << 30, Dump: &out})
		require.NoError(t, err)
		require.Equal(t, "# lowered\n"+p.String(), out.String())
		steps, _, _ := strings.Cut(p.String(), fmt.Sprintf("%d steps", len(p.Steps))) // scratch is the kernels' affair
		if *update {
			require.NoError(t, os.WriteFile(file, []byte(steps), 0o666))
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(want), steps, "%v", set)
	}
}

// Gradients, of which one is written over what it is computed from, and a MaxPoolGrad that reads what the MaxPool gave.
const backward = `graph "g" opset 21 (%c: float32[1,16,8,8], %d: float32[1,16,8,8]) -> (%t, %dx) {
  %y: float32[1,16,8,8] = MaxPool{kernel_shape=[3, 3], pads=[1, 1, 1, 1]}(%e) "y"
  %u: float32[1,16,8,8] = onnxrun.PointwiseGrad{of="Tanh"}(%y, %e) "u"
  %t: float32[1,16,8,8] = Relu(%u) "t"
  %dx: float32[1,16,8,8] = onnxrun.MaxPoolGrad{kernel_shape=[3, 3], pads=[1, 1, 1, 1]}(%d, %e) "dx"
}`

// Nothing is read any more over which something else has been written: the maxima are computed anew.
func TestOverwrittenIsNotRead(t *testing.T) {
	text := strings.Replace(backward, "  %y:", "  %w: float32[16,16,1,1] = const splat(0.5)\n  %e: float32[1,16,8,8] = Conv(%c, %w) \"e\"\n  %y:", 1)
	g, err := ir.Parse(text, ops.LookupFused)
	require.NoError(t, err)
	for _, set := range kernel.Sets() {
		opts := Options{Set: set, Threads: 1, MaxMemory: 1 << 30, Check: true}
		p, err := Lower(t.Context(), g, opts)
		require.NoError(t, err, "%v", set)
		if !set.Has(kernel.FamilyTile) {
			continue // the MaxPool's result is plain
		}
		var over *Step
		for _, st := range p.Steps {
			for _, v := range st.Views {
				if v.Kind == Overwrite && v.Done {
					over = st
				}
			}
		}
		require.NotNil(t, over)
		last := p.Steps[len(p.Steps)-1]
		last.Reads = append(last.Reads, over.Views[0].In)
		require.ErrorContains(t, p.verify(opts, placed), "over which")
	}
}

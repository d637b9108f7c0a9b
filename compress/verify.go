package compress

import (
	"context"
	"fmt"
	goruntime "runtime"
	"slices"

	"github.com/onnxrun/onnxrun/internal/mapped"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/passes"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
)

// VerifyOptions say how a model is verified.
type VerifyOptions struct {
	Level     passes.Level // the passes that are tried
	Without   []string     // passes to leave out
	Tolerance float64      // 0: DefaultTolerance
	Runtime   runtime.Options
	Progress  func(doing string) // nil: nobody listens
}

// Verification is what came of running a model after each pass.
type Verification struct {
	Tolerance float64      `json:"tolerance"`
	Steps     []VerifyStep `json:"steps"`
	Failure   *VerifyStep  `json:"failure,omitempty"` // the first step out of tolerance
}

// VerifyStep compares the model after a pass, and all those that run earlier, with the model without any.
type VerifyStep struct {
	Pass    string           `json:"pass"`
	Nodes   int              `json:"nodes"`
	Changed bool             `json:"changed"` // by the pass; where it is not, the figures are those of the step before
	Worst   OutputDifference `json:"worst"`   // the output that is furthest off
	Rows    int              `json:"rows"`
	Agree   int              `json:"agree"`
	At      *Divergence      `json:"first_divergence,omitempty"` // from the graph before the pass
}

// AsRun is the name of Verify's last step: the model as a Session runs it, with kernels' own choices and the passes once
// more where the sizes of the inputs are known.
const AsRun = "as run"

// Verify runs a model on the inputs, each a tensor for every input of it, as it stands and after each prefix of the table
// of passes, and compares. It stops at the first pass that leaves the tolerance and names the node.
func Verify(ctx context.Context, g *ir.Graph, inputs [][]*tensor.Tensor, opts VerifyOptions) (*Verification, error) {
	return verifyPasses(ctx, g, inputs, opts, passes.Options{Level: opts.Level, Without: opts.Without})
}

// verifyPasses is Verify for what list says of the passes, whatever opts does.
func verifyPasses(ctx context.Context, g *ir.Graph, inputs [][]*tensor.Tensor, opts VerifyOptions, list passes.Options) (_ *Verification, err error) {
	defer mapped.Of(g.Backing()).Guard(&err)()
	if len(inputs) == 0 {
		return nil, fmt.Errorf("onnxrun: nothing to verify the model on")
	}
	opts.Tolerance = givenTolerance(opts.Tolerance)
	if opts.Runtime.Pool == nil {
		pool := runtime.NewPool(threads(opts.Runtime))
		defer pool.Close()
		opts.Runtime.Pool = pool
	}
	v := &verifier{ctx: ctx, opts: opts, original: g, before: g.Clone(), inputs: inputs, out: &Verification{Tolerance: opts.Tolerance}}
	v.doing("the model as it stands")
	seal := ir.NewSeal(g)
	ends, err := endsOf(g, g)
	if err != nil {
		return nil, err
	}
	v.labels = ends.labels
	if v.want, err = results(ctx, g, ends.a, inputs, unoptimized(opts.Runtime)); err != nil {
		return nil, err
	}
	list.After = func(p passes.Pass, after *ir.Graph) error { return v.step(p.Name, after, unoptimized(opts.Runtime)) }
	_, err = passes.Optimize(ctx, g.Clone(), list)
	if err == nil && v.out.Failure == nil {
		err = v.step(AsRun, v.before, opts.Runtime)
	}
	if v.out.Failure != nil {
		err = nil
	}
	if err == nil {
		err = seal.Check()
	}
	return v.out, err
}

// errFound ends the passes when one has failed.
var errFound = fmt.Errorf("onnxrun: the pass is found")

type verifier struct {
	ctx      context.Context
	opts     VerifyOptions
	original *ir.Graph
	before   *ir.Graph // the pass that is looked at
	inputs   [][]*tensor.Tensor
	labels   []string // of what is compared
	want     [][]*tensor.Tensor
	out      *Verification
}

func (v *verifier) doing(what string) {
	if v.opts.Progress != nil {
		v.opts.Progress(what)
	}
}

// step compares the graph after a pass.
func (v *verifier) step(pass string, after *ir.Graph, how runtime.Options) error {
	if err := v.ctx.Err(); err != nil {
		return err
	}
	s := VerifyStep{Pass: pass, Nodes: len(after.Nodes()), Changed: pass == AsRun || !sameNodes(v.before, after)}
	if !s.Changed {
		if n := len(v.out.Steps); n > 0 {
			last := v.out.Steps[n-1]
			s.Worst, s.Rows, s.Agree = last.Worst, last.Rows, last.Agree
		}
		v.out.Steps = append(v.out.Steps, s)
		return nil
	}
	v.doing("after " + pass)
	ends, err := endsOf(v.original, after)
	if err != nil {
		return err
	}
	got, err := results(v.ctx, after, ends.b, v.inputs, how)
	if err != nil {
		return fmt.Errorf("after pass %q: %w", pass, err)
	}
	kept := make([]int, len(ends.labels)) // a pass may have removed a Softmax
	for i, label := range ends.labels {
		kept[i] = slices.Index(v.labels, label)
	}
	d := compare(ends.labels, reorder(v.want, kept), got)
	s.Worst, s.Rows, s.Agree = d.WorstOutput(), d.Rows, d.Agree
	if d.Error > v.opts.Tolerance {
		if pass != AsRun {
			same := make([]int, len(after.Inputs()))
			for i := range same {
				same[i] = i
			}
			if s.At, err = diverge(v.ctx, v.before, after, ends.b, d, v.inputs, same, v.opts.Tolerance, v.opts.Runtime); err != nil {
				return err
			}
		}
		v.out.Steps = append(v.out.Steps, s)
		v.out.Failure = &s
		return errFound
	}
	v.out.Steps = append(v.out.Steps, s)
	v.before = after.Clone()
	return nil
}

// sameNodes reports whether two graphs, one a copy of the other that may have changed, are still the same.
func sameNodes(a, b *ir.Graph) bool {
	sameValue := func(v, w *ir.Value) bool {
		if v == nil || w == nil {
			return v == w
		}
		return v.Name() == w.Name() && v.Const() == w.Const()
	}
	return slices.EqualFunc(a.Nodes(), b.Nodes(), func(m, n *ir.Node) bool {
		for range ir.Bodies(m.Op) { // copies have their own
			return false
		}
		return m.Op == n.Op && slices.EqualFunc(m.Inputs(), n.Inputs(), sameValue) && slices.EqualFunc(m.Outputs(), n.Outputs(), sameValue)
	}) && slices.EqualFunc(a.Outputs(), b.Outputs(), sameValue)
}

// threads is how many goroutines compute at once.
func threads(o runtime.Options) int {
	if o.Threads > 0 {
		return o.Threads
	}
	return goruntime.GOMAXPROCS(0)
}

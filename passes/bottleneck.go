package passes

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

const formBest = "best"

// bottleneckPass is the name in the table.
const bottleneckPass = "bottleneck"

// toBottlenecks replaces convolutions and linear layers by chains of smaller ones, of a bounded rank. What normalizes a
// layer's output goes into its weights first. Ranks come from Approximation: one number for all, the share of the power
// that stays, or what Choose takes.
//
// Without images the factors are those of the weights' singular value decomposition (for tucker2 and separable: of their
// unfoldings; Kim et al. 2016, "Compression of deep convolutional neural networks for fast and low power mobile
// applications"; Tai et al. 2016, "Convolutional neural networks with low-rank regularization"). With images they are
// fitted to the layer's output (see regression).
//
// A layer that would become slower, or cannot be factorized, stays as it is, with the reason in its Rewrite.
func toBottlenecks(c *Context) error {
	a := c.Approximation
	if a == nil {
		return &OptionError{"rank, energy and choice", "(none of them)", "one of the three"}
	}
	if err := a.checkBottleneck(); err != nil {
		return err
	}
	if err := absorbNorms(c); err != nil {
		return err
	}
	if a.Images != nil && a.images() == 0 {
		return &ImagesError{Pass: bottleneckPass, Need: 1}
	}
	b := &bottleneck{Context: c, a: a, original: c.Graph.Clone(), times: map[string]time.Duration{}}
	b.collect()
	if err := b.choose(); err != nil {
		return err
	}
	if err := b.checkWhole(); err != nil {
		return err
	}
	return b.apply()
}

// absorbNorms lets BatchNormalization and arithmetic per channel go into the weights upstream of them, so that what is fitted
// is what the next layer sees.
func absorbNorms(c *Context) error {
	return affineIntoWeights(&Context{Ctx: c.Ctx, Graph: c.Graph})
}

// bottleneck is one run of the pass.
type bottleneck struct {
	*Context
	a        *Approximation
	original *ir.Graph
	layers   []*bottleneckLayer
	times    map[string]time.Duration // of layers and candidates, alone
}

// bottleneckLayer is a layer and what is decided for it.
type bottleneckLayer struct {
	node    *ir.Node
	layer   *factorized // nil where it cannot be factorized
	options []option    // in ascending order of time
	chosen  *option     // nil: stays as it is
	before  time.Duration
	skipped string
	total   int64 // multiplications for one image
}

// option is a candidate with its price.
type option struct {
	candidate
	time time.Duration // or multiplications
	loss float64       // estimated share of the output's power that is lost
}

// collect finds the layers, and those that cannot be factorized.
func (b *bottleneck) collect() {
	macs := macsOfImage(b.Graph)
	for _, n := range b.Graph.Nodes() {
		switch n.Op.(type) {
		case *ops.Conv, *ops.Gemm:
		default:
			continue
		}
		l, why := factorizedOf(n)
		bl := &bottleneckLayer{node: n, layer: l, skipped: why, total: macs[n.Out(0).Name()]}
		if l != nil {
			bl.total = l.macs(nil)
		}
		b.layers = append(b.layers, bl)
	}
}

// forms is the forms that the pass may choose from.
func (b *bottleneck) forms(l *factorized) []string {
	switch {
	case l.conv == nil:
		return []string{formTwo}
	case b.a.Form == "" || b.a.Form == formBest:
		return []string{formReduce, formTucker2, formProject, formSeparable}
	}
	return []string{b.a.Form}
}

// apply fits what was chosen, layer after layer, and puts it in place.
func (b *bottleneck) apply() error {
	for i, bl := range b.layers {
		if err := b.stopped(); err != nil {
			return err
		}
		if bl.chosen == nil {
			b.rewrites = append(b.rewrites, bl.left())
			b.Miss(bl.skipped)
			continue
		}
		row, err := b.replace(uint64(i), bl)
		if err != nil {
			return &ir.Error{Node: bl.node.Name, Op: bl.node.OpName(), Err: err}
		}
		b.rewrites = append(b.rewrites, row)
		b.Hit()
	}
	return nil
}

// left is the report of a layer that stays.
func (bl *bottleneckLayer) left() Rewrite {
	return Rewrite{Node: bl.node.Name, MACsBefore: bl.total, MACsAfter: bl.total, Skipped: bl.skipped, Before: bl.before, After: bl.before}
}

func (b *bottleneck) replace(seed uint64, bl *bottleneckLayer) (Rewrite, error) {
	l := bl.layer
	f := &fitting{layer: l, approx: b.fitTo(bl), graph: b.Graph, original: b.original, seed: seed}
	if len(bl.options) > 1 {
		if err := f.pick(bl); err != nil {
			return Rewrite{}, err
		}
	}
	done, err := f.fit(&bl.chosen.candidate, false)
	if err != nil {
		return Rewrite{}, err
	}
	row := Rewrite{Node: l.name(), Form: bl.chosen.form, Ranks: bl.chosen.ranks, Error: done.err,
		MACsBefore: l.macs(nil), MACsAfter: l.macs(&bl.chosen.candidate), Calibration: f.approx.images()}
	if b.a.Time != nil {
		row.Before, row.After = bl.before, bl.chosen.time
	}
	rw := ir.NewRewriter(b.Graph)
	if err := l.place(rw, l.node, &bl.chosen.candidate, &done.factors); err != nil {
		return row, err
	}
	return row, rw.Done()
}

// pick chooses the option with the least error on images that it is not fitted to; without images, on its weights.
func (f *fitting) pick(bl *bottleneckLayer) error {
	least := math.Inf(1)
	for i := range bl.options {
		o := &bl.options[i]
		done, err := f.fit(&o.candidate, true)
		if err != nil {
			return err
		}
		if done.err < least {
			least, bl.chosen = done.err, o
		}
	}
	return nil
}

// fitTo is the images that the layer is fitted to: none where they are fewer than its rank, whatever they show, so that
// its weights alone decide.
func (b *bottleneck) fitTo(bl *bottleneckLayer) *Approximation {
	if b.a.Images != nil && b.needed(bl.layer, bl.chosen.ranks) <= b.a.images() {
		return b.a
	}
	weights := *b.a
	weights.Images = nil
	return &weights
}

// needed is how many images a fit of the ranks needs at least: a position for each.
func (b *bottleneck) needed(l *factorized, ranks []int) int {
	return int((int64(slices.Max(ranks)) + l.position - 1) / l.position)
}

// checkWhole leaves all layers alone if the whole network is measured to be no faster for what was chosen.
func (b *bottleneck) checkWhole() error {
	if b.a.Time == nil || !slices.ContainsFunc(b.layers, func(bl *bottleneckLayer) bool { return bl.chosen != nil }) {
		return nil
	}
	before, err := b.a.Time(b.Graph)
	if err != nil {
		return err
	}
	after, err := b.timeChosen()
	if err != nil || after < before {
		return err
	}
	for _, bl := range b.layers {
		if bl.chosen != nil {
			bl.chosen = nil
			bl.skipped = fmt.Sprintf("the whole network would take %v in place of %v", after.Round(time.Microsecond), before.Round(time.Microsecond))
		}
	}
	return nil
}

// timeChosen is the time of the whole network with what is chosen, not yet fitted, in place.
func (b *bottleneck) timeChosen() (time.Duration, error) {
	g := b.Graph.Clone()
	rw := ir.NewRewriter(g)
	nodes := map[string]*ir.Node{}
	for _, n := range g.Nodes() {
		if n.Out(0) != nil {
			nodes[n.Out(0).Name()] = n
		}
	}
	for _, bl := range b.layers {
		if bl.chosen == nil {
			continue
		}
		if err := bl.layer.place(rw, nodes[bl.node.Out(0).Name()], &bl.chosen.candidate, nil); err != nil {
			return 0, err
		}
	}
	if err := rw.Done(); err != nil {
		return 0, err
	}
	return b.a.Time(g)
}

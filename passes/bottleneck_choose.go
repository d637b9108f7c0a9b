package passes

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/onnxrun/onnxrun/ir"
)

// choose decides the form and the ranks of each layer; where several forms compete for given ranks, which of them it
// will be is left to apply.
func (b *bottleneck) choose() error {
	spectra, err := b.spectra()
	if err != nil {
		return err
	}
	times := map[string]time.Duration{}
	for i, bl := range b.layers {
		if err := b.stopped(); err != nil {
			return err
		}
		if bl.layer == nil {
			continue
		}
		options, why := b.candidates(bl.layer, spectra[i])
		if len(options) > 0 {
			if why, err = b.faster(bl, options, times); err != nil {
				return &ir.Error{Node: bl.node.Name, Op: bl.node.OpName(), Err: err}
			}
		}
		if bl.skipped = why; len(bl.options) == 0 || b.a.Speedup != 0 {
			continue
		}
		bl.chosen = &bl.options[len(bl.options)-1] // the slowest
		for _, o := range bl.options {
			if need := b.needed(bl.layer, o.ranks); b.a.Images != nil && b.a.Rank != 0 && need > b.a.images() {
				return &ImagesError{bottleneckPass, bl.node.Name, bl.node.OpName(), b.a.images(), need}
			}
		}
	}
	if b.a.Speedup != 0 {
		return b.speedUp()
	}
	return nil
}

// candidates is the forms of a layer with the ranks that are asked for, or with all that are worth a try.
func (b *bottleneck) candidates(l *factorized, spectra map[string][][]float64) (options []option, why string) {
	var reasons []string
	for _, form := range b.forms(l) {
		full, why := l.full(form)
		if why != "" {
			reasons = append(reasons, why)
			continue
		}
		for _, ranks := range b.ranks(full, spectra[form]) {
			o := option{candidate: candidate{form, ranks}, loss: loss(spectra[form], ranks)}
			switch {
			case !slices.ContainsFunc(ranks, func(r int) bool { return r < full[slices.Index(ranks, r)] }):
				reasons = append(reasons, fmt.Sprintf("rank %s is not below the full %s of form %s", list(ranks), list(full), form))
			case l.macs(&o.candidate) >= l.macs(nil):
				reasons = append(reasons, fmt.Sprintf("it would take %d multiplications in place of %d (%s, rank %s)", l.macs(&o.candidate), l.macs(nil), form, list(ranks)))
			default:
				options = append(options, o)
			}
		}
	}
	if len(options) == 0 {
		if b.a.Speedup != 0 && len(reasons) > 1 {
			reasons = reasons[:1]
		}
		return nil, strings.Join(slices.Compact(reasons), "; ")
	}
	return options, ""
}

func list(ranks []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(ranks), " ", "×"), "[]")
}

// ranks is the lists of ranks to consider for a form.
func (b *bottleneck) ranks(full []int, spectra [][]float64) [][]int {
	one := make([]int, len(full))
	switch {
	case b.a.Rank != 0:
		for i, f := range full {
			one[i] = min(b.a.Rank, f)
		}
		return [][]int{one}
	case b.a.Energy != 0:
		for i, tail := range spectra {
			one[i] = full[i]
			if r := slices.IndexFunc(tail, func(t float64) bool { return t <= 1-b.a.Energy }); r >= 0 {
				one[i] = max(r, 1)
			}
		}
		return [][]int{one}
	}
	var grid [][]int
	for _, share := range []float64{1. / 32, 1. / 16, 1. / 8, 3. / 16, 1. / 4, 5. / 16, 3. / 8, 1. / 2, 5. / 8, 3. / 4} {
		ranks := make([]int, len(full))
		for i, f := range full {
			step := min(max(f/16, 1), 16)
			ranks[i] = min(max(int(math.Round(share*float64(f)/float64(step))), 1)*step, f)
			if ranks[i] >= len(spectra[i]) {
				ranks = nil // beyond what is known of a large matrix
				break
			}
		}
		if ranks != nil && !slices.ContainsFunc(grid, func(g []int) bool { return slices.Equal(g, ranks) }) {
			grid = append(grid, ranks)
		}
	}
	return grid
}

// loss is the estimated share of the power that is lost.
func loss(spectra [][]float64, ranks []int) float64 {
	kept := 1.0
	for i, tail := range spectra {
		if ranks[i] < len(tail) {
			kept *= 1 - tail[ranks[i]]
		}
	}
	return 1 - kept
}

// faster keeps as the layer's options those that are faster than the layer, in ascending order of time; why says what
// became of them if there are none.
func (b *bottleneck) faster(bl *bottleneckLayer, options []option, times map[string]time.Duration) (why string, err error) {
	l := bl.layer
	macs := func(o option) int64 { return l.macs(&o.candidate) }
	if b.a.Speedup != 0 {
		if options = frontier(options, macs); len(options) == 0 {
			return fmt.Sprintf("every rank of few multiplications loses more than %g of its power", mostLoss), nil
		}
	}
	if bl.before, err = b.cost(l, nil, times); err != nil {
		return "", err
	}
	for _, o := range options {
		if err := b.stopped(); err != nil {
			return "", err
		}
		if o.time, err = b.cost(l, &o.candidate, times); err != nil {
			return "", err
		}
		if o.time < bl.before {
			bl.options = append(bl.options, o)
		} else {
			why = fmt.Sprintf("it would take %v in place of %v (%s, rank %s)", o.time, bl.before, o.form, list(o.ranks))
		}
	}
	slices.SortStableFunc(bl.options, func(p, q option) int { return cmp.Compare(p.time, q.time) })
	if len(bl.options) > 0 {
		why = ""
	}
	return why, nil
}

// mostLoss is the share of a layer's power that no choice for a speed loses; mostTimed is how many options of a layer are
// timed.
const (
	mostLoss  = 0.6
	mostTimed = 8
)

// frontier is the options that none beats in both multiplications and loss, thinned out.
func frontier(options []option, macs func(option) int64) []option {
	best := slices.DeleteFunc(slices.Clone(options), func(o option) bool {
		return o.loss > mostLoss || slices.ContainsFunc(options, func(p option) bool {
			return macs(p) <= macs(o) && p.loss <= o.loss && (macs(p) < macs(o) || p.loss < o.loss)
		})
	})
	slices.SortStableFunc(best, func(p, q option) int { return cmp.Compare(macs(p), macs(q)) })
	if len(best) <= mostTimed {
		return best
	}
	thin := make([]option, mostTimed)
	for i := range thin {
		thin[i] = best[i*(len(best)-1)/(mostTimed-1)]
	}
	return thin
}

// cost is the measured time of a layer, or of a candidate for it; its multiplications where time cannot be measured.
// Layers of the same shape share it.
func (b *bottleneck) cost(l *factorized, c *candidate, times map[string]time.Duration) (time.Duration, error) {
	if b.a.Time == nil {
		return time.Duration(l.macs(c)), nil
	}
	key := fmt.Sprint(c, l.stages(nil)[0].weights, l.window)
	if t, ok := times[key]; ok {
		return t, nil
	}
	g, err := l.alone(c)
	if err != nil {
		return 0, err
	}
	times[key], err = b.a.Time(g)
	return times[key], err
}

// maxTimings bounds how often the whole network is timed on the way to a speed.
const maxTimings = 6

// speedUp chooses among the options of all layers, step by step the one that saves most time for what it loses, until
// the whole is as fast as asked for, or nothing is left to choose. The product of what the layers keep of their power
// stands for what the network keeps (Zhang, Zou, He, Sun 2015, section 3.2, where steps are of complexity).
func (b *bottleneck) speedUp() error {
	total, err := b.total()
	if err != nil {
		return err
	}
	goal := time.Duration(float64(total) / b.a.Speedup)
	left := total - goal // to be saved
	for round := 0; round < maxTimings && left > 0; round++ {
		moved := false
		for left > 0 {
			saved := b.step()
			if saved == 0 {
				break
			}
			left -= saved
			moved = true
		}
		if b.a.Time == nil || !moved {
			break
		}
		now, err := b.timeChosen()
		if err != nil {
			return err
		}
		left = now - goal
	}
	for _, bl := range b.layers {
		if bl.layer != nil && bl.chosen == nil && bl.skipped == "" {
			bl.skipped = "other layers lose less for the time that they save"
		}
	}
	return nil
}

// leastPrice is what a loss costs at least: below, rounding would choose.
const leastPrice = 1e-5

// step makes the best next choice and returns the time that it saves, 0 where there is none.
func (b *bottleneck) step() time.Duration {
	var layer *bottleneckLayer
	var pick *option
	best, saved := 0.0, time.Duration(0)
	for _, bl := range b.layers {
		now, loss := bl.before, 0.0
		if bl.chosen != nil {
			now, loss = bl.chosen.time, bl.chosen.loss
		}
		for i := range bl.options {
			o := &bl.options[i]
			if o.time >= now {
				continue
			}
			price := math.Log1p(-min(loss, 1-1e-9)) - math.Log1p(-min(o.loss, 1-1e-9))
			if gain := float64(now-o.time) / max(price, leastPrice); gain > best {
				best, layer, pick, saved = gain, bl, o, now-o.time
			}
		}
	}
	if layer != nil {
		layer.chosen = pick
	}
	return saved
}

// total is the time of the whole network, or its multiplications.
func (b *bottleneck) total() (time.Duration, error) {
	if b.a.Time != nil {
		return b.a.Time(b.Graph)
	}
	sum := int64(0)
	for _, bl := range b.layers {
		sum += bl.total
	}
	return time.Duration(sum), nil
}

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
	choices := &Choices{b: b}
	for i, bl := range b.layers {
		if err := b.stopped(); err != nil {
			return err
		}
		if bl.layer == nil {
			continue
		}
		options, why := b.candidates(bl.layer, spectra[i])
		bl.skipped = why
		switch {
		case len(options) == 0:
		case b.a.Choose != nil:
			choices.add(bl, options)
		default:
			if err := b.told(bl, options); err != nil {
				return err
			}
		}
	}
	if b.a.Choose != nil {
		return b.a.Choose(choices)
	}
	return nil
}

// told lets a layer become what it is told to, if that is faster.
func (b *bottleneck) told(bl *bottleneckLayer, options []option) (err error) {
	if bl.skipped, err = b.faster(bl, options); err != nil {
		return &ir.Error{Node: bl.node.Name, Op: bl.node.OpName(), Err: err}
	}
	if len(bl.options) == 0 {
		return nil
	}
	bl.chosen = &bl.options[len(bl.options)-1] // the slowest
	for _, o := range bl.options {
		if need := b.needed(bl.layer, o.ranks); b.a.Images != nil && b.a.Rank != 0 && need > b.a.images() {
			return &ImagesError{bottleneckPass, bl.node.Name, bl.node.OpName(), b.a.images(), need}
		}
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
		if b.a.Choose != nil && len(reasons) > 1 {
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
func (b *bottleneck) faster(bl *bottleneckLayer, options []option) (why string, err error) {
	if bl.before, err = b.cost(bl.layer, nil); err != nil {
		return "", err
	}
	for _, o := range options {
		if o.time, err = b.cost(bl.layer, &o.candidate); err != nil {
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

// cost is the measured time of a layer, or of a candidate for it; its multiplications where time cannot be measured.
// Layers of the same shape share it.
func (b *bottleneck) cost(l *factorized, c *candidate) (time.Duration, error) {
	if b.a.Time == nil {
		return time.Duration(l.macs(c)), nil
	}
	key := fmt.Sprint(c, l.stages(nil)[0].weights, l.window)
	if t, ok := b.times[key]; ok {
		return t, nil
	}
	if err := b.stopped(); err != nil {
		return 0, err
	}
	g, err := l.alone(c)
	if err != nil {
		return 0, err
	}
	if b.times[key], err = b.a.Time(g); err != nil {
		delete(b.times, key)
	}
	return b.times[key], err
}

package compress

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/onnxrun/onnxrun/passes"
)

const (
	mostLoss   = 0.6  // the share of a layer's power that no choice loses
	mostTimed  = 8    // how many options of a layer are timed
	maxTimings = 6    // how often the whole network is timed on the way to a speed
	leastPrice = 1e-5 // what a loss costs at least: below, rounding would choose
)

// speedUp chooses among the options of all layers, step by step the one that saves most time for what it loses, until
// the whole is faster by that factor, or nothing is left to choose. The product of what the layers keep of their power
// stands for what the network keeps (Zhang, Zou, He, Sun 2015, section 3.2, where steps are of complexity).
func speedUp(factor float64) func(*passes.Choices) error {
	return func(c *passes.Choices) error {
		var layers []*layerSearch
		for _, layer := range c.Layers {
			s := &layerSearch{choice: layer}
			if err := s.measure(); err != nil {
				return err
			}
			layers = append(layers, s)
		}
		total, err := c.Time()
		if err != nil {
			return err
		}
		goal := time.Duration(float64(total) / factor)
		left := total - goal // to be saved
		for round := 0; round < maxTimings && left > 0; round++ {
			moved := false
			for left > 0 {
				saved := cheapestStep(layers)
				if saved == 0 {
					break
				}
				left -= saved
				moved = true
			}
			if !moved {
				break
			}
			now, err := c.Time()
			if err != nil {
				return err
			}
			left = now - goal
		}
		return nil
	}
}

// layerSearch is a layer in a search.
type layerSearch struct {
	choice  *passes.Choice
	options []timedOption // that are faster than the layer, in ascending order of time
	time    time.Duration // with what has been taken
	loss    float64
}

type timedOption struct {
	*passes.Option
	time time.Duration
}

// measure times the layer and what it may become.
func (s *layerSearch) measure() (err error) {
	options := frontier(s.choice.Options)
	if len(options) == 0 {
		s.choice.Leave(fmt.Sprintf("every rank of few multiplications loses more than %g of its power", mostLoss))
		return nil
	}
	if s.time, err = s.choice.Time(); err != nil {
		return err
	}
	for _, o := range options {
		t, err := o.Time()
		if err != nil {
			return err
		}
		if t < s.time {
			s.options = append(s.options, timedOption{o, t})
		} else {
			s.choice.Leave(fmt.Sprintf("it would take %v in place of %v (%v)", t, s.time, o))
		}
	}
	slices.SortStableFunc(s.options, func(p, q timedOption) int { return cmp.Compare(p.time, q.time) })
	if len(s.options) > 0 {
		s.choice.Leave("other layers lose less for the time that they save")
	}
	return nil
}

// frontier is the options that none beats in both multiplications and loss, thinned out.
func frontier(options []*passes.Option) []*passes.Option {
	best := slices.DeleteFunc(slices.Clone(options), func(o *passes.Option) bool {
		return o.Loss > mostLoss || slices.ContainsFunc(options, func(p *passes.Option) bool {
			return p.MACs <= o.MACs && p.Loss <= o.Loss && (p.MACs < o.MACs || p.Loss < o.Loss)
		})
	})
	slices.SortStableFunc(best, func(p, q *passes.Option) int { return cmp.Compare(p.MACs, q.MACs) })
	if len(best) <= mostTimed {
		return best
	}
	thin := make([]*passes.Option, mostTimed)
	for i := range thin {
		thin[i] = best[i*(len(best)-1)/(mostTimed-1)]
	}
	return thin
}

// cheapestStep makes the best next choice and returns the time that it saves, 0 where there is none.
func cheapestStep(layers []*layerSearch) time.Duration {
	var layer *layerSearch
	var pick timedOption
	best := 0.0
	for _, s := range layers {
		for _, o := range s.options {
			if o.time >= s.time {
				continue
			}
			price := math.Log1p(-min(s.loss, 1-1e-9)) - math.Log1p(-min(o.Loss, 1-1e-9))
			if gain := float64(s.time-o.time) / max(price, leastPrice); gain > best {
				best, layer, pick = gain, s, o
			}
		}
	}
	if layer == nil {
		return 0
	}
	saved := layer.time - pick.time
	layer.choice.Take(pick.Option)
	layer.time, layer.loss = pick.time, pick.Loss
	return saved
}

package train

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"

	"github.com/onnxrun/onnxrun/tensor"
)

// RateCurve is what a search for a learning rate saw, step by step.
type RateCurve struct {
	Rates  []float64 `json:"rates"`
	Losses []float64 `json:"losses"` // smoothed
	Pick   float64   `json:"pick"`   // at which the loss falls fastest; 0: it falls nowhere
}

// The search of a rate: how much the loss is smoothed, and when it ends.
const (
	rateSmoothing = 0.95
	rateDiverged  = 4 // times the least loss
)

// FindRate lets the rate grow from low to high, by the same factor from step to step, and looks at the loss (Smith 2017,
// section 3.3), until it is four times its least or not finite. What the trainer learned meanwhile is forgotten.
func (t *Trainer) FindRate(ctx context.Context, src Source, feed Feed, low, high float64, steps int) (*RateCurve, error) {
	if !(low > 0 && high > low) || steps < 2 {
		return nil, fmt.Errorf("train: rates from %v to %v in %d steps: expects 0 < low < high and at least 2 steps", low, high, steps)
	}
	if src.Steps() < 1 {
		return nil, fmt.Errorf("train: a source without batches leaves nothing to look at")
	}
	before, at := map[string]*tensor.Tensor{}, t.step
	for _, s := range t.state {
		before[s.Name] = s.Tensor.Clone()
	}
	c, err := t.sweep(ctx, src, feed, low, high, steps)
	if restoring := t.Restore(at, before); err == nil {
		err = restoring
	}
	return c, err
}

// sweep makes the steps.
func (t *Trainer) sweep(ctx context.Context, src Source, feed Feed, low, high float64, steps int) (*RateCurve, error) {
	c, average, least := &RateCurve{}, 0.0, math.Inf(1)
	for epoch := 0; len(c.Rates) < steps; epoch++ {
		for b, err := range src.Epoch(ctx, epoch, 0) {
			if err != nil {
				return nil, err
			}
			i := len(c.Rates)
			rate := low * math.Pow(high/low, float64(i)/float64(steps-1))
			feeds, err := t.feedsOf(ctx, feed, b)
			if err != nil {
				return nil, err
			}
			r, err := t.Step(ctx, rate, feeds)
			var far *NonFiniteError
			if errors.As(err, &far) {
				return c.picked(), nil
			}
			if err != nil {
				return nil, err
			}
			average = rateSmoothing*average + (1-rateSmoothing)*r.Loss
			smooth := average / (1 - math.Pow(rateSmoothing, float64(i+1)))
			c.Rates, c.Losses = append(c.Rates, rate), append(c.Losses, smooth)
			least = min(least, smooth)
			if smooth > rateDiverged*least || len(c.Rates) == steps {
				return c.picked(), nil
			}
		}
	}
	return c.picked(), nil
}

// picked picks the rate at which the smoothed loss falls fastest, by the logarithm of the rate.
func (c *RateCurve) picked() *RateCurve {
	reach, steepest := max(1, len(c.Rates)/10), 0.0 // points on either side
	for i := reach; i+reach < len(c.Rates); i++ {
		slope := (c.Losses[i+reach] - c.Losses[i-reach]) / math.Log(c.Rates[i+reach]/c.Rates[i-reach])
		if slope < steepest {
			steepest, c.Pick = slope, c.Rates[i]
		}
	}
	return c
}

// clone is for callers that add to what a Feed gave.
func clone(m map[string]*tensor.Tensor) map[string]*tensor.Tensor {
	if m == nil {
		return map[string]*tensor.Tensor{}
	}
	return maps.Clone(m)
}

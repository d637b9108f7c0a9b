package passes

import (
	"fmt"
	"time"

	"github.com/onnxrun/onnxrun/ir"
)

// Choices is the layers that Bottleneck can replace, for Approximation.Choose to decide what they become. They stay as they
// are until something is taken for them.
type Choices struct {
	Layers []*Choice
	b      *bottleneck
}

// Choice is a layer, and what it may become.
type Choice struct {
	Options []*Option // each of fewer multiplications than the layer has
	b       *bottleneck
	layer   *bottleneckLayer
}

// Option is a form and ranks for a layer.
type Option struct {
	Form  string
	Ranks []int
	MACs  int64
	Loss  float64 // the share of the power of the layer's output that is lost, as estimated
	time  time.Duration
	of    *Choice
}

// add adds a layer.
func (c *Choices) add(bl *bottleneckLayer, options []option) {
	one := &Choice{b: c.b, layer: bl}
	for _, o := range options {
		one.Options = append(one.Options, &Option{Form: o.form, Ranks: o.ranks, MACs: bl.layer.macs(&o.candidate), Loss: o.loss, of: one})
	}
	bl.skipped = "it was not chosen"
	c.Layers = append(c.Layers, one)
}

// Time is the time of the whole network with what has been taken in place, not yet fitted; its multiplications where
// Approximation.Time is nil.
func (c *Choices) Time() (time.Duration, error) {
	if c.b.a.Time != nil {
		return c.b.timeChosen()
	}
	sum := int64(0)
	for _, bl := range c.b.layers {
		if bl.chosen != nil {
			sum += bl.layer.macs(&bl.chosen.candidate)
		} else {
			sum += bl.total
		}
	}
	return time.Duration(sum), nil
}

// Time is the time of the layer as it is, alone.
func (c *Choice) Time() (t time.Duration, err error) {
	c.layer.before, err = c.timeOf(nil)
	return c.layer.before, err
}

// Time is the time of what the option stands for, alone.
func (o *Option) Time() (t time.Duration, err error) {
	o.time, err = o.of.timeOf(&candidate{o.Form, o.Ranks})
	return o.time, err
}

func (c *Choice) timeOf(what *candidate) (time.Duration, error) {
	t, err := c.b.cost(c.layer.layer, what)
	if err != nil {
		return 0, &ir.Error{Node: c.layer.node.Name, Op: c.layer.node.OpName(), Err: err}
	}
	return t, nil
}

// Take lets the layer become what an option says, in place of what was taken earlier.
func (c *Choice) Take(o *Option) {
	c.layer.chosen = &option{candidate: candidate{o.Form, o.Ranks}, time: o.time, loss: o.Loss}
	c.layer.skipped = ""
}

// Leave lets the layer stay as it is, for a reason that the report gives.
func (c *Choice) Leave(why string) { c.layer.chosen, c.layer.skipped = nil, why }

func (o *Option) String() string { return fmt.Sprintf("%s, rank %s", o.Form, list(o.Ranks)) }

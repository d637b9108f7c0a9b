package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/teach"
	"github.com/onnxrun/onnxrun/zoo"
)

// method is a way to teach a network two classes.
type method struct {
	key, name string
	fresh     bool // begins with fresh weights, not with pretrained ones
	rate      float64
}

// methods are compared. Their rates are the best of those tried at 30 images of a class with seeds that are not the study's:
// see docs/transfer.md.
var methods = []method{
	{key: "scratch", name: "from scratch", fresh: true, rate: 0.01},
	{key: "head", name: "linear head", rate: 0.03},
	{key: "last", name: "last layers", rate: 0.03},
	{key: "all", name: "all layers", rate: 0.01},
}

// chosen is the methods of a list of keys, all where it is empty; a rate above 0 takes the place of theirs.
func chosen(keys string, rate float64) (some []method, err error) {
	var want []string
	if keys != "" {
		want = strings.Split(keys, ",")
	}
	for _, m := range methods {
		if keys != "" && !slices.Contains(want, m.key) {
			continue
		}
		if rate > 0 {
			m.rate = rate
		}
		some = append(some, m)
		want = slices.DeleteFunc(want, func(key string) bool { return key == m.key })
	}
	if len(want) > 0 {
		return nil, fmt.Errorf("%q is not a method", want[0])
	}
	return some, nil
}

// recipe is that of a method for so many images in all: the least number of epochs that makes as many steps and epochs.
func (m method) recipe(c *config, images int, seed uint64) teach.Recipe {
	r := teach.Finetune()
	perEpoch := max(1, images/r.Batch) // what is left over waits for the next epoch
	r.Epochs = max(c.epochs, (c.steps+perEpoch-1)/perEpoch)
	r.Warmup = 0.1 * float64(r.Epochs)
	r.Rate, r.HoldOut, r.KeepBest, r.Seed = m.rate, 0, false, seed
	switch m.key {
	case "head":
		r.Freeze = "all"
	case "last":
		r.Freeze = c.freeze
	}
	return *r
}

// model is what a method begins with.
func (m method) model(c *config, pretrained *ir.Graph, seed uint64) (*ir.Graph, error) {
	if m.fresh {
		return zoo.Build(c.arch, zoo.Options{Classes: len(c.classes), Seed: seed})
	}
	g, _, err := teach.Adapt(context.Background(), pretrained, len(c.classes), teach.AdaptOptions{Seed: seed})
	return g, err
}

// pretraining is the recipe for the other classes.
func pretraining(epochs int) teach.Recipe {
	r := teach.FromScratch()
	r.Epochs, r.HoldOut, r.KeepBest, r.Seed = epochs, 0, false, 1
	r.Rate = 0.03
	return *r
}

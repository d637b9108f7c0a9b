package onnxrun

import (
	"fmt"

	"github.com/onnxrun/onnxrun/internal/mapped"
	"github.com/onnxrun/onnxrun/internal/suggest"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/train"
)

// AdaptOptions say how a pretrained model is made ready to be taught.
type AdaptOptions struct {
	// Head names the node that classifies; empty: the last linear layer or 1×1 convolution before the output.
	Head string
	// Reinit restarts the last layers, so many of them beside the classifier; ReinitAll restarts all.
	Reinit int
	// Drop names nodes to remove.
	Drop []string
	// Dropout puts Dropout of that ratio, less than 1, before the classifier and the linear layers before it; 0: none.
	Dropout float32
	// Keep keeps the classifier's weights where it has as many classes already.
	Keep bool
	Seed uint64 // of fresh weights
}

// ReinitAll is AdaptOptions.Reinit for all layers.
const ReinitAll = train.AllLayers

// Adapt gives a classifier another number of classes: a copy of the model, whose classifier has fresh weights. The copy
// no longer says what its classes are called. What was done stands in the notes, a sentence each.
func Adapt(g *ir.Graph, count int, opts AdaptOptions) (adapted *ir.Graph, notes []string, err error) {
	defer mapped.Of(g.Backing()).Guard(&err)()
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	if opts.Reinit < 0 {
		return nil, nil, fmt.Errorf("onnxrun: %d layers to restart, expects 0 or more", opts.Reinit)
	}
	g = g.Clone()
	if len(opts.Drop) > 0 {
		changed, err := train.Drop(g, opts.Drop, opts.Seed)
		if err != nil {
			return nil, nil, err
		}
		for _, name := range changed {
			note("node %q has fresh weights, of the shape that fits what was removed before it", name)
		}
	}
	layer, err := head(g, opts.Head)
	if err != nil {
		return nil, nil, err
	}
	scores, err := train.Scores(g)
	if err != nil {
		return nil, nil, err
	}
	if had := classes(scores); had != count || !opts.Keep {
		name := layer.Name
		if layer, err = train.ReplaceClassifier(g, layer, count, opts.Seed); err != nil {
			return nil, nil, err
		}
		note("node %q (%s) now has %d classes, and fresh weights", name, layer.OpName(), count)
	}
	if opts.Reinit > 0 {
		last := opts.Reinit
		if last != ReinitAll {
			last++ // the classifier
		}
		layers, err := train.Reinit(g, last, opts.Seed)
		if err != nil {
			return nil, nil, err
		}
		note("restarted: %v", layers)
	}
	if opts.Dropout != 0 {
		n, err := train.AddDropout(g, opts.Dropout)
		if err != nil {
			return nil, nil, err
		}
		note("%d Dropouts of ratio %v", n, opts.Dropout)
	}
	return g, notes, nil
}

// head is the node that classifies: the one of that name, if there is a name.
func head(g *ir.Graph, name string) (*ir.Node, error) {
	if name == "" {
		return train.Classifier(g)
	}
	for _, n := range g.Nodes() {
		if n.Name == name {
			return n, nil
		}
	}
	return nil, fmt.Errorf("onnxrun: node %q: not found%s", name, suggest.Nearest(name, nodeNames(g)))
}

func nodeNames(g *ir.Graph) []string {
	var names []string
	for _, n := range g.Nodes() {
		names = append(names, n.Name)
	}
	return names
}

func valueNames(g *ir.Graph) []string {
	var names []string
	for _, v := range g.Values() {
		names = append(names, v.Name())
	}
	return names
}

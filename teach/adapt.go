package teach

import (
	"context"
	"fmt"

	"github.com/onnxrun/onnxrun/internal/mapped"
	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/internal/suggest"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/train"
)

// AdaptOptions say how a pretrained model is made ready to be taught.
type AdaptOptions struct {
	// Head names the node that classifies; empty: the last linear layer or 1×1 convolution upstream of the output.
	Head string
	// Reinit restarts the last layers, so many of them beside the classifier; ReinitAll restarts all.
	Reinit int
	// Drop names nodes to remove.
	Drop []string
	// Dropout puts a Dropout of that ratio, less than 1, upstream of the classifier and of each linear layer that leads to
	// it; 0: none.
	Dropout float32
	// Keep keeps the classifier's weights where it has as many classes already.
	Keep bool
	Seed uint64 // of fresh weights
}

// ReinitAll is AdaptOptions.Reinit for all layers.
const ReinitAll = train.AllLayers

// Adapt gives a classifier another number of classes: a copy of the model, whose classifier has fresh weights. The copy
// no longer says what its classes are called. What was done stands in the notes, a sentence each.
func Adapt(ctx context.Context, g *ir.Graph, count int, opts AdaptOptions) (adapted *ir.Graph, notes []string, err error) {
	defer mapped.Of(g.Backing()).Guard(&err)()
	if opts.Reinit < 0 {
		return nil, nil, fmt.Errorf("onnxrun: %d layers to restart, expects 0 or more", opts.Reinit)
	}
	a := &adapting{AdaptOptions: opts, g: g.Clone(), count: count}
	for _, step := range []func() error{a.drop, a.replaceHead, a.restart, a.dropOut} {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		if err := step(); err != nil {
			return nil, nil, err
		}
	}
	return a.g, a.notes, nil
}

// adapting is a run of Adapt.
type adapting struct {
	AdaptOptions
	g     *ir.Graph
	count int // of classes
	notes []string
}

func (a *adapting) note(format string, args ...any) {
	a.notes = append(a.notes, fmt.Sprintf(format, args...))
}

func (a *adapting) drop() error {
	if len(a.Drop) == 0 {
		return nil
	}
	changed, err := train.Drop(a.g, a.Drop, a.Seed)
	for _, name := range changed {
		a.note("node %q has fresh weights, of the shape that fits what was removed before it", name)
	}
	return err
}

func (a *adapting) replaceHead() error {
	layer, err := head(a.g, a.Head)
	if err != nil {
		return err
	}
	scores, err := train.Scores(a.g)
	if err != nil {
		return err
	}
	if a.Keep && modelinfo.Classes(scores) == a.count {
		return nil
	}
	name := layer.Name
	if layer, err = train.ReplaceClassifier(a.g, layer, a.count, a.Seed); err != nil {
		return err
	}
	a.note("node %q (%s) now has %d classes, and fresh weights", name, layer.OpName(), a.count)
	return nil
}

func (a *adapting) restart() error {
	last := a.Reinit
	switch last {
	case 0:
		return nil
	case ReinitAll:
	default:
		last++ // the classifier
	}
	layers, err := train.Reinit(a.g, last, a.Seed)
	if err != nil {
		return err
	}
	a.note("restarted: %v", layers)
	return nil
}

func (a *adapting) dropOut() error {
	if a.Dropout == 0 {
		return nil
	}
	n, err := train.AddDropout(a.g, a.Dropout)
	if err != nil {
		return err
	}
	a.note("%d Dropouts of ratio %v", n, a.Dropout)
	return nil
}

// head is the node that classifies: the one of that name, if there is a name.
func head(g *ir.Graph, name string) (*ir.Node, error) {
	if name == "" {
		return train.Classifier(g)
	}
	if v := modelinfo.Layer(g, name); v != nil && v.Def() != nil {
		return v.Def(), nil
	}
	return nil, fmt.Errorf("onnxrun: node %q: not found%s", name, suggest.Nearest(name, modelinfo.NodeNames(g)))
}

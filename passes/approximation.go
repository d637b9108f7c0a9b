package passes

import (
	"fmt"
	"slices"
	"time"

	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Approximation is what approximate passes need beyond a graph: what they are asked for, images to fit to, and a way to
// run and time graphs.
type Approximation struct {
	// Images are batches for the graph's one input; nil where there are none. All that a layer gives for a batch is in
	// memory at once.
	Images []*tensor.Tensor
	// Run computes a graph's outputs for a batch. It is needed where there are images.
	Run func(g *ir.Graph, batch *tensor.Tensor) ([]*tensor.Tensor, error)
	// Time is the median time of a run of a graph on random input, its symbolic dimensions being 1. Where it is nil,
	// multiplications stand for time.
	Time func(g *ir.Graph) (time.Duration, error)

	Pool   string  // how max pooling is replaced: stride, conv or best (also ""); without images "" is stride
	Form   string  // of bottlenecks: reduce, tucker2, project, separable or best (also "")
	Rank   int     // of bottlenecks; 0: by Energy or Choose
	Energy float64 // share of the squared singular values to keep, of 0 to 1
	// Choose decides, where neither Rank nor Energy is given, what becomes of each layer.
	Choose func(*Choices) error
}

// Rewrite is what an approximate pass did to one layer, or why it left it alone.
type Rewrite struct {
	Node  string `json:"node"`
	Form  string `json:"form,omitempty"`
	Ranks []int  `json:"ranks,omitempty"`
	// Error is of the layer's output, downstream of its activation, on the images: root of the mean square, relative, with all
	// that earlier layers add to it; without images, of its weights.
	Error       float64 `json:"error"`
	MACsBefore  int64   `json:"macs_before"`
	MACsAfter   int64   `json:"macs_after"`
	Skipped     string  `json:"skipped,omitempty"`            // the reason
	Calibration int     `json:"calibration_images,omitempty"` // 0: fitted to the weights alone
	// Measured times of the layer alone, where Approximation.Time is there.
	Before time.Duration `json:"ns_before,omitempty"`
	After  time.Duration `json:"ns_after,omitempty"`
}

// ErrorText is the error for a person to read, and what it is of.
func (r Rewrite) ErrorText() string {
	switch {
	case r.Form == FormAverage:
		return "0"
	case r.Calibration > 0:
		return fmt.Sprintf("%.3g %% on %d images", 100*r.Error, r.Calibration)
	case len(r.Ranks) == 0:
		return "not measured"
	}
	return fmt.Sprintf("%.3g %% of the weights", 100*r.Error)
}

// FormAverage is the form of a Rewrite after which an average is computed in another way, and nothing else is changed.
const FormAverage = "average"

// ImagesError is an approximate pass that lacks images to fit to.
type ImagesError struct {
	Pass string
	Node string // empty: any
	Op   string
	Have int
	Need int // at least
}

func (e *ImagesError) Error() string {
	node := ""
	if e.Node != "" {
		node = "node " + plain.Quote(e.Node, plain.Name) + " (" + plain.Text(e.Op, plain.Name) + "): "
	}
	return fmt.Sprintf("passes: %s%s is fitted to images: it has %d and needs at least %d; give calibration images", node, e.Pass, e.Have, e.Need)
}

// OptionError is an option of an approximate pass that has no meaning.
type OptionError struct {
	Option string
	Value  any
	Want   string
}

func (e *OptionError) Error() string {
	return fmt.Sprintf("passes: %s: unsupported value %v, expects %s", e.Option, e.Value, e.Want)
}

// checkBottleneck refuses options that say nothing, or several things.
func (a *Approximation) checkBottleneck() error {
	forms := []string{"", formReduce, formTucker2, formProject, formSeparable, formBest}
	given := 0
	for _, is := range []bool{a.Rank != 0, a.Energy != 0, a.Choose != nil} {
		if is {
			given++
		}
	}
	switch {
	case !slices.Contains(forms, a.Form):
		return &OptionError{"form", fmt.Sprintf("%q", a.Form), "reduce, tucker2, project, separable or best"}
	case a.Rank < 0:
		return &OptionError{"rank", a.Rank, "a number of channels"}
	case a.Energy < 0 || a.Energy >= 1 || a.Energy != a.Energy:
		return &OptionError{"energy", a.Energy, "a share between 0 and 1"}
	case given != 1:
		return &OptionError{"rank, energy and choice", fmt.Sprintf("(%d of them)", given), "one of the three"}
	}
	return nil
}

// macsOfImage is the multiplications of each node for one image, by the name of its first output; nil where the graph
// takes no such input.
func macsOfImage(g *ir.Graph) map[string]int64 {
	one := g.Clone()
	for _, v := range one.Inputs() {
		t := v.Type()
		if len(t.Shape) == 0 || t.Shape[0].IsKnown() {
			continue
		}
		t.Shape = t.Shape.Clone()
		t.Shape[0] = ir.Known(1)
		if one.SetInputType(v, t) != nil {
			return nil
		}
	}
	if one.InferAll() != nil {
		return nil
	}
	macs := map[string]int64{}
	for _, n := range one.Nodes() {
		if f := n.Op.Def().MACs; f != nil && n.Out(0) != nil {
			macs[n.Out(0).Name()] = f(n)
		}
	}
	return macs
}

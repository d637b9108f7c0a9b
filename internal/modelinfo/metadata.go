package modelinfo

import (
	"encoding/json"
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/vision"
)

// Metadata keys by which a model describes itself: how its images are prepared, and what its classes are called.
const (
	PreprocessKey = "onnxrun.preprocess"
	LabelsKey     = "onnxrun.labels"
)

// Preprocess is how the images of a model are prepared: as given says or, where that is nil, as its metadata do; else it is
// a guess, and guessed says from what.
func Preprocess(g *ir.Graph, given *vision.Spec) (s vision.Spec, guessed string, err error) {
	input, err := Input(g)
	if err != nil {
		return s, "", err
	}
	if given != nil {
		s, err = given.ForShape(Sizes(input))
		return s, "", err
	}
	if text, described := g.Meta(PreprocessKey); described {
		if s, err = vision.ParseSpec(text); err != nil {
			return s, "", fmt.Errorf("onnxrun: metadata %q: %w", PreprocessKey, err)
		}
		return s, "", nil
	}
	return vision.Guess(Sizes(input))
}

// Labels is what the classes of a model are called, as its metadata say; else, where their number is that of ImageNet's, they
// are guessed to be these. They are nil where nobody knows.
func Labels(g *ir.Graph) (labels []string, guessed bool, err error) {
	if text, described := g.Meta(LabelsKey); described {
		if labels, err = vision.ParseLabels(text); err != nil {
			return nil, false, fmt.Errorf("onnxrun: metadata %q: %w", LabelsKey, err)
		}
		return labels, false, nil
	}
	if out := Output(g); out != nil {
		labels = vision.LabelsFor(Classes(out))
	}
	return labels, labels != nil, nil
}

// SetMetadata makes a model say itself how its images are prepared and what its classes are called. nil leaves either as it
// is, which must make sense then.
func SetMetadata(g *ir.Graph, spec *vision.Spec, labels []string) error {
	s, _, err := Preprocess(g, spec)
	if err != nil {
		return err
	}
	if spec != nil {
		g.SetMeta(PreprocessKey, s.JSON())
	}
	if labels == nil {
		_, _, err := Labels(g)
		return err
	}
	if out := Output(g); out != nil {
		if n := Classes(out); n > 0 && n != len(labels) {
			return fmt.Errorf("onnxrun: %d labels for output %q, which has %d classes", len(labels), out.Name(), n)
		}
	}
	text, err := json.Marshal(labels)
	if err != nil {
		return fmt.Errorf("onnxrun: labels: %w", err)
	}
	g.SetMeta(LabelsKey, string(text))
	return nil
}

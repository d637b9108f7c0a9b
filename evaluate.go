package onnxrun

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/vision"
)

// EvaluateOptions says how a model is measured. The zero value is good.
type EvaluateOptions struct {
	Batch  int  // images that run at once; 0: DefaultEvaluateBatch. It does not matter to a model of a fixed batch
	Worst  int  // how many of the worst images are told
	Strict bool // an image that cannot be read is an error, not left out
	// Progress, if not nil, is called after each batch: done counts the images so far, whether they could be read or not.
	Progress func(done, total int)
}

// DefaultEvaluateBatch is how many images Evaluate runs at once.
const DefaultEvaluateBatch = 32

// Evaluation is how well a model does on a data set.
type Evaluation struct {
	Images int      `json:"images"` // all that were classified
	Broken []string `json:"broken,omitempty"`
	// Top1 and Top5 are the fractions of images whose class is the most probable one, and among the five such.
	Top1 float64 `json:"top1"`
	Top5 float64 `json:"top5"`
	// Loss is the mean of -log of the probability of the true class; probabilities below 1e-38 count as that.
	Loss    float64         `json:"loss"`
	Classes []ClassAccuracy `json:"classes"` // the data set's, in its order
	// Confusion[i][j] is how many images of class i were taken for class j. Those taken for a class that the data set does
	// not have are in ClassAccuracy.Elsewhere.
	Confusion [][]int      `json:"confusion"`
	Worst     []WorstImage `json:"worst,omitempty"`
	Notes     []string     `json:"notes,omitempty"` // for a person to read
	Seconds   float64      `json:"seconds"`
}

// ClassAccuracy is how well a model does on a class of a data set.
type ClassAccuracy struct {
	Name      string  `json:"name"`
	Images    int     `json:"images"`
	Recall    float64 `json:"recall"`    // the fraction of its images that are taken for it; 0 where it has none
	Precision float64 `json:"precision"` // the fraction of the images taken for it that are of it; 0 where there are none
	Elsewhere int     `json:"elsewhere,omitempty"`
}

// WorstImage is an image to whose true class the model gives a low probability.
type WorstImage struct {
	Index       int     `json:"-"` // in the data set
	Image       string  `json:"image"`
	Class       string  `json:"class"`
	Probability float64 `json:"probability"` // of the true class
	Predicted   string  `json:"predicted"`
	Confidence  float64 `json:"confidence"` // the probability of the predicted class
}

// Evaluate classifies all images of a data set and compares with their classes. The classes of the data set are the model's
// labels of the same names, whatever their case; where names do not match and there are as many, they are matched by their
// order, which Notes says. A data set without classes, or one with classes that the model does not know, is an error.
func Evaluate(ctx context.Context, m *Model, data *vision.Dataset, opts EvaluateOptions) (*Evaluation, error) {
	if m.output == nil {
		return nil, fmt.Errorf("onnxrun: the model has no floating-point output to take for scores")
	}
	if len(data.Classes()) == 0 {
		return nil, fmt.Errorf("onnxrun: data set %q has no classes: expects a folder for each class, or labels", data.Name())
	}
	if err := m.spec.Check(); err != nil {
		return nil, err
	}
	s, err := m.sessions.open(ctx, m.output)
	if err != nil {
		return nil, err
	}
	defer m.sessions.release(s)
	start := time.Now()
	e := newEvaluator(m, data, opts)
	ctx, stop := context.WithCancel(ctx)
	batches := m.ahead(ctx, data, opts)
	defer func() {
		stop()
		for range batches { // until its goroutines have ended
		}
	}()
	for b := range batches {
		if b.err != nil {
			return nil, b.err
		}
		for _, err := range b.broken {
			if opts.Strict {
				return nil, fmt.Errorf("onnxrun: data set %q: %w", data.Name(), err)
			}
			e.Broken = append(e.Broken, err.Error())
		}
		if len(b.index) > 0 {
			out, err := s.Run(ctx, b.x)
			if err != nil {
				return nil, err
			}
			if err := e.add(b.index, out[0]); err != nil {
				return nil, err
			}
		}
		if opts.Progress != nil {
			opts.Progress(b.done, data.Len())
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return e.finish(time.Since(start))
}

// evaluator sums up what a model makes of the images of a data set.
type evaluator struct {
	Evaluation
	m       *Model
	data    *vision.Dataset
	worst   int
	classOf []int // the model's class by that of the data set; nil: not matched yet
	back    map[int]int
	hit1    int
	hit5    int
	loss    float64
	unnamed int // images without a class
}

func newEvaluator(m *Model, data *vision.Dataset, opts EvaluateOptions) *evaluator {
	e := &evaluator{m: m, data: data, worst: opts.Worst}
	for _, name := range data.Classes() {
		e.Classes = append(e.Classes, ClassAccuracy{Name: name})
		e.Confusion = append(e.Confusion, make([]int, len(data.Classes())))
	}
	return e
}

// add counts the images of a batch, by index, with the model's scores, which may have more rows.
func (e *evaluator) add(index []int, scores *tensor.Tensor) error {
	y, err := modelinfo.Convert(scores, tensor.Float32)
	if err != nil {
		return fmt.Errorf("onnxrun: output %q: %w", e.m.output.Name(), err)
	}
	if y.Rank() == 0 || y.Dim(0) < len(index) || y.Len() == 0 {
		return fmt.Errorf("onnxrun: output %q: %v has no row for each of %d images", e.m.output.Name(), y, len(index))
	}
	width := y.Len() / y.Dim(0)
	if e.classOf == nil {
		var note string
		if e.classOf, note, err = matchClasses(e.data.Classes(), e.m.labels, width); err != nil {
			return fmt.Errorf("onnxrun: data set %q: %w", e.data.Name(), err)
		}
		if note != "" {
			e.Notes = append(e.Notes, note)
		}
		e.back = map[int]int{}
		for class, label := range e.classOf {
			e.back[label] = class
		}
	}
	for i, at := range index {
		if err := e.image(at, tensor.Data[float32](y)[i*width:(i+1)*width]); err != nil {
			return err
		}
	}
	return nil
}

// image counts image i of the data set.
func (e *evaluator) image(i int, scores []float32) error {
	class := e.data.Class(i)
	if class < 0 {
		e.unnamed++
		return nil
	}
	truth, top, before := e.classOf[class], 0, 0
	for j, v := range scores {
		if v != v {
			return &modelinfo.NaNError{Output: e.m.output.Name(), Image: e.data.ImageName(i)}
		}
		if v > scores[top] {
			top = j
		}
		if v > scores[truth] || v == scores[truth] && j < truth {
			before++
		}
	}
	p := vision.Probabilities(scores)
	e.Images++
	e.loss -= math.Log(max(p[truth], 1e-38))
	if before == 0 {
		e.hit1++
	}
	if before < 5 {
		e.hit5++
	}
	e.Classes[class].Images++
	if predicted, ok := e.back[top]; ok {
		e.Confusion[class][predicted]++
	} else {
		e.Classes[class].Elsewhere++
	}
	if e.worst > 0 {
		e.Worst = append(e.Worst, WorstImage{i, e.data.ImageName(i), e.data.Classes()[class], p[truth], e.label(top), p[top]})
		if len(e.Worst) >= 4*e.worst {
			e.cutWorst()
		}
	}
	return nil
}

// label is what a class of the model's is called.
func (e *evaluator) label(class int) string {
	if own, ok := e.back[class]; ok {
		return e.data.Classes()[own]
	}
	if class < len(e.m.labels) {
		return e.m.labels[class]
	}
	return fmt.Sprintf("class %d", class)
}

func (e *evaluator) cutWorst() {
	slices.SortStableFunc(e.Worst, func(a, b WorstImage) int {
		return cmp.Or(cmp.Compare(a.Probability, b.Probability), cmp.Compare(b.Confidence, a.Confidence))
	})
	e.Worst = e.Worst[:min(len(e.Worst), e.worst)]
}

func (e *evaluator) finish(took time.Duration) (*Evaluation, error) {
	if e.Images == 0 {
		err := fmt.Errorf("onnxrun: data set %q: none of %d images can be read and has a class", e.data.Name(), e.data.Len())
		if len(e.Broken) > 0 {
			err = fmt.Errorf("%w; the first: %s", err, e.Broken[0])
		}
		return nil, err
	}
	e.cutWorst()
	n := float64(e.Images)
	e.Top1, e.Top5, e.Loss, e.Seconds = float64(e.hit1)/n, float64(e.hit5)/n, e.loss/n, took.Seconds()
	for i := range e.Classes {
		taken := 0
		for _, row := range e.Confusion {
			taken += row[i]
		}
		right := float64(e.Confusion[i][i])
		e.Classes[i].Recall = right / float64(max(1, e.Classes[i].Images))
		e.Classes[i].Precision = right / float64(max(1, taken))
	}
	if e.unnamed > 0 {
		e.Notes = append(e.Notes, fmt.Sprintf("images without a class, which are left out: %d", e.unnamed))
	}
	return &e.Evaluation, nil
}

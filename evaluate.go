package onnxrun

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/train"
	"github.com/onnxrun/onnxrun/vision"
)

// EvaluateOptions says how a model is measured. The zero value is good.
type EvaluateOptions struct {
	Batch  int           // images that run at once; 0: DefaultEvaluateBatch. It does not matter to a model of a fixed batch
	Worst  int           // how many of the worst images are told
	Strict bool          // an image that cannot be read is an error, not left out
	Cache  *vision.Cache // keeps decoded images, for who evaluates again or has taught with it; nil: none are kept
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
	// Loss is the mean of -log of the probability of the true class. A model that gives probabilities alone, not what a Softmax
	// makes them of, gives none below 1e-38 by this count.
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
//
// What counts is the scores that a Softmax at the end of the model makes probabilities of, where there is one.
func Evaluate(ctx context.Context, m *Model, data *vision.Dataset, opts EvaluateOptions) (*Evaluation, error) {
	if m.output == nil {
		return nil, fmt.Errorf("onnxrun: the model has no floating-point output to take for scores")
	}
	if len(data.Classes()) == 0 {
		return nil, fmt.Errorf("onnxrun: data set %q has no classes: expects a folder for each class, or labels", data.Name())
	}
	o := vision.StreamOptions{Batch: DefaultEvaluateBatch, Cache: opts.Cache}
	if opts.Batch > 0 {
		o.Batch = opts.Batch
	}
	if m.fixedBatch() > 0 {
		o.Rest = vision.RestFilled
	}
	stream, err := m.stream(data, o)
	if err != nil {
		return nil, err
	}
	scores := modelinfo.Scores(m.graph)
	s, err := m.sessions.open(ctx, scores)
	if err != nil {
		return nil, err
	}
	defer m.sessions.release(s)
	start := time.Now()
	e := &evaluator{m: m, data: data}
	e.tally = train.Tally{Logits: scores != m.output, Classes: len(data.Classes()), Keep: opts.Worst}
	done := 0
	for b, err := range stream.Epoch(ctx, 0, 0) {
		if err != nil {
			return nil, err
		}
		for _, err := range b.Broken {
			if opts.Strict {
				return nil, fmt.Errorf("onnxrun: data set %q: %w", data.Name(), err)
			}
			e.Broken = append(e.Broken, err.Error())
		}
		if len(b.Images) > 0 {
			out, err := s.Run(ctx, b.X)
			if err == nil {
				err = e.add(b, out[0])
			}
			if err != nil {
				return nil, err
			}
		}
		done = min(done+len(b.Images)+len(b.Broken), data.Len()) // a last batch may have rows without an image
		if opts.Progress != nil {
			opts.Progress(done, data.Len())
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return e.finish(time.Since(start))
}

// evaluator is an evaluation under way.
type evaluator struct {
	Evaluation
	m     *Model
	data  *vision.Dataset
	tally train.Tally
}

// add counts the images of a batch.
func (e *evaluator) add(b *vision.Batch, scores *tensor.Tensor) error {
	fail := func(err error) error {
		var nan *modelinfo.NaNError
		if errors.As(err, &nan) {
			return &modelinfo.NaNError{Output: e.m.output.Name(), Image: nan.Image}
		}
		return fmt.Errorf("onnxrun: output %q: %w", e.m.output.Name(), err)
	}
	rows, err := train.Rows(scores, len(b.Images))
	if err != nil {
		return fail(err)
	}
	if e.tally.Columns == nil {
		columns, note, err := matchClasses(e.data.Classes(), e.m.labels, rows.Dim(1))
		if err != nil {
			return fmt.Errorf("onnxrun: data set %q: %w", e.data.Name(), err)
		}
		if e.tally.Columns = columns; note != "" {
			e.Notes = append(e.Notes, note)
		}
	}
	if err := e.tally.Add(rows, b); err != nil {
		return fail(err)
	}
	return nil
}

// label is what a score of the model's is called.
func (e *evaluator) label(column int) string {
	if own := slices.Index(e.tally.Columns, column); own >= 0 {
		return e.data.Classes()[own]
	}
	if column < len(e.m.labels) {
		return e.m.labels[column]
	}
	return fmt.Sprintf("class %d", column)
}

func (e *evaluator) finish(took time.Duration) (*Evaluation, error) {
	t := &e.tally
	if t.Images == 0 {
		err := fmt.Errorf("onnxrun: data set %q: none of %d images can be read and has a class", e.data.Name(), e.data.Len())
		if len(e.Broken) > 0 {
			err = fmt.Errorf("%w; the first: %s", err, e.Broken[0])
		}
		return nil, err
	}
	m := t.Metrics()
	e.Images, e.Top1, e.Top5, e.Loss, e.Seconds = m.Images, m.Accuracy, float64(t.Top5)/float64(t.Images), m.Loss, took.Seconds()
	names := e.data.Classes()
	for i, name := range names {
		c := t.Class(i)
		e.Classes = append(e.Classes, ClassAccuracy{name, c.Images, c.Recall, c.Precision, c.Elsewhere})
		e.Confusion = append(e.Confusion, t.Confusion[i][:len(names)])
	}
	for _, w := range t.Worst() {
		e.Worst = append(e.Worst, WorstImage{w.Image, e.data.ImageName(w.Image), names[w.Class], w.Probability, e.label(w.Predicted), w.Confidence})
	}
	if t.Unnamed > 0 {
		e.Notes = append(e.Notes, fmt.Sprintf("images without a class, which are left out: %d", t.Unnamed))
	}
	return &e.Evaluation, nil
}

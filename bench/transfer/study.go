package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/onnxrun/onnxrun"
	"github.com/onnxrun/onnxrun/exporter"
	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/teach"
	"github.com/onnxrun/onnxrun/train"
	"github.com/onnxrun/onnxrun/vision"
	"github.com/onnxrun/onnxrun/zoo"
)

// study is the runs of all methods.
type study struct {
	*config
	others, othersTest *vision.Dataset // to pretrain with
	pair, pairTest     *vision.Dataset // to teach afterwards
	results            *results
	pretrained         *ir.Graph
	features           string // a folder for the features of frozen layers
}

func newStudy(c *config, data *vision.Dataset, r *results) (*study, error) {
	s := &study{config: c, results: r}
	var others []string
	for _, name := range data.Classes() {
		if !slices.Contains(c.classes, name) {
			others = append(others, name)
		}
	}
	for _, part := range []struct {
		at      **vision.Dataset
		split   string
		classes []string
	}{
		{&s.others, vision.Train, others}, {&s.othersTest, vision.Test, others},
		{&s.pair, vision.Train, c.classes}, {&s.pairTest, vision.Test, c.classes},
	} {
		var err error
		if *part.at, err = data.Split(part.split).Only(part.classes...); err != nil {
			return nil, err
		}
		if (*part.at).Len() == 0 {
			return nil, fmt.Errorf("data set %q: part %q has no images of %v", data.Name(), part.split, part.classes)
		}
	}
	return s, nil
}

// run does all that is not done yet.
func (s *study) run(ctx context.Context) error {
	if err := s.pretrain(ctx); err != nil {
		return err
	}
	var err error
	if s.features, err = os.MkdirTemp("", "transfer"); err != nil {
		return err
	}
	defer os.RemoveAll(s.features)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	todo := make(chan result)
	var workers sync.WaitGroup
	for range s.workers {
		workers.Go(func() {
			for r := range todo {
				if err := s.teach(ctx, r); err != nil {
					stop(err)
				}
			}
		})
	}
	for _, r := range s.plan() {
		if s.results.find(r) == nil && ctx.Err() == nil {
			todo <- r
		}
	}
	close(todo)
	workers.Wait()
	return context.Cause(ctx)
}

// plan is all runs, without what comes of them.
func (s *study) plan() (runs []result) {
	for _, seed := range s.seeds {
		for _, n := range s.images {
			for _, m := range s.methods {
				recipe := m.recipe(s.config, n*len(s.classes), uint64(seed))
				runs = append(runs, result{Arch: s.arch, Classes: s.classes, Method: m.key, Images: n, Recipe: recipe})
			}
		}
	}
	return runs
}

// pretrain teaches the other classes, or reads what was taught before.
func (s *study) pretrain(ctx context.Context) error {
	path := filepath.Join(s.out, s.arch+".onnx")
	g, err := importer.Open(path)
	if err == nil {
		s.pretrained = g
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if g, err = zoo.Build(s.arch, zoo.Options{Classes: len(s.others.Classes()), Seed: s.config.pretrain.Seed}); err != nil {
		return err
	}
	start := time.Now()
	taught, err := teach.Classifier(ctx, g, s.others, teach.Options{
		Recipe: &s.config.pretrain, Checkpoint: filepath.Join(s.out, s.arch+".checkpoint.onnx"), Every: time.Minute, Resume: true,
		Epoch: func(r train.Record) {
			fmt.Printf("pretraining: epoch %d, loss %.3f, %.1f %% right, %v\n", r.Epoch, r.Train.Loss, 100*r.Train.Accuracy, time.Since(start).Round(time.Second))
		},
	})
	if err != nil {
		return err
	}
	r := result{Arch: s.arch, Classes: s.others.Classes(), Method: "pretraining", Images: s.others.Len() / len(s.others.Classes()), Recipe: s.config.pretrain}
	if err := s.measure(ctx, taught, s.othersTest, r, start); err != nil {
		return err
	}
	s.pretrained = taught.Model
	return exporter.WriteFile(taught.Model, path, exporter.Options{})
}

// teach is a run of a method.
func (s *study) teach(ctx context.Context, r result) error {
	m := methods[slices.IndexFunc(methods, func(m method) bool { return m.key == r.Method })]
	start := time.Now()
	g, err := m.model(s.config, s.pretrained, r.Recipe.Seed)
	if err != nil {
		return err
	}
	taught, err := teach.Classifier(ctx, g, s.pair.PerClass(r.Images, r.Recipe.Seed), teach.Options{
		Recipe: &r.Recipe, FeatureCache: s.features, Runtime: runtime.Options{Threads: 1},
	})
	if err != nil {
		return err
	}
	return s.measure(ctx, taught, s.pairTest, r, start)
}

// measure tests what was taught, and writes the result down.
func (s *study) measure(ctx context.Context, taught *teach.Taught, test *vision.Dataset, r result, start time.Time) error {
	m, err := onnxrun.NewModel(taught.Model, onnxrun.Options{Runtime: runtime.Options{Threads: 1}})
	if err != nil {
		return err
	}
	defer m.Close()
	e, err := onnxrun.Evaluate(ctx, m, test, onnxrun.EvaluateOptions{Batch: 100, Strict: true})
	if err != nil {
		return err
	}
	r.Error, r.Tested, r.Seconds = 1-e.Top1, e.Images, time.Since(start).Seconds()
	return s.results.add(r)
}

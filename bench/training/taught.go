package main

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/train"
	"github.com/onnxrun/onnxrun/zoo"
)

// taught is a network that a train.Trainer teaches, and a batch of random images.
type taught struct {
	trainer *train.Trainer
	batch   map[string]*tensor.Tensor
}

func newTaught(name string, batch int, opts runtime.Options) (*taught, error) {
	g, err := zoo.Build(name, zoo.Options{})
	if err != nil {
		return nil, err
	}
	image, classes := g.Inputs()[0].Type().Shape, g.Outputs()[0].Type().Shape
	t, err := train.New(context.Background(), g, train.Options{Optimizer: train.Optimizer{Momentum: momentum}, Runtime: opts})
	if err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(1, 2))
	x, targets := tensor.New(tensor.Float32, batch, image[1].N, image[2].N, image[3].N), tensor.New(tensor.Float32, batch, classes[1].N)
	noise(rng, x)
	oneHot(rng, targets)
	return &taught{t, map[string]*tensor.Tensor{t.Image(): x, "targets": targets}}, nil
}

const (
	rate     = 0.01
	momentum = 0.9
)

func noise(rng *rand.Rand, t *tensor.Tensor) {
	x := tensor.Data[float32](t)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
}

// oneHot gives each row a 1 somewhere.
func oneHot(rng *rand.Rand, t *tensor.Tensor) {
	for i := range t.Dim(0) {
		tensor.Data[float32](t)[i*t.Dim(1)+rng.IntN(t.Dim(1))] = 1
	}
}

// profile is what the parts of a step take, the median of so many, and its multiply-accumulates.
func (t *taught) profile(runs int) (parts []runtime.StepProfile, macs int64, err error) {
	parts, err = t.trainer.Profile(context.Background(), runs, t.batch)
	for _, p := range parts {
		macs += p.MACs
	}
	return parts, macs, err
}

// turn makes steps for some time, at least one that counts after one that does not, and returns what each took.
func (t *taught) turn(d time.Duration) (times []time.Duration, err error) {
	for end := time.Now().Add(d); len(times) < 2 || time.Now().Before(end); {
		start := time.Now()
		if _, err := t.trainer.Step(context.Background(), rate, t.batch); err != nil {
			return nil, err
		}
		times = append(times, time.Since(start))
	}
	return times[1:], nil
}

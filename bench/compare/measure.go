package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/onnxrun/onnxrun/exporter"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
)

// result is what a model took with a number of threads, in milliseconds.
type result struct {
	Model    string  `json:"model"`
	Threads  int     `json:"threads"`
	Batch    int     `json:"batch"`
	Ours     float64 `json:"onnxrun_ms"`
	OursMin  float64 `json:"onnxrun_min_ms"`
	ORT      float64 `json:"ort_ms"`
	ORTMin   float64 `json:"ort_min_ms"`
	Ratio    float64 `json:"ratio"`
	RatioMin float64 `json:"ratio_min"`
	Limit    float64 `json:"limit_ms"` // what the machine's limits allow for the model's definition
	Error    float64 `json:"error"`    // see disagree
	Slowest  []layer `json:"slowest,omitempty"`
}

// compareAll measures every model with every number of threads.
func compareAll(c *config) (*report, error) {
	rep := &report{Date: time.Now().Format(time.DateOnly), CPU: processor(), ORTVersion: ort.GetVersion()}
	for _, threads := range c.threads {
		var limits runtime.Limits
		for _, arg := range c.models {
			m, err := c.open(arg)
			if err != nil {
				return nil, err
			}
			r, err := c.compare(m, threads, &limits, rep)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", arg, err)
			}
			fmt.Fprintf(os.Stderr, "%-20s %d threads: onnxrun %.4g ms, ONNX Runtime %.4g ms, ratio %.3f\n", r.Model, threads, r.Ours, r.ORT, r.Ratio)
			rep.Results = append(rep.Results, *r)
		}
	}
	return rep, nil
}

// A turn is how long one runtime runs before it is the other one's; a pause follows, in which the threads that spin in
// wait for more work go to sleep.
const (
	turn  = 100 * time.Millisecond
	pause = 20 * time.Millisecond
)

func (c *config) compare(m *model, threads int, limits *runtime.Limits, rep *report) (*result, error) {
	s, err := runtime.Compile(context.Background(), m.graph, runtime.Options{Threads: threads, Kernels: c.kernels})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if limits.FLOPS == 0 {
		*limits = s.MeasureLimits()
		rep.Kernels = s.Kernels()
		rep.Limits = append(rep.Limits, threadLimits{threads, limits.FLOPS / 1e9, limits.Bandwidth / 1e9})
	}
	x, err := input(s, m.batch)
	if err != nil {
		return nil, err
	}
	ctx, in := context.Background(), []*tensor.Tensor{x}
	out, err := s.Run(ctx, x)
	if err != nil {
		return nil, err
	}
	theirs, err := newORT(m.path, s, x, out[0], threads)
	if err != nil {
		return nil, err
	}
	defer theirs.destroy()
	ours, ortTimes, err := alternate(c.duration, func() error { return s.RunInto(ctx, in, out) }, theirs.session.Run)
	if err != nil {
		return nil, err
	}
	r := &result{Model: m.name, Threads: threads, Batch: m.batch, Ours: median(ours), OursMin: ours[0], ORT: median(ortTimes), ORTMin: ortTimes[0]}
	r.Ratio, r.RatioMin = r.Ours/r.ORT, r.OursMin/r.ORTMin
	r.Limit = 1e3 * max(2*float64(m.macs)*float64(m.batch)/limits.FLOPS, float64(m.weights)/limits.Bandwidth)
	if r.Error, err = c.disagree(m, x, threads); err != nil {
		return nil, err
	}
	if r.Ratio > goal {
		r.Slowest, err = slowest(s, x, *limits)
	}
	return r, err
}

// disagree is the greatest difference of what both runtimes compute for x, relative to the greatest number. A softmax at
// the end is left out, behind which one score may be 1 and all others 0 whatever came before.
func (c *config) disagree(m *model, x *tensor.Tensor, threads int) (float64, error) {
	g, path := m.graph, m.path
	if n := g.Outputs()[0].Def(); n != nil && n.OpName() == "Softmax" {
		f, err := os.CreateTemp("", "onnxrun-scores-*.onnx")
		if err != nil {
			return 0, err
		}
		f.Close()
		defer os.Remove(f.Name())
		g, path = g.Extract(n.In(0)), f.Name()
		if err := exporter.WriteFile(g, path, exporter.Options{}); err != nil {
			return 0, err
		}
	}
	s, err := runtime.Compile(context.Background(), g, runtime.Options{Threads: threads, Kernels: c.kernels})
	if err != nil {
		return 0, err
	}
	defer s.Close()
	out, err := s.Run(context.Background(), x)
	if err != nil {
		return 0, err
	}
	theirs, err := newORT(path, s, x, out[0], threads)
	if err != nil {
		return 0, err
	}
	defer theirs.destroy()
	if err := theirs.session.Run(); err != nil {
		return 0, err
	}
	return difference(tensor.Data[float32](out[0]), theirs.output.GetData()), nil
}

// goal is the ratio above which a model's slowest layers are listed.
const goal = 0.95

// layer is a step of a model.
type layer struct {
	Name      string  `json:"name"`
	Algorithm string  `json:"algorithm"`
	Share     float64 `json:"share"` // of the time of all steps
	Limit     float64 `json:"limit"` // the time that the machine's limits allow over the time taken
}

// slowest is the three steps that take the most time.
func slowest(s *runtime.Session, x *tensor.Tensor, limits runtime.Limits) ([]layer, error) {
	steps, err := s.Profile(context.Background(), 10, x)
	if err != nil {
		return nil, err
	}
	total := 0.0
	for _, st := range steps {
		total += st.Time.Seconds()
	}
	slices.SortStableFunc(steps, func(a, b runtime.StepProfile) int { return cmp.Compare(b.Time, a.Time) })
	var list []layer
	for _, st := range steps[:min(3, len(steps))] {
		ideal := max(2*float64(st.MACs)/limits.FLOPS, float64(st.Bytes)/limits.Bandwidth)
		list = append(list, layer{st.Node.Name, st.Algorithm, st.Time.Seconds() / total, ideal / st.Time.Seconds()})
	}
	return list, nil
}

// alternate runs both in turns until the time is over, at least five turns each, and returns the sorted times of single
// runs in milliseconds.
func alternate(d time.Duration, ours, theirs func() error) (a, b []float64, err error) {
	for range 3 {
		if err := ours(); err != nil {
			return nil, nil, err
		}
		if err := theirs(); err != nil {
			return nil, nil, err
		}
	}
	start := time.Now()
	for turns := 0; turns < 5 || time.Since(start) < d; turns++ {
		for _, side := range []struct {
			run   func() error
			times *[]float64
		}{{ours, &a}, {theirs, &b}} {
			time.Sleep(pause)
			if err := side.run(); err != nil { // wakes the threads
				return nil, nil, err
			}
			for begin := time.Now(); ; {
				t := time.Now()
				if err := side.run(); err != nil {
					return nil, nil, err
				}
				*side.times = append(*side.times, time.Since(t).Seconds()*1e3)
				if time.Since(begin) > turn {
					break
				}
			}
		}
	}
	slices.Sort(a)
	slices.Sort(b)
	return a, b, nil
}

func median(sorted []float64) float64 { return sorted[len(sorted)/2] }

// input is a random tensor for the session's one input.
func input(s *runtime.Session, batch int) (*tensor.Tensor, error) {
	if len(s.Inputs()) != 1 || len(s.Outputs()) != 1 {
		return nil, fmt.Errorf("%d inputs and %d outputs, expects one each", len(s.Inputs()), len(s.Outputs()))
	}
	var shape []int
	for d, dim := range s.Inputs()[0].Type().Shape {
		switch {
		case d == 0:
			shape = append(shape, batch)
		case dim.IsKnown():
			shape = append(shape, dim.N)
		default:
			return nil, fmt.Errorf("input %v: only the first dimension may be open", s.Inputs()[0].Type())
		}
	}
	x := tensor.New(tensor.Float32, shape...)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range tensor.Data[float32](x) {
		tensor.Data[float32](x)[i] = rng.Float32()
	}
	return x, nil
}

func difference(a, b []float32) float64 {
	worst, largest := 0.0, 0.0
	for i := range a {
		worst = max(worst, math.Abs(float64(a[i]-b[i])))
		largest = max(largest, math.Abs(float64(b[i])))
	}
	if worst == 0 {
		return 0
	}
	return worst / largest
}

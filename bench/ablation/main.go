// Command ablation prints what each pass is worth: how much longer a run takes where the pass is left out. See
// ../README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/passes"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/zoo"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "ablation:", err)
		os.Exit(1)
	}
}

func run() error {
	threads := flag.Int("threads", 1, "how many threads")
	duration := flag.Duration("time", time.Second, "how long each pair is measured")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: ablation [-threads N] [-time D] MODEL.onnx|FOLDER|ARCHITECTURE…")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		return errors.New("no models are named")
	}
	var columns []*column
	for _, arg := range flag.Args() {
		c, err := measure(arg, *threads, *duration)
		if err != nil {
			return fmt.Errorf("%s: %w", arg, err)
		}
		columns = append(columns, c)
	}
	return print(columns)
}

// column is the times of one model.
type column struct {
	model  string
	base   float64            // milliseconds with all passes
	none   float64            // how many times as long it takes without any
	ratios map[string]float64 // and without one, by its name
}

func measure(arg string, threads int, d time.Duration) (*column, error) {
	g, err := open(arg)
	if err != nil {
		return nil, err
	}
	c := &column{model: strings.TrimSuffix(filepath.Base(arg), ".onnx"), ratios: map[string]float64{}}
	stats, err := passes.Optimize(context.Background(), g.Clone(), passes.Options{Level: passes.O2})
	if err != nil {
		return nil, err
	}
	if c.none, c.base, err = compare(g, passes.Options{Level: passes.O0}, threads, d); err != nil {
		return nil, err
	}
	for _, s := range stats {
		if s.Hits == 0 {
			continue
		}
		opts := passes.Options{Level: passes.O2, Without: []string{s.Pass}}
		if c.ratios[s.Pass], _, err = compare(g, opts, threads, d); err != nil {
			return nil, err
		}
		fmt.Fprintf(os.Stderr, "%-20s without %-22s × %.3f\n", c.model, s.Pass, c.ratios[s.Pass])
	}
	return c, nil
}

// open reads a model, or makes one of the zoo, with a batch of one image.
func open(arg string) (*ir.Graph, error) {
	var g *ir.Graph
	var err error
	switch info, statErr := os.Stat(arg); {
	case slices.Contains(zoo.Names(), arg):
		g, err = zoo.Build(arg, zoo.Options{})
	case statErr == nil && info.IsDir():
		g, err = importer.Open(filepath.Join(arg, "model.onnx"))
	default:
		g, err = importer.Open(arg)
	}
	if err != nil {
		return nil, err
	}
	for _, v := range g.Inputs() {
		t := v.Type()
		for d := range t.Shape {
			if !t.Shape[d].IsKnown() {
				t.Shape[d] = ir.Known(1)
			}
		}
		if err := g.SetInputType(v, t); err != nil {
			return nil, err
		}
	}
	return g, g.InferAll()
}

// turn is how long one side runs before it is the other one's.
const turn = 50 * time.Millisecond

// compare runs a graph with the passes of opts and with all of them in turns, and returns the ratio of the medians and
// the median with all, in milliseconds.
func compare(g *ir.Graph, opts passes.Options, threads int, d time.Duration) (ratio, all float64, err error) {
	var sides [2]func() error
	for i, o := range []passes.Options{opts, {Level: passes.O2}} {
		s, err := runtime.Compile(context.Background(), g, runtime.Options{Threads: threads, Passes: &o})
		if err != nil {
			return 0, 0, err
		}
		defer s.Close()
		in := inputs(s)
		out, err := s.Run(context.Background(), in...)
		if err != nil {
			return 0, 0, err
		}
		sides[i] = func() error { return s.RunInto(context.Background(), in, out) }
	}
	var times [2][]float64
	for start := time.Now(); time.Since(start) < d || len(times[1]) < 3; {
		for i, side := range sides {
			for begin := time.Now(); ; {
				t := time.Now()
				if err := side(); err != nil {
					return 0, 0, err
				}
				times[i] = append(times[i], time.Since(t).Seconds()*1e3)
				if time.Since(begin) > turn {
					break
				}
			}
		}
	}
	without, with := median(times[0]), median(times[1])
	return without / with, with, nil
}

func median(times []float64) float64 {
	slices.Sort(times)
	return times[len(times)/2]
}

func inputs(s *runtime.Session) []*tensor.Tensor {
	rng := rand.New(rand.NewPCG(1, 1))
	var in []*tensor.Tensor
	for _, v := range s.Inputs() {
		shape, _ := v.Type().Shape.Ints()
		x := tensor.New(tensor.Float32, shape...)
		for i := range tensor.Data[float32](x) {
			tensor.Data[float32](x)[i] = rng.Float32()
		}
		in = append(in, x)
	}
	return in
}

// print writes the table, passes in their order, those that change no model left out.
func print(columns []*column) error {
	list, err := passes.Selected(passes.Options{Level: passes.O2})
	if err != nil {
		return err
	}
	line := func(first string, cell func(c *column) string) {
		fmt.Printf("| %s |", first)
		for _, c := range columns {
			fmt.Printf(" %s |", cell(c))
		}
		fmt.Println()
	}
	line("without", func(c *column) string { return c.model })
	fmt.Println("|---|" + strings.Repeat("---|", len(columns)))
	line("nothing (-O2), ms", func(c *column) string { return fmt.Sprintf("%.2f", c.base) })
	line("all (-O0)", func(c *column) string { return fmt.Sprintf("%.2f", c.none) })
	for _, p := range list {
		if !slices.ContainsFunc(columns, func(c *column) bool { return c.ratios[p.Name] != 0 }) {
			continue
		}
		line(p.Name, func(c *column) string {
			if c.ratios[p.Name] == 0 {
				return ""
			}
			return fmt.Sprintf("%.2f", c.ratios[p.Name])
		})
	}
	return nil
}

// Command approx measures the approximate passes: how far a model's outputs move, and how much faster it becomes. It
// prints the tables of ../../docs/approximation.md.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/onnxrun/onnxrun/compress"
	"github.com/onnxrun/onnxrun/passes"
)

type config struct {
	testdata, mnist, photos string
	images                  int
	speedup                 float64
	models                  []string
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "approx:", err)
		os.Exit(1)
	}
}

func run() error {
	var c config
	flag.StringVar(&c.testdata, "testdata", "../testdata", "folder of lenet5.onnx and lenet5_relu.onnx")
	flag.StringVar(&c.mnist, "mnist", "", "folder of MNIST's IDX files")
	flag.StringVar(&c.photos, "photos", "", "folder of photographs, with train and val, to calibrate larger models with")
	flag.IntVar(&c.images, "images", 8, "how many photographs for the speed table")
	flag.Float64Var(&c.speedup, "speedup", 2, "the speed asked for in the speed table")
	parts := flag.String("parts", "rank,pool,speed", "which tables")
	models := flag.String("models", "alexnet,vgg16,resnet18", "architectures of the speed table")
	flag.Parse()
	c.models = strings.Split(*models, ",")
	tables := map[string]func() error{"rank": c.rank, "pool": c.pool, "speed": c.speed}
	for _, p := range strings.Split(*parts, ",") {
		table, ok := tables[p]
		if !ok {
			return fmt.Errorf("-parts: %q is none of rank, pool, speed", p)
		}
		if err := table(); err != nil {
			return err
		}
	}
	return nil
}

// rank compares factors fitted to images with those of the weights alone, at the same rank.
func (c *config) rank() error {
	fmt.Println("| model | form | rank | layers | MACs | error, weights alone | error, fitted to images | top-1 as the original, weights | fitted |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|")
	type trial struct {
		form string
		rank int
	}
	lenet, err := c.lenet("lenet5.onnx")
	if err != nil {
		return err
	}
	for _, t := range []trial{{"project", 2}, {"project", 4}, {"project", 8}, {"reduce", 2}, {"reduce", 4}, {"tucker2", 4}, {"separable", 4}, {"best", 4}} {
		if err := lenet.rankRow(t.form, t.rank); err != nil {
			return err
		}
	}
	alex, err := c.photographed("alexnet", 64, 64)
	if err != nil {
		return err
	}
	for _, t := range []trial{{"project", 32}, {"reduce", 32}, {"tucker2", 32}, {"separable", 32}} {
		if err := alex.rankRow(t.form, t.rank); err != nil {
			return err
		}
	}
	fmt.Println()
	return nil
}

func (m *model) rankRow(form string, rank int) error {
	var rows []string
	var same []string
	layers, macs := 0, 0.0
	for _, fit := range []bool{false, true} {
		a := passes.Approximation{Form: form, Rank: rank}
		if fit {
			a.Images = m.calibration
		}
		out, rewrites, err := m.approximate("bottleneck", compress.Options{Approximation: a}, false)
		if err != nil {
			return err
		}
		e, top, err := m.compare(out)
		if err != nil {
			return err
		}
		rows, same = append(rows, percent(e)), append(same, percent(top))
		layers = 0
		for _, r := range rewrites {
			if r.Skipped == "" {
				layers++
			}
		}
		after, err := macsOf(out)
		if err != nil {
			return err
		}
		macs = float64(after) / float64(m.macs)
	}
	fmt.Printf("| %s | %s | %d | %d | %s | %s | %s | %s | %s |\n", m.name, form, rank, layers, percent(macs), rows[0], rows[1], same[0], same[1])
	return nil
}

func percent(x float64) string { return fmt.Sprintf("%.2f %%", 100*x) }

// pool replaces the poolings of LeNet-5: averages exactly, maxima in each way.
func (c *config) pool() error {
	average, err := c.lenet("lenet5.onnx")
	if err != nil {
		return err
	}
	out, rewrites, err := average.approximate("average-to-conv", compress.Options{}, false)
	if err != nil {
		return err
	}
	worst, err := average.worst(out)
	if err != nil {
		return err
	}
	fmt.Printf("lenet5: %d average poolings become convolutions; greatest difference of an output on the test images: %.2g\n\n", len(rewrites), worst)

	fmt.Println("| lenet5_relu, MNIST test images | accuracy | poolings | MACs |")
	fmt.Println("|---|---|---|---|")
	m, err := c.lenet("lenet5_relu.onnx")
	if err != nil {
		return err
	}
	right, err := m.accuracy(m.graph)
	if err != nil {
		return err
	}
	fmt.Printf("| original | %s | max | %d |\n", percent(right), m.macs)
	for _, way := range []string{"stride", "conv", "best"} {
		out, rewrites, err := m.approximate("pool-to-conv", compress.Options{Approximation: passes.Approximation{Pool: way, Images: m.calibration}}, false)
		if err != nil {
			return err
		}
		right, err := m.accuracy(out)
		if err != nil {
			return err
		}
		var forms []string
		for _, r := range rewrites {
			forms = append(forms, fmt.Sprintf("%s: %s, error %s", r.Node, r.Form, percent(r.Error)))
		}
		macs, err := macsOf(out)
		if err != nil {
			return err
		}
		fmt.Printf("| %s | %s | %s | %d |\n", way, percent(right), strings.Join(forms, "; "), macs)
	}
	fmt.Println()
	return nil
}

// speed asks for a speed and measures what comes of it, the two models by turns.
func (c *config) speed() error {
	fmt.Printf("| model | asked | measured | MACs | before, ms | after, ms | layers rewritten | output error | the pass took |\n")
	fmt.Println("|---|---|---|---|---|---|---|---|---|")
	for _, name := range c.models {
		m, err := c.photographed(name, c.images, 16)
		if err != nil {
			return err
		}
		start := time.Now()
		out, rewrites, err := m.approximate("bottleneck", compress.Options{Speedup: c.speedup, Approximation: passes.Approximation{Images: m.calibration}}, true)
		if err != nil {
			return err
		}
		took := time.Since(start)
		before, after, err := m.race(out, 4*time.Second)
		if err != nil {
			return err
		}
		e, _, err := m.compare(out)
		if err != nil {
			return err
		}
		macs, err := macsOf(out)
		if err != nil {
			return err
		}
		var forms []string
		for _, r := range rewrites {
			if r.Skipped == "" {
				forms = append(forms, fmt.Sprintf("%s %s", r.Node, r.Form))
			}
		}
		fmt.Printf("| %s | %.1f | %.2f | %.2f | %.1f | %.1f | %d of %d | %s | %.0f s |\n", name, c.speedup,
			before.Seconds()/after.Seconds(), float64(m.macs)/float64(macs), 1e3*before.Seconds(), 1e3*after.Seconds(),
			len(forms), len(rewrites), percent(e), took.Seconds())
		fmt.Fprintln(os.Stderr, name+":")
		for _, r := range rewrites {
			fmt.Fprintf(os.Stderr, "  %-24s %-10s %-12s error %-9s %v -> %v, MACs %d -> %d, images %d %s\n", r.Node, r.Form, fmt.Sprint(r.Ranks), percent(r.Error),
				r.Before, r.After, r.MACsBefore, r.MACsAfter, r.Calibration, r.Skipped)
		}
		if after > before {
			return fmt.Errorf("%s: %v after the pass, %v before", name, after, before)
		}
	}
	return nil
}

func median(t []time.Duration) time.Duration {
	slices.Sort(t)
	return t[len(t)/2]
}

// Command training measures training steps of the zoo's networks (forward, backward, gradient descent with momentum 0.9 on
// the cross-entropy) beside PyTorch, in turns, and prints a table in Markdown. With -profile it prints what the parts of a
// step take instead. training.sh calls it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/zoo"
)

// config is the flags.
type config struct {
	python, script, kernels string
	threads, turns          int
	turn                    time.Duration
}

func main() {
	var c config
	models := flag.String("models", "lenet5@64,resnet18@16,alexnet@32", "networks of the zoo, each with a batch size")
	profile := flag.Int("profile", 0, "print what the parts of a step take, the median of so many steps")
	flag.StringVar(&c.python, "python", "/usr/bin/python3", "a Python that has PyTorch; empty: it is not measured")
	flag.StringVar(&c.script, "script", "training_torch.py", "PyTorch's side")
	flag.StringVar(&c.kernels, "kernels", "", "implementation of the kernels")
	flag.IntVar(&c.threads, "threads", 2, "threads of each side")
	flag.IntVar(&c.turns, "turns", 10, "turns of each side")
	flag.DurationVar(&c.turn, "turn", time.Second, "length of a turn; at least one step is made")
	flag.Parse()
	if err := run(&c, strings.Split(*models, ","), *profile); err != nil {
		fmt.Fprintln(os.Stderr, "training:", err)
		os.Exit(1)
	}
}

func run(c *config, models []string, profile int) error {
	if profile == 0 {
		fmt.Println("| network | batch | onnxrun img/s | PyTorch img/s | ratio | of the limit |")
		fmt.Println("|---|---:|---:|---:|---:|---:|")
	}
	for _, m := range models {
		name, size, _ := strings.Cut(m, "@")
		batch, err := strconv.Atoi(size)
		if err != nil || batch < 1 {
			return fmt.Errorf("%q: want NETWORK@BATCH", m)
		}
		if profile > 0 {
			err = printProfile(c, name, batch, profile)
		} else {
			err = compare(c, name, batch)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", m, err)
		}
	}
	return nil
}

// compare measures a network by turns and prints a row: images a second by the median of all steps of all turns, and the
// share of what multiply-adds a second allow for the definition's products, forward and backward.
func compare(c *config, name string, batch int) error {
	probe, err := newProbe(c)
	if err != nil {
		return err
	}
	defer probe.Close()
	var limit float64 // multiply-adds a second: the most that was seen, as others may use the machine, too
	ours, err := newTaught(name, batch, runtime.Options{Threads: c.threads, Kernels: c.kernels})
	if err != nil {
		return err
	}
	defer ours.trainer.Close()
	_, macs, err := ours.profile(1)
	if err != nil {
		return err
	}
	var theirs *torch
	if c.python != "" {
		if theirs, err = startTorch(c, name, batch); err != nil {
			return err
		}
		defer theirs.close()
	}
	var own, other []time.Duration
	for range c.turns {
		limit = max(limit, probe.MeasureLimits().FLOPS)
		times, err := ours.turn(c.turn)
		if err != nil {
			return err
		}
		own = append(own, times...)
		if theirs == nil {
			continue
		}
		time.Sleep(20 * time.Millisecond) // until spinning threads sleep
		if times, err = theirs.turn(c.turn); err != nil {
			return err
		}
		other = append(other, times...)
	}
	step := median(own).Seconds()
	beside, ratio := "", ""
	if theirs != nil {
		o := median(other).Seconds()
		beside, ratio = images(batch, o), fmt.Sprintf("%.2f", o/step)
	}
	fmt.Printf("| %s | %d | %s | %s | %s | %.0f %% |\n", name, batch, images(batch, step), beside, ratio, 100*2*float64(macs)/step/limit)
	return nil
}

// newProbe is a session that measures the machine's limits.
func newProbe(c *config) (*runtime.Session, error) {
	g, err := zoo.Build("lenet5", zoo.Options{})
	if err != nil {
		return nil, err
	}
	return runtime.Compile(context.Background(), g, runtime.Options{Threads: c.threads, Kernels: c.kernels})
}

// images is images a second, in three digits or more.
func images(batch int, seconds float64) string {
	v := float64(batch) / seconds
	return strconv.FormatFloat(v, 'f', max(0, 3-len(strconv.Itoa(int(v)))), 64)
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

// printProfile prints what the parts of a step take.
func printProfile(c *config, name string, batch, runs int) error {
	t, err := newTaught(name, batch, runtime.Options{Threads: c.threads, Kernels: c.kernels})
	if err != nil {
		return err
	}
	defer t.trainer.Close()
	steps, macs, err := t.profile(runs)
	if err != nil {
		return err
	}
	var total time.Duration
	for _, p := range steps {
		total += p.Time
		ns := float64(p.Time)
		fmt.Printf("%10.1f µs %8.1f GFLOPS %6.1f GB/s  %-16s %-28s %s\n",
			ns/1e3, 2*float64(p.MACs)/ns, float64(p.Bytes)/ns, p.Algorithm, p.Node.OpName(), p.Node.Name)
	}
	fmt.Printf("%10.1f µs %8.1f GFLOPS in all\n", float64(total)/1e3, 2*float64(macs)/float64(total))
	return nil
}

// Plans measures what several input shapes cost a session: the resident memory with eight plans, and how long callers of one
// shape wait while plans of others are made.
//
//	go run ./plans MODEL
package main

import (
	"context"
	"fmt"
	"os"
	goruntime "runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: plans MODEL")
		os.Exit(2)
	}
	if err := measure(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func measure(path string) error {
	g, err := importer.Open(path)
	if err != nil {
		return err
	}
	ctx := context.Background()
	s, err := runtime.Compile(ctx, g, runtime.Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	run := func(batch int) error {
		shape := []int{batch}
		for _, d := range s.Inputs()[0].Type().Shape[1:] {
			shape = append(shape, d.N)
		}
		_, err := s.Run(ctx, tensor.New(tensor.Float32, shape...))
		return err
	}
	for batch := 1; batch <= 8; batch++ {
		if err := run(batch); err != nil {
			return err
		}
		if batch == 1 || batch == 8 {
			fmt.Printf("resident with %d plans: %s\n", batch, resident())
		}
	}
	return wait(run)
}

// resident is the memory of the process, what is garbage given back.
func resident() string {
	goruntime.GC()
	goruntime.GC()
	debug.FreeOSMemory()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// wait lets eight callers run one image again and again, without and with another caller who comes with a new shape every
// half second.
func wait(run func(batch int) error) error {
	for _, fresh := range []bool{false, true} {
		var mu sync.Mutex
		var times []time.Duration
		var failed error
		end := time.Now().Add(10 * time.Second)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for time.Now().Before(end) {
					start := time.Now()
					err := run(1)
					mu.Lock()
					times = append(times, time.Since(start))
					if err != nil {
						failed = err
					}
					mu.Unlock()
				}
			})
		}
		for batch := 9; time.Now().Before(end); batch++ {
			time.Sleep(500 * time.Millisecond)
			if !fresh {
				continue
			}
			if err := run(batch); err != nil {
				return err
			}
		}
		all.Wait()
		if failed != nil {
			return failed
		}
		slices.Sort(times)
		at := func(part float64) time.Duration {
			return times[int(part*float64(len(times)-1))].Round(10 * time.Microsecond)
		}
		fmt.Printf("eight callers, new shapes %v: %d Runs, median %v, p99 %v, greatest %v\n", fresh, len(times), at(0.5), at(0.99), at(1))
	}
	return nil
}

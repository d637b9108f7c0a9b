// Command training measures training steps: forward, backward, and gradient descent with momentum.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"runtime/pprof"
	"time"
)

func main() {
	model := flag.String("model", "lenet5", "")
	batch := flag.Int("batch", 64, "")
	threads := flag.Int("threads", 2, "")
	n := flag.Int("n", 200, "")
	prof := flag.Bool("profile", false, "")
	cpu := flag.String("cpu", "", "")
	flag.Parse()
	s, err := newStep(*model, *batch, *threads, "")
	if err != nil {
		log.Fatal(err)
	}
	for range 3 {
		if err := s.run(); err != nil {
			log.Fatal(err)
		}
	}
	if *prof {
		if err := s.profile(*n); err != nil {
			log.Fatal(err)
		}
	}
	if *cpu != "" {
		f, _ := os.Create(*cpu)
		pprof.StartCPUProfile(f)
		defer pprof.StopCPUProfile()
	}
	start := time.Now()
	for range *n {
		if err := s.run(); err != nil {
			log.Fatal(err)
		}
	}
	d := time.Since(start) / time.Duration(*n)
	fmt.Printf("%v a step, %.0f img/s, %.1f GFLOPS\n", d, float64(*batch)/d.Seconds(), 2*float64(s.macs)/float64(d.Nanoseconds()))
}

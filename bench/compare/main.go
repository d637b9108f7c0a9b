// Command compare runs models by onnxrun and by ONNX Runtime in turns, in one process, and prints how their times
// compare. See ../README.md.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	ort "github.com/yalue/onnxruntime_go"
)

// table is the models of the project's table.
const table = "lenet5,alexnet,vgg16,squeezenet1_1,googlenet,resnet18,resnet50,mobilenet_v2,densenet121,efficientnet_b0," +
	"shufflenet_v2,convnext_tiny,vit_b_16,lenet5@64,alexnet@8,resnet50@8"

type config struct {
	models   []string
	threads  []int
	duration time.Duration
	kernels  string
	cache    string
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run() error {
	var c config
	models := flag.String("models", table, "architectures of the zoo and .onnx files, separated by commas; NAME@8 is a batch of 8")
	threads := flag.String("threads", "1,2", "how many threads")
	library := flag.String("ort", os.Getenv("ONNXRUNTIME_LIB"), "ONNX Runtime's shared library (default: $ONNXRUNTIME_LIB)")
	jsonFile := flag.String("json", "", "write the results to this file")
	mdFile := flag.String("md", "", "write the table to this file; FILE#NAME is what stands between <!-- NAME --> and <!-- end --> in a file that exists")
	svgFile := flag.String("plot", "", "write images per second over the batch size to this file, as SVG")
	flag.DurationVar(&c.duration, "time", 3*time.Second, "how long each model is measured with each number of threads")
	flag.StringVar(&c.kernels, "kernels", "", "onnxrun's kernels: generic, amd64-avx2, amd64-avx512, arm64-neon")
	flag.StringVar(&c.cache, "cache", "", "folder to keep the zoo's models in (default: a temporary one)")
	flag.Parse()
	c.models = append(split(*models), flag.Args()...)
	for _, t := range split(*threads) {
		n, err := strconv.Atoi(t)
		if err != nil || n < 1 {
			return fmt.Errorf("-threads: %q is not a number of threads", t)
		}
		c.threads = append(c.threads, n)
	}
	if *library == "" {
		return errors.New("-ort: where is ONNX Runtime's shared library? (npm install --ignore-scripts onnxruntime-node@1.30.0)")
	}
	ort.SetSharedLibraryPath(*library)
	if err := ort.InitializeEnvironment(); err != nil {
		return err
	}
	defer ort.DestroyEnvironment()
	rep, err := compareAll(&c)
	if err != nil {
		return err
	}
	fmt.Println()
	fmt.Print(rep.markdown())
	if err := rep.write(*jsonFile, *mdFile); err != nil {
		return err
	}
	if *svgFile != "" {
		if err := rep.plot(*svgFile); err != nil {
			return err
		}
	}
	return rep.disagreement()
}

func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

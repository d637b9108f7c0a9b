// Command transfer measures what pretraining is worth: it teaches a network all classes of a data set but two, then the two
// others from few images, in four ways. See ../README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/onnxrun/onnxrun/teach"
	"github.com/onnxrun/onnxrun/vision"
)

type config struct {
	arch     string
	freeze   string // the node up to which the method "last layers" freezes
	classes  []string
	out      string // a folder
	methods  []method
	images   []int
	seeds    []int
	steps    int
	epochs   int
	pretrain teach.Recipe
	workers  int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "transfer:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var c config
	data := flag.String("data", "", "the data set, with parts train and test: CIFAR-10")
	flag.StringVar(&c.out, "o", "transfer", "folder for the pretrained model and results.jsonl; what is there is not done again")
	flag.StringVar(&c.arch, "arch", "cuda-convnet", "network of the zoo")
	flag.StringVar(&c.freeze, "freeze", "rnorm2", "node up to which all is frozen where the last layers are taught")
	classes := flag.String("classes", "automobile,truck", "the classes that are taught after pretraining on the others")
	methods := flag.String("methods", "", "some of the methods: scratch, head, last, all")
	images := flag.String("images", "10,30,100,300,1000", "numbers of images of a class")
	seeds := flag.String("seeds", "1,2,3,4,5", "each picks images, fresh weights, their order and augmentation")
	flag.IntVar(&c.steps, "steps", 400, "steps of a run, at least")
	flag.IntVar(&c.epochs, "epochs", 15, "epochs of a run, at least")
	rate := flag.Float64("rate", 0, "learning rate in place of the methods' own, to try others")
	pretrain := flag.Int("pretrain", 12, "epochs of pretraining")
	flag.IntVar(&c.workers, "workers", 2, "runs at a time, each of one thread")
	md := flag.String("md", "", "write the table to this file, FILE#NAME: between <!-- NAME --> and <!-- end -->")
	png := flag.String("plot", "", "draw the errors to this file")
	flag.Parse()

	var err error
	if c.images, err = numbers(*images); err != nil {
		return fmt.Errorf("-images: %w", err)
	}
	if c.seeds, err = numbers(*seeds); err != nil {
		return fmt.Errorf("-seeds: %w", err)
	}
	if c.methods, err = chosen(*methods, *rate); err != nil {
		return fmt.Errorf("-methods: %w", err)
	}
	if *data == "" {
		return errors.New("-data: where is the data set?")
	}
	c.classes = strings.Split(*classes, ",")
	c.pretrain = pretraining(*pretrain)
	if err := os.MkdirAll(c.out, 0o777); err != nil {
		return err
	}
	set, err := vision.OpenDataset(*data)
	if err != nil {
		return err
	}
	defer set.Close()
	results, err := openResults(filepath.Join(c.out, "results.jsonl"))
	if err != nil {
		return err
	}
	defer results.close()
	s, err := newStudy(&c, set, results)
	if err != nil {
		return err
	}
	if err := s.run(ctx); err != nil {
		return err
	}
	return s.report(*md, *png)
}

// numbers reads whole numbers of at least 1 with commas between them, each once.
func numbers(text string) (list []int, err error) {
	for _, part := range strings.Split(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 1 || slices.Contains(list, n) {
			return nil, fmt.Errorf("%q is not a number of at least 1 that was not there before", part)
		}
		list = append(list, n)
	}
	return list, nil
}

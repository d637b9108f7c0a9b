// Samebits runs two builds of onnxrun on the same models and inputs and compares what they write, byte for byte.
//
//	go run ./samebits OLD NEW MODEL|CASES…
//	go run ./samebits -train DATASET OLD NEW
//
// A MODEL is an ONNX file, which is run on random numbers by each set of kernels; CASES is a folder of ONNX's test cases. With
// -train three networks are taught for an epoch or two by each build.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/internal/conformance"
	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
)

func main() {
	dataset := flag.String("train", "", "a data set to teach networks")
	flag.Parse()
	if flag.NArg() < 2 || *dataset == "" && flag.NArg() == 2 {
		fmt.Fprintln(os.Stderr, "usage: samebits [-train DATASET] OLD NEW MODEL|CASES…")
		os.Exit(2)
	}
	dir, err := os.MkdirTemp("", "samebits")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	c := &comparison{old: flag.Arg(0), new: flag.Arg(1), dir: dir}
	for _, path := range flag.Args()[2:] {
		err = errors.Join(err, c.path(path))
	}
	if *dataset != "" {
		err = errors.Join(err, c.train(*dataset))
	}
	err = errors.Join(err, os.RemoveAll(dir))
	fmt.Printf("%d runs of the same bytes, %d of others, %d that neither build can do\n", c.same, c.others, c.neither)
	if err != nil || c.others > 0 {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type comparison struct {
	old, new, dir         string
	same, others, neither int
}

func (c *comparison) path(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return c.model(path)
	}
	names, err := conformance.Find(path)
	for _, name := range names {
		c.cases(filepath.Join(path, name))
	}
	return err
}

// model runs a model on random numbers.
func (c *comparison) model(path string) error {
	g, err := importer.Open(path)
	if err != nil {
		return err
	}
	in, err := modelinfo.RandomInputs(g.Inputs(), 2, nil, 7)
	if err != nil {
		return err
	}
	var args []string
	for i, v := range g.Inputs() {
		var b bytes.Buffer
		if err := tensor.WriteNPY(&b, in[i]); err != nil {
			return err
		}
		file := filepath.Join(c.dir, fmt.Sprintf("input%d.npy", i))
		if err := os.WriteFile(file, b.Bytes(), 0o666); err != nil {
			return err
		}
		args = append(args, "-i", v.Name()+"="+file)
	}
	for _, kernels := range runtime.Kernels() {
		c.compare(filepath.Base(path)+" "+kernels, append([]string{"run", path, "--kernels", kernels, "-q"}, args...))
	}
	return nil
}

// cases runs a test case on its own first inputs.
func (c *comparison) cases(dir string) {
	model := filepath.Join(dir, "model.onnx")
	g, err := importer.Open(model)
	if err != nil {
		c.neither++
		return
	}
	args := []string{"run", model, "-q"}
	for i, v := range g.Inputs() {
		args = append(args, "-i", v.Name()+"="+filepath.Join(dir, "test_data_set_0", fmt.Sprintf("input_%d.pb", i)))
	}
	for _, kernels := range runtime.Kernels() {
		c.compare(filepath.Base(dir)+" "+kernels, append(slices.Clone(args), "--kernels", kernels))
	}
}

// train teaches three networks.
func (c *comparison) train(dataset string) error {
	for _, kernels := range runtime.Kernels() {
		for name, flags := range map[string][]string{
			"lenet5":     {"--epochs", "1"},
			"resnet20":   {"--epochs", "1", "--batch", "128", "--augment", "crop:4,flip", "--optimizer", "adamw", "--rate", "0.001"},
			"airbench94": {"--epochs", "1", "--batch", "256", "--label-smoothing", "0.1"},
		} {
			args := append([]string{"train", name, dataset, "-q", "--seed", "3", "--kernels", kernels}, flags...)
			c.compare("train "+name+" "+kernels, args)
		}
	}
	return nil
}

// compare runs a command line by both builds, each with a place of its own for what it writes, and compares these.
func (c *comparison) compare(what string, args []string) {
	var wrote [2]map[string]string
	var errs [2]error
	for i, program := range []string{c.old, c.new} {
		out := filepath.Join(c.dir, fmt.Sprint("out", i))
		target := out
		if args[0] == "train" {
			target = filepath.Join(out, "model.onnx")
			errs[i] = os.MkdirAll(out, 0o777)
		}
		var stderr bytes.Buffer
		cmd := exec.Command(program, append(slices.Clone(args), "-o", target)...)
		cmd.Stderr = &stderr
		if err := cmd.Run(); err != nil {
			errs[i] = fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
		}
		wrote[i] = files(out)
		if err := os.RemoveAll(out); err != nil {
			errs[i] = err
		}
	}
	switch {
	case errs[0] != nil && errs[1] != nil && errs[0].Error() == errs[1].Error():
		c.neither++
	case errs[0] != nil || errs[1] != nil:
		c.others++
		fmt.Printf("%s: %v | %v\n", what, errs[0], errs[1])
	case len(wrote[0]) == 0 || len(wrote[0]) != len(wrote[1]):
		c.others++
		fmt.Printf("%s: %d files | %d files\n", what, len(wrote[0]), len(wrote[1]))
	default:
		for name, data := range wrote[0] {
			if data != wrote[1][name] {
				c.others++
				fmt.Printf("%s: %s differs\n", what, name)
				return
			}
		}
		c.same++
	}
}

// files is the contents of the models and tensors of a folder; logs and pictures tell times.
func files(dir string) map[string]string {
	all := map[string]string{}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if ext := filepath.Ext(path); err != nil || ext != ".npy" && ext != ".onnx" {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		all[filepath.Base(path)] = string(data)
		return nil
	})
	return all
}

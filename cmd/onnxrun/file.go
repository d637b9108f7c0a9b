package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/exporter"
	"github.com/onnxrun/onnxrun/internal/atomicfile"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// forceFlag gives a command that writes files the flag that lets it replace some.
func forceFlag(cmd *cobra.Command, force *bool) {
	cmd.Flags().BoolVar(force, "force", false, "overwrite files that exist")
}

// output is a file that a command is to write.
type output struct {
	flag string // that names it, or what it is
	path string // empty: it is not asked for
	// again is that a run which goes on may replace it: it is that run's own, unless it is one of the inputs.
	again  bool
	inputs []string
	hint   string // what else than --force there is to do where it exists
}

// modelOutputs are the files of a model. A model of more than 2 GB has its weights beside it, asked for or not; g is nil
// where it is not yet known how large the model will be.
func modelOutputs(flag, path string, external bool, g *ir.Graph) []output {
	outs := []output{{flag: flag, path: path}}
	if external || g != nil && weightBytes(g) > singleFile {
		outs = append(outs, output{flag: "its weights", path: path + exporter.DataSuffix})
	}
	return outs
}

// singleFile is less than what a model of one file may have.
const singleFile = 2_000_000_000

// claim refuses, before any work, outputs that cannot be written, that are one file, or that exist, without force. If one of
// them is standard output, what the command has to say goes to standard error.
func (a *app) claim(force bool, outs ...output) error {
	outs = slices.DeleteFunc(outs, func(o output) bool { return o.path == "" })
	if err := distinct(outs); err != nil {
		return err
	}
	for _, o := range outs {
		if err := o.check(force); err != nil {
			return err
		}
	}
	for _, o := range outs {
		if err := atomicfile.Check(o.path); err != nil {
			return fmt.Errorf("%s: %w", o.flag, err)
		}
		if atomicfile.Stdout(o.path) {
			a.out, a.data = a.err, a.terminal
		}
	}
	return nil
}

// distinct refuses two outputs in one file.
func distinct(outs []output) error {
	paths := make([]string, len(outs))
	for i, o := range outs {
		paths[i] = o.path
	}
	if i, k, found := atomicfile.Twice(paths); found {
		return fmt.Errorf("%s and %s are one file, %q", outs[i].flag, outs[k].flag, outs[k].path)
	}
	return nil
}

// claimIn is claim for files in a folder that may have to be made.
func (a *app) claimIn(dir string, force bool, outs []output) error {
	if isFolder(dir) {
		return a.claim(force, outs...)
	}
	if kind, err := atomicfile.Look(dir); err != nil || kind != atomicfile.Absent {
		return cmp.Or(err, fmt.Errorf("-o %q: is no folder", dir))
	}
	for parent := filepath.Dir(dir); parent != dir && !isFolder(parent); parent = filepath.Dir(dir) {
		dir = parent
	}
	if err := atomicfile.Check(dir); err != nil {
		return fmt.Errorf("-o: %w", err)
	}
	return distinct(outs)
}

// check refuses a file that exists or that has no folder.
func (o *output) check(force bool) error {
	if o.path == "-" {
		return fmt.Errorf("%s -: expects the name of a file; standard output is /dev/stdout", o.flag)
	}
	kind, err := atomicfile.Look(o.path)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", o.flag, err)
	case kind == atomicfile.Folder:
		return fmt.Errorf("%s %q: is a folder", o.flag, o.path)
	case kind == atomicfile.Absent && !isFolder(filepath.Dir(o.path)):
		return fmt.Errorf("%s %q: there is no folder %q", o.flag, o.path, filepath.Dir(o.path))
	case force || kind != atomicfile.Regular && !isDisk(o.path):
		return nil
	}
	if !o.again {
		return fmt.Errorf("%s exists; --force overwrites it%s", o.path, o.hint)
	}
	for _, in := range o.inputs {
		if atomicfile.Same(in, o.path) {
			return fmt.Errorf("%s exists; --force overwrites it (it is read too: %s)", o.path, in)
		}
	}
	return nil
}

// isStream reports whether path is a device, a pipe or the like, which has no file beside it and is not read again.
func isStream(path string) bool {
	kind, err := atomicfile.Look(path)
	return err == nil && kind == atomicfile.Stream
}

// isDisk reports whether path is a device that keeps what is written.
func isDisk(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&os.ModeDevice != 0 && info.Mode()&os.ModeCharDevice == 0
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// weightBytes is the size of a model's constants.
func weightBytes(g *ir.Graph) (n int64) {
	for _, v := range g.Values() {
		if t := v.Const(); t != nil && t.DType() != tensor.String {
			n += int64(len(t.Bytes()))
		}
	}
	return n
}

// fileBytes is the size of the file of a model, and of that of its weights where they do not lie in the first; 0 if there is
// none.
func fileBytes(path string, g *ir.Graph) int64 {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	size := info.Size()
	if data, err := os.Stat(path + exporter.DataSuffix); err == nil && size < weightBytes(g) {
		size += data.Size()
	}
	return size
}

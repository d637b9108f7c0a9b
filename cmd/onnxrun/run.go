package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/internal/atomicfile"
	"github.com/onnxrun/onnxrun/internal/hostfile"
	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
)

func (a *app) runCommand() *cobra.Command {
	var inputs []string
	var dir string
	var force bool
	cmd := &cobra.Command{
		Use:   "run MODEL -i NAME=FILE… -o DIR",
		Short: "Run a model on any tensors and write every output as DIR/NAME.npy",
		Long: `Run a model on tensors from files (.npy, or .pb as ONNX writes them) and write
every output as DIR/NAME.npy. A model of one input takes -i FILE as well. MODEL or
one FILE may be - for standard input.`,
		Example: "  onnxrun run model.onnx -i input=x.npy -o out\n  onnxrun run model.onnx -i x.npy -o out --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			g, err := a.loadGraph(args[0])
			if err != nil {
				return err
			}
			files := outputFiles(dir, g)
			if err := a.claimIn(dir, force, files); err != nil {
				return err
			}
			in, err := a.readInputs(g, inputs)
			if err != nil {
				return err
			}
			opts, err := a.options()
			if err != nil {
				return err
			}
			s, err := runtime.Compile(cmd.Context(), g, opts)
			if err != nil {
				return err
			}
			defer s.Close()
			out, err := s.RunNamed(cmd.Context(), in)
			if err != nil {
				return err
			}
			return a.keep(cmd.Context(), dir, func() error { return a.writeOutputs(dir, files, s.Outputs(), out) })
		},
	}
	cmd.Flags().StringArrayVarP(&inputs, "input", "i", nil, "an input tensor, NAME=FILE (.npy or .pb)")
	cmd.Flags().StringVarP(&dir, "output", "o", "", "the folder to write the outputs to; made if needed")
	forceFlag(cmd, &force)
	cmd.MarkFlagRequired("output")
	return cmd
}

// readInputs reads the tensors of the -i flags.
func (a *app) readInputs(g *ir.Graph, flags []string) (map[string]*tensor.Tensor, error) {
	in := map[string]*tensor.Tensor{}
	for _, f := range flags {
		name, path, ok := strings.Cut(f, "=")
		if !ok {
			if len(g.Inputs()) != 1 {
				return nil, fmt.Errorf("run: -i %s: which of the model's %d inputs? write NAME=FILE", f, len(g.Inputs()))
			}
			name, path = g.Inputs()[0].Name(), f
		}
		if in[name] != nil {
			return nil, fmt.Errorf("run: input %q is given twice", name)
		}
		t, err := a.readTensor(path)
		if err != nil {
			return nil, err
		}
		in[name] = t
	}
	return in, nil
}

// maxTensor bounds the bytes of a tensor that is read from standard input.
const maxTensor = 2 << 30

// readTensor reads a file, or standard input, whose kind is seen by how it begins.
func (a *app) readTensor(path string) (*tensor.Tensor, error) {
	if path == "-" {
		in, err := a.standardInput("-i")
		if err != nil {
			return nil, err
		}
		data, err := hostfile.ReadAll(in, maxTensor)
		if err != nil {
			return nil, fmt.Errorf("run: -i: standard input: %w", err)
		}
		if bytes.HasPrefix(data, []byte("\x93NUMPY")) {
			return tensor.ReadNPY(bytes.NewReader(data))
		}
		t, _, err := importer.DecodeTensor(data)
		if err != nil {
			return nil, fmt.Errorf("run: -i: standard input: %w", err)
		}
		return t, nil
	}
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".pb":
		t, _, err := importer.ReadTensor(path)
		return t, err
	case ".npy":
		f, err := hostfile.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		t, err := tensor.ReadNPY(io.LimitReader(f, info.Size()))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", plain.Text(path, plain.Name), err)
		}
		return t, nil
	default:
		return nil, fmt.Errorf("run: %s: unknown kind of file %q, expects .npy or .pb", plain.Text(path, plain.Name), ext)
	}
}

// outputFiles are the files of a model's outputs, in their order.
func outputFiles(dir string, g *ir.Graph) (files []output) {
	for _, v := range g.Outputs() {
		files = append(files, output{flag: fmt.Sprintf("output %q", v.Name()), path: filepath.Join(dir, fileName(v.Name())+".npy")})
	}
	return files
}

func (a *app) writeOutputs(dir string, files []output, values []*ir.Value, out map[string]*tensor.Tensor) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	type row struct {
		Name  string `json:"name"`
		File  string `json:"file"`
		Type  string `json:"type"`
		Shape []int  `json:"shape"`
	}
	var rows []row
	for i, v := range values {
		t, path := out[v.Name()], files[i].path
		if err := atomicfile.Write(path, func(w io.Writer) error { return tensor.WriteNPY(w, t) }); err != nil {
			return err
		}
		rows = append(rows, row{v.Name(), path, t.DType().String(), t.Shape()})
		if !a.json {
			plain.Fprintf(a.out, "%s  %s%v\n", path, t.DType(), t.Shape())
		}
	}
	if a.json {
		return a.printJSON(map[string]any{"outputs": rows})
	}
	return nil
}

// fileName is a value's name with what a file name cannot hold replaced.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) || !unicode.IsGraphic(r) {
			return '_'
		}
		return r
	}, name)
}

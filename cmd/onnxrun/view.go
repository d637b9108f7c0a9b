package main

import (
	"context"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/internal/atomicfile"
	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/view"
)

// viewFlags are the flags of view.
type viewFlags struct {
	modelFlags
	out                 string
	profile, force, all bool
	runs                int
}

func (a *app) viewCommand() *cobra.Command {
	var f viewFlags
	cmd := &cobra.Command{
		Use:   "view MODEL [MODEL2]",
		Short: "Draw a model, or two side by side, as one page of HTML",
		Long: `Write a page of HTML that draws the graph: zoom, search, shapes, parameters and
MACs of every node. The page is one file, which needs no network and no server.

With two models they stand side by side, and nodes that were changed, removed or
added are marked. Nodes are matched by their names and those of their outputs.

With --profile the model is run on random input and every node is shown with its
time. Running fuses nodes: the time of a fused step, such as a convolution with
the activation after it, stands at the node that gave the step its name, and the
nodes fused into it have none.

Constants, and nodes that depend on nothing else, are not drawn; --all draws these
nodes. A file that exists is overwritten only with --force.`,
		Example: `  onnxrun view resnet50.onnx
  onnxrun view alexnet.onnx --profile --threads 1 -o alexnet.html
  onnxrun view before.onnx after.onnx -o compare.html`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error { return a.view(cmd.Context(), &f, args) },
	}
	f.add(cmd)
	cmd.Flags().StringVarP(&f.out, "output", "o", "", "the file to write, - for standard output; by default the model's name with .html, here")
	cmd.Flags().BoolVar(&f.profile, "profile", false, "run the model on random input and show times")
	cmd.Flags().IntVar(&f.runs, "runs", 20, "how many runs; times are medians")
	cmd.Flags().BoolVar(&f.all, "all", false, "draw nodes that depend on constants alone too")
	forceFlag(cmd, &f.force)
	return cmd
}

// view draws models, one or two.
func (a *app) view(ctx context.Context, f *viewFlags, args []string) error {
	if f.out == "" {
		f.out = pageName(args)
	}
	if !a.json && f.out != "-" {
		if err := a.claim(f.force, output{flag: "-o", path: f.out}); err != nil {
			return err
		}
	}
	var models []*view.Model
	for _, arg := range args {
		m, err := a.describe(ctx, arg, f)
		if err != nil {
			return err
		}
		models = append(models, m)
	}
	if len(models) == 2 && models[0].Title == models[1].Title {
		models[0].Title, models[1].Title = args[0], args[1]
	}
	switch {
	case a.json:
		return a.printJSON(description(models))
	case f.out == "-":
		return view.Write(a.data, models...)
	}
	err := a.keep(ctx, f.out, func() error {
		return atomicfile.Write(f.out, func(w io.Writer) error { return view.Write(w, models...) })
	})
	if err != nil {
		return err
	}
	plain.Fprintf(a.out, "%v\n", f.out)
	return nil
}

// describe reads a model and says what there is to show of it.
func (a *app) describe(ctx context.Context, path string, f *viewFlags) (*view.Model, error) {
	g, err := a.loadGraph(path)
	if err != nil {
		return nil, err
	}
	if err := f.setShapes(g); err != nil {
		return nil, err
	}
	var steps []runtime.StepProfile
	if f.profile {
		if steps, err = a.profileGraph(ctx, g, f); err != nil {
			return nil, err
		}
	}
	m, err := view.Describe(g, modelTitle(path), f.all)
	if err != nil {
		return nil, err
	}
	m.SetProfile(drawn(steps))
	return m, nil
}

// drawn is the steps of a profiled run as a page shows them.
func drawn(steps []runtime.StepProfile) []view.Step {
	list := make([]view.Step, 0, len(steps))
	for _, s := range steps {
		step := view.Step{Node: s.Node.Name, Op: s.Node.OpName(), Algorithm: s.Algorithm, Micros: s.Time.Seconds() * 1e6}
		if v := s.Node.Out(0); v != nil {
			step.Value = v.Name()
		}
		list = append(list, step)
	}
	return list
}

// setShapes gives the inputs the shapes that flags ask for.
func (f *viewFlags) setShapes(g *ir.Graph) error {
	if len(f.shapes) == 0 && f.batch == 1 {
		return nil
	}
	in, err := f.inputs(g.Inputs())
	if err != nil {
		return err
	}
	for i, v := range g.Inputs() {
		if err := g.SetInputType(v, ir.TensorType(in[i])); err != nil {
			return err
		}
	}
	return g.InferAll()
}

// profileGraph runs a graph on random input.
func (a *app) profileGraph(ctx context.Context, g *ir.Graph, f *viewFlags) ([]runtime.StepProfile, error) {
	opts, err := a.options()
	if err != nil {
		return nil, err
	}
	s, err := runtime.Compile(ctx, g, opts)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	known := f.modelFlags
	known.shapes = nil // the graph has them by now
	in, err := known.inputs(s.Inputs())
	if err != nil {
		return nil, err
	}
	if _, err := s.Profile(ctx, 2, in...); err != nil { // caches and clocks come up
		return nil, err
	}
	return s.Profile(ctx, f.runs, in...)
}

// description is what --json prints.
func description(models []*view.Model) any {
	if len(models) == 1 {
		return models[0]
	}
	return map[string]any{"models": models, "comparison": view.Compare(models[0], models[1])}
}

// modelTitle is a model's file name without .onnx; "" for standard input.
func modelTitle(path string) string {
	if path == "-" {
		return ""
	}
	return strings.TrimSuffix(filepath.Base(path), ".onnx")
}

// pageName is the page's name where none is given.
func pageName(args []string) string {
	var names []string
	for _, arg := range args {
		name := modelTitle(arg)
		if name == "" {
			name = "model"
		}
		names = append(names, name)
	}
	return strings.Join(names, "-") + ".html"
}

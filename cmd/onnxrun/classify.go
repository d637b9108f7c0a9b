package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun"
	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/vision"
)

// imageFlags are the flags that say how images are prepared and what classes are called.
type imageFlags struct {
	preset    string
	mean, std []float64
	size      []int
	bgr       bool
	labels    string
}

func (f *imageFlags) add(cmd *cobra.Command) {
	f.addPreprocess(cmd)
	cmd.Flags().StringVar(&f.labels, "labels", "", "the names of the classes: a file, a line each or JSON; or imagenet, cifar10, digits")
}

// addPreprocess adds those that say how images are prepared.
func (f *imageFlags) addPreprocess(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.preset, "preset", "", "how images are prepared: "+strings.Join(vision.PresetNames(), ", "))
	flags.Float64SliceVar(&f.mean, "mean", nil, "what is subtracted from each channel, in the model's units: M or R,G,B")
	flags.Float64SliceVar(&f.std, "std", nil, "what each channel is divided by: S or R,G,B")
	flags.IntSliceVar(&f.size, "size", nil, "the size that images are brought to: N or W,H")
	flags.BoolVar(&f.bgr, "bgr", false, "channels in the order blue, green, red")
}

// open opens the MODEL argument with what the flags say; flags override what the model says of itself. What was guessed is
// told.
func (f *imageFlags) open(a *app, cmd *cobra.Command, arg string) (*onnxrun.Model, error) {
	g, err := a.loadGraph(arg)
	if err != nil {
		return nil, err
	}
	how, err := a.options()
	if err != nil {
		return nil, err
	}
	labels, err := a.labelList(f.labels)
	if err != nil {
		return nil, err
	}
	spec, guessed, err := f.preprocess(cmd, g)
	if err != nil {
		return nil, err
	}
	opts := onnxrun.Options{Labels: labels, Runtime: how}
	if f.given(cmd) || guessed != "" {
		opts.Preprocess = &spec
	}
	m, err := onnxrun.NewModel(g, opts)
	if err != nil {
		return nil, err
	}
	if guessed != "" {
		a.noteGuess(guessed, spec)
	}
	for _, n := range m.Notes() {
		a.note("note: %s", n)
	}
	return m, nil
}

// noteGuess tells how images are prepared where that had to be guessed.
func (a *app) noteGuess(why string, s vision.Spec) {
	a.note("note: preprocessing is a guess (%s; --preset chooses another): %v", why, s)
}

// given reports whether flags say how images are prepared.
func (f *imageFlags) given(cmd *cobra.Command) bool { return f.preset != "" || f.single(cmd) }

// single reports whether flags say a part of how images are prepared.
func (f *imageFlags) single(cmd *cobra.Command) bool {
	return f.mean != nil || f.std != nil || f.size != nil || cmd.Flags().Changed("bgr")
}

// preprocess is how images are prepared for a model: as flags say, else as it says itself; guessed says from what it had to be
// guessed.
func (f *imageFlags) preprocess(cmd *cobra.Command, g *ir.Graph) (s vision.Spec, guessed string, err error) {
	var preset *vision.Spec
	if f.preset != "" {
		p, err := vision.Preset(f.preset)
		if err != nil {
			return s, "", err
		}
		preset = &p
	}
	s, guessed, err = modelinfo.Preprocess(g, preset)
	if err != nil || !f.single(cmd) {
		return s, guessed, err
	}
	if s, err = f.override(s, cmd.Flags().Changed("bgr")); err != nil {
		return s, "", err
	}
	return modelinfo.Preprocess(g, &s)
}

func (a *app) classifyCommand() *cobra.Command {
	var flags imageFlags
	var top int
	cmd := &cobra.Command{
		Use:   "onnxrun MODEL IMAGE…",
		Short: "Run ONNX vision models: classify images, take features, inspect models",
		Long: `Classify images: for each one, the most probable classes with their
probabilities. MODEL is an ONNX file; IMAGE is a PNG, JPEG, GIF, WebP, BMP or TIFF
file; one of them may be - for standard input.

How images are prepared and what the classes are called come from the flags,
else from the model's own metadata, else they are guessed, and the guess is
printed.`,
		Example: `  onnxrun testdata/lenet5.onnx testdata/seven.png
  onnxrun resnet50.onnx cat.jpg dog.jpg --top 3 --json
  onnxrun caffenet.onnx cat.jpg --preset imagenet-caffe`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch len(args) {
			case 0:
				return cmd.Help()
			case 1:
				if _, err := os.Stat(args[0]); err != nil && args[0] != "-" {
					return fmt.Errorf("unknown command or missing file %q; see onnxrun --help", args[0])
				}
				return fmt.Errorf("which image? usage: onnxrun MODEL IMAGE…; what the model is: onnxrun info %s", args[0])
			}
			if top < 1 {
				return fmt.Errorf("--top %d: must be at least 1", top)
			}
			m, err := flags.open(a, cmd, args[0])
			if err != nil {
				return err
			}
			defer m.Close()
			return a.classify(cmd, m, args[1:], top)
		},
	}
	flags.add(cmd)
	cmd.Flags().IntVar(&top, "top", 5, "how many classes to print")
	return cmd
}

// readImage reads the IMAGE argument: a file, or "-" for standard input.
func (a *app) readImage(arg string) (*vision.Image, error) {
	if arg != "-" {
		return vision.DecodeFile(arg)
	}
	in, err := a.standardInput("IMAGE")
	if err != nil {
		return nil, err
	}
	img, err := vision.Decode(in)
	if err != nil {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	return img, nil
}

type classified struct {
	Image       string               `json:"image"`
	Predictions []onnxrun.Prediction `json:"predictions"`
}

// classify runs the images one after the other, so that each answer is printed as soon as it is known.
func (a *app) classify(cmd *cobra.Command, m *onnxrun.Model, paths []string, top int) error {
	var all []classified
	for _, path := range paths {
		img, err := a.readImage(path)
		if err != nil {
			return err
		}
		p, err := m.Classify(cmd.Context(), top, img)
		if err != nil {
			return fmt.Errorf("%s: %w", plain.Text(path, plain.Name), err)
		}
		if a.json {
			all = append(all, classified{path, p[0]})
			continue
		}
		if len(paths) > 1 {
			plain.Fprintf(a.out, "%s\n", path)
		}
		for _, s := range p[0] {
			label := s.Label
			if label == "" {
				label = fmt.Sprintf("class %d", s.Index)
			}
			plain.Fprintf(a.out, "%7.3f %%  %s\n", 100*s.Probability, label)
		}
	}
	if a.json {
		return a.printJSON(all)
	}
	return nil
}

// spec is how images are prepared where a flag says so, else nil.
func (f *imageFlags) spec(cmd *cobra.Command, g *ir.Graph) (*vision.Spec, error) {
	if !f.given(cmd) {
		return nil, nil
	}
	s, _, err := f.preprocess(cmd, g)
	return &s, err
}

// override is a Spec with what single flags say.
func (f *imageFlags) override(s vision.Spec, bgrSet bool) (vision.Spec, error) {
	if f.mean != nil {
		s.Mean = f.mean
	}
	if f.std != nil {
		s.Std = f.std
	}
	switch len(f.size) {
	case 0:
	case 1:
		s = s.WithSize(f.size[0], f.size[0])
	case 2:
		s = s.WithSize(f.size[0], f.size[1])
	default:
		return s, fmt.Errorf("--size %v: expects N or W,H", f.size)
	}
	if bgrSet {
		s.Order = "rgb"
		if f.bgr {
			s.Order = "bgr"
		}
	}
	return s, s.Check()
}

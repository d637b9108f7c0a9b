package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun"
	"github.com/onnxrun/onnxrun/internal/atomicfile"
	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/vision"
)

// evalFlags are the flags of eval.
type evalFlags struct {
	image            imageFlags
	split            string
	batch            int
	strictData       bool
	confusion, worst string
	worstCount       int
	force            bool
}

// evaluated is the result of eval as JSON.
type evaluated struct {
	Dataset string `json:"dataset"`
	Split   string `json:"split"`
	*onnxrun.Evaluation
}

func (a *app) evalCommand() *cobra.Command {
	var f evalFlags
	cmd := &cobra.Command{
		Use:   "eval MODEL DATASET",
		Short: "Measure a model on a data set: accuracy, per class, confusion matrix, worst images",
		Long: `Classify all images of a data set and compare with their classes: top-1 and
top-5 accuracy, loss, recall and precision of each class, the confusion matrix.
DATASET is a folder with a folder for each class, a .tar of the same, IDX files or
a .csv of path,label lines; folders train, val and test above those of the classes
split it.

Classes are the model's labels of the same names, whatever their case; else, where
there are as many, they are matched by their order, which is told. Images that
cannot be read are left out and named; --strict-data makes them an error.`,
		Example: `  onnxrun eval testdata/lenet5.onnx testdata/digits.csv
  onnxrun eval resnet18.onnx flowers/ --split val --confusion confusion.png
  onnxrun eval model.onnx flowers.tar --worst worst.png --worst-count 36
  onnxrun eval model.onnx labels.csv --json | jq .top1`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(a, cmd, args[0], args[1]) },
	}
	f.image.add(cmd)
	forceFlag(cmd, &f.force)
	flags := cmd.Flags()
	flags.StringVar(&f.split, "split", "", "the part to take: test, val, train or all (default test, else val, else all)")
	flags.IntVar(&f.batch, "batch", onnxrun.DefaultEvaluateBatch, "how many images run at once; a model of a fixed batch takes its own")
	flags.BoolVar(&f.strictData, "strict-data", false, "an image that cannot be read is an error")
	flags.StringVar(&f.confusion, "confusion", "", "a .png to write the confusion matrix to")
	flags.StringVar(&f.worst, "worst", "", "a .png to write the worst images to, those whose true class has the least probability")
	flags.IntVar(&f.worstCount, "worst-count", 25, "how many of the worst images are told and drawn")
	return cmd
}

// run measures a model on a data set, and prints and draws what came of it.
func (f *evalFlags) run(a *app, cmd *cobra.Command, model, dataset string) error {
	if err := f.check(); err != nil {
		return err
	}
	if err := a.claim(f.force, output{flag: "--confusion", path: f.confusion}, output{flag: "--worst", path: f.worst}); err != nil {
		return err
	}
	data, err := vision.OpenDataset(dataset)
	if err != nil {
		return err
	}
	defer data.Close()
	part, split, err := f.part(data)
	if err != nil {
		return err
	}
	m, err := f.image.open(a, cmd, model)
	if err != nil {
		return err
	}
	defer m.Close()
	e, err := f.evaluate(a, cmd, m, part)
	if err != nil {
		return err
	}
	if err := f.pictures(cmd.Context(), a, e, part); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(evaluated{dataset, split, e})
	}
	return a.printEvaluation(e, split)
}

func (f *evalFlags) check() error {
	for flag, path := range map[string]string{"--confusion": f.confusion, "--worst": f.worst} {
		if path != "" && !strings.HasSuffix(strings.ToLower(path), ".png") {
			return fmt.Errorf("%s %q: expects the name of a .png", flag, path)
		}
	}
	if f.batch < 1 {
		return fmt.Errorf("--batch %d: must be at least 1", f.batch)
	}
	if f.worstCount < 0 || f.worstCount > 400 || f.worstCount == 0 && f.worst != "" {
		return fmt.Errorf("--worst-count %d: expects 1 to 400", f.worstCount)
	}
	return nil
}

// part is the part of the data set that is asked for, and its name.
func (f *evalFlags) part(data *vision.Dataset) (part *vision.Dataset, name string, err error) {
	switch f.split {
	case "":
		for _, name := range []string{vision.Test, vision.Val} {
			if part := data.Split(name); part.Len() > 0 {
				return part, name, nil
			}
		}
		return data, "all", nil
	case "all":
		return data, "all", nil
	}
	if part = data.Split(f.split); part.Len() == 0 {
		has := "it is not split"
		if splits := data.Splits(); len(splits) > 0 {
			has = "it has " + strings.Join(splits, ", ")
		}
		return nil, "", fmt.Errorf("data set %q: no images in split %q; %s", data.Name(), f.split, has)
	}
	return part, f.split, nil
}

func (f *evalFlags) evaluate(a *app, cmd *cobra.Command, m *onnxrun.Model, data *vision.Dataset) (*onnxrun.Evaluation, error) {
	doing, done := a.progress()
	defer done()
	return onnxrun.Evaluate(cmd.Context(), m, data, onnxrun.EvaluateOptions{
		Batch: f.batch, Worst: f.worstCount, Strict: f.strictData,
		Progress: func(n, total int) { doing(fmt.Sprintf("image %d of %d", n, total)) },
	})
}

// pictures writes those that are asked for.
func (f *evalFlags) pictures(ctx context.Context, a *app, e *onnxrun.Evaluation, data *vision.Dataset) error {
	for _, p := range []struct {
		flag, path string
		write      func(io.Writer) error
	}{{"--confusion", f.confusion, e.WriteConfusion}, {"--worst", f.worst, func(w io.Writer) error { return e.WriteWorst(w, data) }}} {
		if p.path == "" {
			continue
		}
		if err := a.keep(ctx, p.path, func() error { return atomicfile.Write(p.path, p.write) }); err != nil {
			return fmt.Errorf("%s: %w", p.flag, err)
		}
	}
	return nil
}

// The bounds of what is readable as text.
const (
	maxTextMatrix   = 20 // classes
	worstConfusions = 15
	matrixWidth     = 100 // characters of all columns
)

func (a *app) printEvaluation(e *onnxrun.Evaluation, split string) error {
	for _, note := range e.Notes {
		a.note("note: %s", note)
	}
	plain.Fprintf(a.out, "%s: %d images of %d classes, %.0f images/s\n", split, e.Images, len(e.Classes), float64(e.Images)/max(e.Seconds, 1e-9))
	plain.Fprintf(a.out, "top-1 %8.2f %%\n", 100*e.Top1)
	if len(e.Classes) > 5 {
		plain.Fprintf(a.out, "top-5 %8.2f %%\n", 100*e.Top5)
	}
	plain.Fprintf(a.out, "loss  %8.4f\n\n", e.Loss)
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	plain.Cells(w, "IMAGES\tRECALL\tPRECISION\t  CLASS\n")
	for _, c := range e.Classes {
		plain.Cells(w, "%d\t%.2f %%\t%.2f %%\t  %s\n", c.Images, 100*c.Recall, 100*c.Precision, c.Name)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(e.Classes) <= maxTextMatrix {
		a.printMatrix(e)
	} else {
		a.printConfusions(e)
	}
	if len(e.Broken) > 0 {
		plain.Fprintf(a.out, "\nleft out, because they cannot be read: %d\n", len(e.Broken))
		for _, b := range e.Broken {
			plain.Fprintf(a.out, "  %s\n", strings.TrimPrefix(b, "vision: "))
		}
	}
	return nil
}

// printMatrix prints the confusion matrix, a dot for 0.
func (a *app) printMatrix(e *onnxrun.Evaluation) {
	var heads []string
	var rows [][]int
	others, side := false, 4
	for i, c := range e.Classes {
		heads = append(heads, c.Name)
		rows = append(rows, append(slices.Clone(e.Confusion[i]), c.Elsewhere))
		others = others || c.Elsewhere > 0
		side = min(max(side, len([]rune(c.Name))), 24)
	}
	if others {
		heads = append(heads, "others")
	}
	width, most := 1, min(12, max(4, matrixWidth/len(heads)-2))
	for _, h := range heads {
		width = max(width, len([]rune(first(h, most))))
	}
	for _, n := range slices.Concat(rows...) {
		width = max(width, len(strconv.Itoa(n)))
	}
	plain.Fprintf(a.out, "\nconfusion matrix: a row for each true class, a column for each predicted one\n%*s", side, "")
	for _, h := range heads {
		plain.Fprintf(a.out, "  %*s", width, first(h, most))
	}
	plain.Fprintf(a.out, "\n")
	for i, row := range rows {
		plain.Fprintf(a.out, "%-*s", side, first(e.Classes[i].Name, side))
		for _, n := range row[:len(heads)] {
			text := "·"
			if n > 0 {
				text = strconv.Itoa(n)
			}
			plain.Fprintf(a.out, "  %*s", width, text)
		}
		plain.Fprintf(a.out, "\n")
	}
}

// first is at most the first n characters.
func first(name string, n int) string {
	r := []rune(plain.Text(name, plain.Cell))
	return string(r[:min(len(r), n)])
}

// printConfusions prints the classes that are most often taken for one another.
func (a *app) printConfusions(e *onnxrun.Evaluation) {
	type pair struct{ n, of, from, to int }
	var pairs []pair
	for i, row := range e.Confusion {
		for j, n := range row {
			if i != j && n > 0 {
				pairs = append(pairs, pair{n, e.Classes[i].Images, i, j})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(b.n, a.n) })
	if len(pairs) == 0 {
		return
	}
	plain.Fprintf(a.out, "\nmost frequent confusions:\n")
	for _, p := range pairs[:min(len(pairs), worstConfusions)] {
		plain.Fprintf(a.out, "%6d of %d  %s → %s\n", p.n, p.of, e.Classes[p.from].Name, e.Classes[p.to].Name)
	}
}

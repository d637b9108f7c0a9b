package train_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/exporter"
	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/passes"
	"github.com/onnxrun/onnxrun/train"
	"github.com/onnxrun/onnxrun/zoo"
)

// Every network of the zoo can be taught after each operation on it: as it is built, and in the form for inference that a
// file has when batch normalization has gone into the weights and Dropout away.
func TestSurgeryOfTheZoo(t *testing.T) {
	for _, name := range zoo.Names() {
		for form, level := range map[string]passes.Level{"built": passes.O0, "exact": passes.O1, "inference": passes.O2} {
			if level == passes.O2 && (name == "alexnet" || name == "alexnet-torch" || name == "vgg16" || name == "vit_b_16") {
				continue // hundreds of megabytes that have no batch normalization
			}
			t.Run(name+"/"+form, func(t *testing.T) {
				g, err := zoo.Build(name, zoo.Options{})
				require.NoError(t, err)
				_, err = passes.Optimize(t.Context(), g, passes.Options{Level: level})
				require.NoError(t, err)
				if level == passes.O2 {
					g = reread(t, g)
				}
				operate(t, g)
				teach(t, g)
			})
		}
	}
}

// reread is g from a file.
func reread(t *testing.T, g *ir.Graph) *ir.Graph {
	t.Helper()
	var file bytes.Buffer
	require.NoError(t, exporter.Write(&file, g, exporter.Options{}))
	g, err := importer.Read(&file)
	require.NoError(t, err)
	return g
}

// operate makes of g what fine-tuning may: another classifier, Dropout before it, last layers begun anew, parts.
func operate(t *testing.T, g *ir.Graph) {
	t.Helper()
	n, err := train.Classifier(g)
	require.NoError(t, err)
	_, err = train.ReplaceClassifier(g, n, 7, 1)
	require.NoError(t, err)
	require.NoError(t, ir.Verify(g))
	out := g.OutputType(g.Outputs()[0]).Shape
	require.Equal(t, ir.Shape{ir.Symbol("N"), ir.Known(7)}, out)
	_, err = train.AddDropout(g, 0.5)
	require.NoError(t, err)
	names, err := train.Reinit(g, 3, 1)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(names), 3)
	require.NoError(t, ir.Verify(g))

	n, err = train.Classifier(g)
	require.NoError(t, err)
	_, boundary, err := train.FrozenUpTo(g, n.In(0).Name())
	require.NoError(t, err)
	require.Equal(t, []*ir.Value{n.In(0)}, boundary)
	front, back, err := train.SplitAt(g, n.In(0))
	require.NoError(t, err)
	require.NoError(t, ir.Verify(front))
	require.NoError(t, ir.Verify(back))
	joined, err := train.Join(front, back)
	require.NoError(t, err)
	require.NoError(t, ir.Verify(joined))
	require.Equal(t, len(g.Nodes()), len(joined.Nodes()))
}

// teach makes the gradients of all parameters.
func teach(t *testing.T, g *ir.Graph) {
	t.Helper()
	_, err := train.Prepare(g, nil)
	require.NoError(t, err)
	params := train.Parameters(g)
	require.NotEmpty(t, params)
	scores, err := train.Scores(g)
	require.NoError(t, err)
	_, err = train.Free(g, params...)
	require.NoError(t, err)
	loss := appendNode(t, g, &ops.ReduceSum{}, scores)
	gradients, err := train.Differentiate(g, loss, params)
	require.NoError(t, err)
	require.NoError(t, ir.Verify(g))
	for i, p := range params {
		require.True(t, p.Type().Accepts(gradients[i].Type()), p.Name())
	}
}

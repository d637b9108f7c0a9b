package importer

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

func FuzzImport(f *testing.F) {
	m := model(13, node("Add", "x,w", "a"), node("Conv", "a,w", "b"), node("Squeeze", "a", "y"))
	m.Graph.Initializer = []*onnxpb.TensorProto{rawTensor("w", tensor.Float32, make([]byte, 80), 10, 2)}
	f.Add(encode(f, m))
	f.Add(encode(f, model(1, node("Softmax", "x", "y"), node("Reshape", "x", "z", ints("shape", 0, -1)))))
	f.Add(encode(f, model(9, node("Upsample", "x,w", "y"), node("BatchNormalization", "x,w,w,w,w", "z"))))
	loop := node("Loop", "m,c,x", "y", &onnxpb.AttributeProto{Name: "body", Type: onnxpb.AttributeProto_GRAPH, G: m.Graph})
	f.Add(encode(f, model(16, loop)))
	if lenet, err := os.ReadFile("../testdata/lenet5.onnx"); err == nil {
		f.Add(lenet)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := Read(bytes.NewReader(data))
		if err != nil {
			require.True(t, strings.HasPrefix(err.Error(), "importer: "), err)
			return
		}
		require.NoError(t, ir.Verify(g))
	})
}

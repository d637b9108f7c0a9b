package ops

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
)

func TestTableIsSortedAndComplete(t *testing.T) {
	require.True(t, slices.IsSortedFunc(table[:], func(a, b *ir.Def) int { return strings.Compare(a.Name, b.Name) }))
	for _, d := range table {
		require.Same(t, d, d.New().Def(), d.Name)
		require.Same(t, d, Lookup("ai.onnx", d.Name))
		require.NotEmpty(t, d.Doc, d.Name)
		require.NotNil(t, d.Infer, d.Name)
		require.NotNil(t, d.Eval, d.Name)
		require.NotEmpty(t, d.Since, d.Name)
		require.True(t, slices.IsSorted(d.Since), d.Name)
		require.LessOrEqual(t, d.Since[len(d.Since)-1], Opset, d.Name)
		for _, p := range append(slices.Clone(d.Ins), d.Outs...) {
			require.NotEmpty(t, p.Type, "%s: %s", d.Name, p.Name)
		}
	}
	for _, d := range fused {
		require.Same(t, d, d.New().Def(), d.Name)
		require.NotNil(t, d.Downgrade, "%s: no file can be written with it", d.Name)
	}
	require.Nil(t, Lookup("com.example", "Relu"))
	require.Nil(t, Lookup("", "NoSuchOperator"))
}

// A file without an underscore in its name is an operator's, but for the table.
func TestOneFileForEachOperator(t *testing.T) {
	want := []string{"table.go"}
	for _, d := range slices.Concat(All(), Made()) {
		want = append(want, strings.ToLower(d.Name)+".go")
	}
	slices.Sort(want)
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	files = slices.DeleteFunc(files, func(name string) bool { return strings.Contains(name, "_") })
	require.Equal(t, want, files)
}

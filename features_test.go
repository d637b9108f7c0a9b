package onnxrun

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/tensor"
)

// Names in a table are text and numbers are numbers, whatever a spreadsheet would make of them, and both are read back.
func TestCSVHasNoFormulas(t *testing.T) {
	formulas := []string{
		"=1+1.png", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\"=1", `" =1`, " =1", "\u00a0=1", "\ufeff=1", "＝1", "'=1", "'quoted'",
	}
	harmless := []string{"cat.jpg", "", " ", "a=1", "dir/-1.png", "日本", "\"", "1-1"}
	names := append(append([]string{}, formulas...), harmless...)
	data := tensor.New(tensor.Float32, len(names), 2)
	for i := range tensor.Data[float32](data) {
		tensor.Data[float32](data)[i] = -1.5
	}
	var text bytes.Buffer
	require.NoError(t, (&FeatureSet{Layer: "x", Images: names, Data: data}).WriteCSV(&text))
	rows, err := csv.NewReader(&text).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"image", "f0", "f1"}, rows[0])
	for i, row := range rows[1:] {
		require.Equal(t, []string{"-1.5", "-1.5"}, row[1:])
		require.Equal(t, i < len(formulas), strings.HasPrefix(row[0], "'"), "%q", names[i])
		// encoding/csv reads \r\n in quotes as \n, but a lone \r as it is.
		require.Equal(t, names[i], strings.TrimPrefix(row[0], "'"))
	}
}

package onnxrun

import (
	"encoding/csv"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"

	"github.com/onnxrun/onnxrun/internal/atomicfile"
	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/tensor"
)

// FeatureSet is the activations of one layer for a list of images.
type FeatureSet struct {
	Layer  string
	Images []string       // one name for each row
	Data   *tensor.Tensor // float32; the first dimension is the image
}

// Save writes the set as a file of the kind that its name ends in: .npy (the tensor alone), .csv (image, then one column
// for each number) or .parquet (columns image and features, a list). The file appears whole or not at all.
func (f *FeatureSet) Save(path string) error {
	var write func(io.Writer) error
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".npy":
		write = func(w io.Writer) error { return tensor.WriteNPY(w, f.Data) }
	case ".csv":
		write = f.WriteCSV
	case ".parquet":
		write = f.WriteParquet
	default:
		return fmt.Errorf("onnxrun: %s: unknown kind of file %q, expects .npy, .csv or .parquet", plain.Text(path, plain.Name), ext)
	}
	if err := atomicfile.Write(path, write); err != nil {
		return fmt.Errorf("onnxrun: %w", err)
	}
	return nil
}

// WriteCSV writes a header line and a line for each image. A name that a spreadsheet would take for a formula, because it
// begins with = + - @ or a character that such a program skips, has an apostrophe before it, and so has one that begins with
// an apostrophe: who reads the file drops one from the beginning of a name.
func (f *FeatureSet) WriteCSV(w io.Writer) error {
	data, width := f.rows()
	out := csv.NewWriter(w)
	row := make([]string, width+1)
	row[0] = "image"
	for i := range width {
		row[i+1] = "f" + strconv.Itoa(i)
	}
	if err := out.Write(row); err != nil {
		return err
	}
	for i, name := range f.Images {
		row[0] = csvText(name)
		for j, v := range data[i*width : (i+1)*width] {
			row[j+1] = strconv.FormatFloat(float64(v), 'g', -1, 32)
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// csvText is a text as a cell that no spreadsheet runs.
func csvText(s string) string {
	skipped := strings.TrimLeft(s, "\"` \u00a0\u200b\ufeff")
	first, size := utf8.DecodeRuneInString(skipped)
	if strings.HasPrefix(s, "'") || size > 0 && strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) { // the full-width forms too
		return "'" + s
	}
	return s
}

type parquetRow struct {
	Image    string    `parquet:"image"`
	Features []float32 `parquet:"features,list"`
}

// WriteParquet writes one row for each image.
func (f *FeatureSet) WriteParquet(w io.Writer) error {
	data, width := f.rows()
	out := parquet.NewGenericWriter[parquetRow](w)
	for i, name := range f.Images {
		if _, err := out.Write([]parquetRow{{name, data[i*width : (i+1)*width]}}); err != nil {
			return err
		}
	}
	return out.Close()
}

func (f *FeatureSet) rows() (data []float32, width int) {
	data = tensor.Data[float32](f.Data)
	if n := len(f.Images); n > 0 {
		width = len(data) / n
	}
	return data, width
}

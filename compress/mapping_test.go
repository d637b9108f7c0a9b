package compress

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/exporter"
	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	onnxruntime "github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/zoo"
)

// A model that is read from anywhere but a file keeps its weights, whatever kernels make of them: they are Go's memory,
// which nobody may give back to the system.
func TestWeightsSurviveCompiling(t *testing.T) {
	g, err := zoo.Build("resnet20", zoo.Options{Seed: 3})
	require.NoError(t, err)
	var file bytes.Buffer
	require.NoError(t, exporter.Write(&file, g, exporter.Options{}))
	path := filepath.Join(t.TempDir(), "m.onnx")
	require.NoError(t, os.WriteFile(path, file.Bytes(), 0o644))

	fromFile, err := importer.Open(path)
	require.NoError(t, err)
	fromReader, err := importer.Read(bytes.NewReader(file.Bytes()))
	require.NoError(t, err)
	fromBytes, err := importer.ReadBytes(bytes.Clone(file.Bytes()))
	require.NoError(t, err)
	in := randomSets(t, g, 1)[0]
	var want *tensor.Tensor
	for i, m := range []*ir.Graph{fromFile, fromReader, fromBytes} {
		seal := ir.NewSeal(m)
		for range 3 {
			s, err := onnxruntime.Compile(t.Context(), m, onnxruntime.Options{Threads: 2})
			require.NoError(t, err)
			out, err := s.Run(t.Context(), in...)
			require.NoError(t, err)
			s.Close()
			if want == nil {
				want = out[0]
			}
			require.True(t, want.Equal(out[0]), "model %d", i)
		}
		require.NoError(t, seal.Check())
		var again bytes.Buffer
		require.NoError(t, exporter.Write(&again, m, exporter.Options{}))
		require.True(t, bytes.Equal(file.Bytes(), again.Bytes()))
	}
}

// largeModel writes a model of 36 MB, which is mapped, whose weights kernels read where they lie.
func largeModel(t *testing.T, path string) {
	g, err := ir.Parse(`graph "large" opset 21 (%x: float32[N,4096]) -> (%z) {
  %a: float32[4096,1152] = const splat(0.5)
  %b: float32[1152,4096] = const splat(0.25)
  %y = MatMul(%x, %a) "first"
  %z = MatMul(%y, %b) "second"
}`, ops.Lookup)
	require.NoError(t, err)
	require.NoError(t, exporter.WriteFile(g, path, exporter.Options{}))
	past := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(path, past, past))
}

// What happens to a mapped file while a session is in use is told, or does not matter; it never ends the process, and never
// changes an answer.
func TestFilesThatChangeInUse(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the system refuses such changes of a mapped file")
	}
	overwrite := func(at int64) func(string) error {
		return func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteAt(bytes.Repeat([]byte{1}, 4096), at)
			return err
		}
	}
	for name, c := range map[string]struct {
		change func(string) error
		fails  bool
		from   int // of the numbers of threads that are tried
	}{
		"truncated":   {func(p string) error { return os.Truncate(p, 20<<20) }, true, 0},
		"emptied":     {func(p string) error { return os.Truncate(p, 0) }, true, 1},
		"overwritten": {overwrite(30 << 20), true, 1},
		"deleted":     {os.Remove, false, 1},
		"replaced": {func(p string) error {
			if err := os.WriteFile(p+"2", []byte("x"), 0o644); err != nil {
				return err
			}
			return os.Rename(p+"2", p)
		}, false, 1},
	} {
		for _, threads := range []int{1, 2}[c.from:] {
			t.Run(fmt.Sprint(name, threads), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "large.onnx")
				largeModel(t, path)
				g, err := importer.Open(path)
				require.NoError(t, err)
				s, err := onnxruntime.Compile(t.Context(), g, onnxruntime.Options{Threads: threads})
				require.NoError(t, err)
				defer s.Close()
				x := tensor.FromSlice(ones(4096), 1, 4096)
				before, err := s.Run(t.Context(), x)
				require.NoError(t, err)
				require.NoError(t, c.change(path))
				many := tensor.FromSlice(ones(8*4096), 8, 4096) // for which there is no plan yet
				for _, in := range []*tensor.Tensor{x, many} {
					after, err := s.Run(t.Context(), in)
					if !c.fails {
						require.NoError(t, err)
						require.Equal(t, tensor.Data[float32](before[0])[:4096], tensor.Data[float32](after[0])[:4096])
						continue
					}
					var changed *importer.ChangedError
					require.ErrorAs(t, err, &changed)
					require.Equal(t, path, changed.Path)
				}
				_, compiling := onnxruntime.Compile(t.Context(), g, onnxruntime.Options{})
				writing := exporter.WriteFile(g, path+".again", exporter.Options{})
				_, _, optimizing := Optimize(t.Context(), g, Options{Level: 2})
				for doing, err := range map[string]error{"compiling": compiling, "writing": writing, "optimizing": optimizing} {
					if !c.fails {
						require.NoError(t, err, doing)
						continue
					}
					var changed *importer.ChangedError
					require.ErrorAs(t, err, &changed, doing)
				}
				if c.fails {
					require.NoFileExists(t, path+".again")
				}
			})
		}
	}
}

func ones(n int) []float32 {
	row := make([]float32, n)
	for i := range row {
		row[i] = 1
	}
	return row
}

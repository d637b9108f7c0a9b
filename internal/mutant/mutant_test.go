package mutant

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	goruntime "runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/onnxrun/onnxrun/exporter"
	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// seed is a model to mutate.
type seed struct {
	name string
	file []byte
}

// cases is where Debian has ONNX's own cases, a model for each form of each operator.
const cases = "/usr/include/onnx/backend/test/data"

// maxSeed is the greatest size of a model that is worth its time.
const maxSeed = 1 << 20

// seeds is the graphs below, the repository's model, and ONNX's cases where they are installed.
func seeds(t testing.TB) []seed {
	var all []seed
	for i, text := range graphs {
		g, err := ir.Parse(text, ops.Lookup)
		require.NoError(t, err)
		var file bytes.Buffer
		require.NoError(t, exporter.Write(&file, g, exporter.Options{}))
		all = append(all, seed{fmt.Sprintf("graph %d", i), file.Bytes()})
	}
	paths, err := filepath.Glob(cases + "/*/*/model.onnx")
	require.NoError(t, err)
	for _, path := range append(paths, "../../testdata/lenet5.onnx") {
		if info, err := os.Stat(path); err == nil && info.Size() <= maxSeed {
			file, err := os.ReadFile(path)
			require.NoError(t, err)
			all = append(all, seed{path, file})
		}
	}
	return all
}

// mutant is a seed, mutated.
func mutant(t testing.TB, file []byte, number uint64) []byte {
	var model onnxpb.ModelProto
	if proto.Unmarshal(file, &model) != nil {
		return nil
	}
	Mutate(&model, number)
	out, err := proto.Marshal(&model)
	if err != nil { // text that is not UTF-8
		return nil
	}
	return out
}

// FuzzMutants mutates models as the fuzzer's number says, and models that the fuzzer makes of their bytes.
func FuzzMutants(f *testing.F) {
	for i, s := range seeds(f) {
		f.Add(s.file, uint64(i))
	}
	f.Fuzz(func(t *testing.T, file []byte, number uint64) {
		if len(file) > maxSeed {
			return
		}
		for _, file := range [][]byte{file, mutant(t, file, number)} {
			if _, err := Drive(t.Context(), file); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// effort is what TestMutants tries: for as long as ONNXRUN_ATTACK says, other mutants each time; else always the same
// number of the same ones, more in a long run.
func effort(t *testing.T) (most int, longest time.Duration, rng *rand.Rand) {
	if text := os.Getenv("ONNXRUN_ATTACK"); text != "" {
		d, err := time.ParseDuration(text)
		require.NoError(t, err)
		return math.MaxInt, d, rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 3))
	}
	most = 1000
	if os.Getenv("ONNXRUN_LONG") != "" {
		most = 20_000
	}
	return most, math.MaxInt64, rand.New(rand.NewPCG(12, 3))
}

// hopeless is where a mutant is given up, which ends the process.
const hopeless = time.Minute

// TestMutants drives mutants of all seeds. A finding names the seed and the number of the
// mutation, by which TestMutant does it again.
func TestMutants(t *testing.T) {
	all := seeds(t)
	var counts [3]int
	var began atomic.Int64
	var doing atomic.Value
	stop := time.AfterFunc(0, func() {})
	defer func() { stop.Stop() }()
	watch := func(what string) {
		doing.Store(what)
		began.Add(1)
		stop.Stop()
		stop = time.AfterFunc(hopeless, func() {
			stacks := make([]byte, 1<<20)
			fmt.Fprintf(os.Stderr, "%s: does not end\n%s\n", doing.Load(), stacks[:goruntime.Stack(stacks, true)])
			os.Exit(1)
		})
	}
	start, found := time.Now(), map[string]int{}
	most, longest, rng := effort(t)
	for n := 0; n < most && time.Since(start) < longest; n++ {
		s, number := all[rng.IntN(len(all))], rng.Uint64()
		what := fmt.Sprintf("ONNXRUN_MUTANT='%s %d'", s.name, number)
		watch(what)
		o, err := Drive(context.Background(), mutant(t, s.file, number))
		counts[o]++
		if err != nil {
			var f *Finding
			require.True(t, errors.As(err, &f), err)
			if found[f.Stage]++; found[f.Stage] <= 8 {
				t.Errorf("%s: %.600v", what, err)
			}
		}
	}
	t.Logf("%d seeds; mutants: %d refused, %d imported, %d ran; findings: %v", len(all), counts[Refused], counts[Imported], counts[Ran], found)
	require.NotZero(t, counts[Ran])
}

// TestMutant does one mutant again: ONNXRUN_MUTANT='NAME NUMBER', as TestMutants has it. With ONNXRUN_KEEP=FILE it is kept.
func TestMutant(t *testing.T) {
	text := os.Getenv("ONNXRUN_MUTANT")
	if text == "" {
		t.Skip("ONNXRUN_MUTANT names none")
	}
	at := bytes.LastIndexByte([]byte(text), ' ')
	require.Positive(t, at)
	var number uint64
	_, err := fmt.Sscan(text[at+1:], &number)
	require.NoError(t, err)
	for _, s := range seeds(t) {
		if s.name == text[:at] {
			file := mutant(t, s.file, number)
			if keep := os.Getenv("ONNXRUN_KEEP"); keep != "" {
				require.NoError(t, os.WriteFile(keep, file, 0o644))
			}
			o, err := Drive(context.Background(), file)
			require.NoError(t, err)
			t.Log(o)
			return
		}
	}
	t.Fatalf("there is no seed %q", text[:at])
}

// Seeds themselves come through, as far as they can be run at all.
func TestSeeds(t *testing.T) {
	ran := 0
	for _, s := range seeds(t) {
		if testing.Short() && ran > len(graphs) {
			break
		}
		o, err := Drive(context.Background(), s.file)
		require.NoError(t, err, s.name)
		if o == Ran {
			ran++
		}
	}
	require.GreaterOrEqual(t, ran, len(graphs))
}

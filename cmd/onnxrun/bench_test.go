package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/tensor"
)

func TestBench(t *testing.T) {
	require.Regexp(t, `^median \S+ ms  min \S+ ms  p95 \S+ ms  0 allocs/run  \S+ images/s  \(\d+ runs, generic\)\n$`,
		ok(t, "bench", lenet, "--time", "50ms", "--threads", "1", "--kernels", "generic"))
	var result map[string]any
	require.NoError(t, json.Unmarshal([]byte(ok(t, "bench", lenet, "--time", "20ms", "--batch", "4", "--json")), &result))
	require.InEpsilon(t, 4e3/result["median_ms"].(float64), result["images_per_second"], 1e-9)
	fixed := model(t, `graph "g" opset 17 (%x: float32[2,3]) -> (%y) {
  %y = Relu(%x) "r"
}`)
	require.NoError(t, json.Unmarshal([]byte(ok(t, "bench", fixed, "--time", "0", "--batch", "4", "--json")), &result))
	require.EqualValues(t, 1, result["runs"], "one at least")
	require.InEpsilon(t, 2e3/result["median_ms"].(float64), result["images_per_second"], 1e-9, "the model's own batch")
	for want, args := range map[string][]string{
		"unknown implementation \"fast\"": {"--kernels", "fast"},
		"the model has no such input":     {"--shape", "x=1x1x28x28"},
		"expects NAME=1x3x224x224":        {"--shape", "1x1"},
		"\"a\" is not a size":             {"--shape", "image=axb"},
		"does not fit":                    {"--shape", "image=1x1x27x28"},
	} {
		code, _, errOut := run(t, append([]string{"bench", lenet, "--time", "1ms"}, args...)...)
		require.Equal(t, exitBad, code)
		require.Contains(t, errOut, want)
	}
}

func TestProfile(t *testing.T) {
	out := ok(t, "profile", lenet, "--runs", "3", "--order")
	require.Regexp(t, `^\S+ in \d+ steps; kernels \S+, limits \d+ GFLOP/s and \S+ GB/s\n`, out)
	require.Regexp(t, `(?s)C1.*S2.*C3.*OUTPUT`, out)
	var result struct {
		Steps []profileRow `json:"steps"`
	}
	require.NoError(t, json.Unmarshal([]byte(ok(t, "profile", lenet, "--json")), &result))
	share := 0.0
	for i, s := range result.Steps {
		share += s.Share
		require.True(t, i == 0 || s.Micros <= result.Steps[i-1].Micros, "the dearest first")
	}
	require.InDelta(t, 1, share, 1e-9)
}

// --tune keeps what it has measured, and a file that makes no sense does no harm.
func TestTune(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := t.TempDir()
	model := filepath.Join(dir, "m.onnx")
	ok(t, "new", "cuda-convnet", "-o", model)
	in := npy(t, dir, tensor.New(tensor.Float32, 1, 3, 32, 32))
	tuned := func() string {
		out := t.TempDir()
		ok(t, "run", model, "-i", in, "-o", out, "--tune")
		y, err := os.ReadFile(filepath.Join(out, "prob.npy"))
		require.NoError(t, err)
		return string(y)
	}
	first := tuned()
	files, _ := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "onnxrun", "*.json"))
	if len(files) == 0 {
		t.Skip("plain Go leaves no choice of algorithms")
	}
	require.Len(t, files, 1)
	kept, err := os.ReadFile(files[0])
	require.NoError(t, err)
	require.Contains(t, string(kept), "c32 m32")
	require.Equal(t, first, tuned(), "the same algorithms again")
	for _, broken := range []string{"{\"broken", "[1]", `{"x": "y"}`, "null", ""} {
		require.NoError(t, os.WriteFile(files[0], []byte(broken), 0o644))
		tuned()
		kept, err = os.ReadFile(files[0])
		require.NoError(t, err)
		require.Contains(t, string(kept), "c32 m32", "measured again")
	}
}

// The plan tells every step in order, and which nodes it computes: each of the optimized graph, once.
func TestProfilePlan(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(ok(t, "profile", lenet, "--plan", "--kernels", "generic")), "\n")
	require.Equal(t, "kernels generic", lines[0])
	require.Regexp(t, `^0 +\S+ \(\S+\) +conv +\S+ +float32 +\S+:plain\[1,1,28,28\].* → \S+:plain\[1,\d+,\d+,\d+\] +[\d.]+ µs$`, lines[1])
	require.Regexp(t, `^\d+ steps, arena of \d+ bytes, scratch of \d+ for each of \d+ threads$`, lines[len(lines)-1])
	var plan struct {
		Kernels string
		Arena   int `json:"arena_bytes"`
		Steps   []struct {
			Nodes, Reads, Writes     []string
			Kernel, Algorithm, DType string
			Micros                   float64 `json:"estimated_us"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(ok(t, "profile", lenet, "--plan", "--kernels", "generic", "--json")), &plan))
	require.Len(t, plan.Steps, len(lines)-2)
	require.Positive(t, plan.Arena)
	seen := map[string]bool{}
	for _, st := range plan.Steps {
		require.NotEmpty(t, st.Nodes)
		require.NotEmpty(t, st.Reads)
		require.NotEmpty(t, st.Writes)
		require.False(t, seen[st.Nodes[0]])
		seen[st.Nodes[0]] = true
		require.NotEqual(t, "reference", st.Kernel)
	}
}

package runtime_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/vision"
)

// digitInputs is the digit pictures of testdata, ready for lenet5, by digit.
func digitInputs(t testing.TB) []*tensor.Tensor {
	spec, err := vision.Preset("mnist")
	require.NoError(t, err)
	var inputs []*tensor.Tensor
	for _, name := range []string{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"} {
		img, err := vision.DecodeFile("../testdata/" + name + ".png")
		require.NoError(t, err)
		x, err := spec.Apply(img)
		require.NoError(t, err)
		inputs = append(inputs, x)
	}
	return inputs
}

func lenet(t testing.TB, opts runtime.Options) *runtime.Session {
	g, err := importer.Open("../testdata/lenet5.onnx")
	require.NoError(t, err)
	s, err := runtime.Compile(t.Context(), g, opts)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func argmax(t *tensor.Tensor) (best int) {
	p := tensor.Data[float32](t)
	for i, v := range p {
		if v > p[best] {
			best = i
		}
	}
	return best
}

// Sixteen goroutines run one session on different images, and each gets its own right answer.
func TestConcurrentRuns(t *testing.T) {
	inputs := digitInputs(t)
	for _, threads := range []int{1, 4} {
		s := lenet(t, runtime.Options{Threads: threads})
		want := make([]*tensor.Tensor, len(inputs))
		for digit, x := range inputs {
			out, err := s.Run(context.Background(), x)
			require.NoError(t, err)
			require.Equal(t, digit, argmax(out[0]))
			want[digit] = out[0]
		}
		var wg sync.WaitGroup
		for g := range 16 {
			wg.Go(func() {
				var out [1]*tensor.Tensor
				for k := range 20 {
					digit := (g + k) % 10
					if err := s.RunInto(context.Background(), inputs[digit:digit+1], out[:]); err != nil {
						t.Error(err)
						return
					}
					if !out[0].Equal(want[digit]) {
						t.Errorf("digit %d: not the bits of a run alone", digit)
						return
					}
				}
			})
		}
		wg.Wait()
	}
}

// Sessions share a pool, from which more or fewer goroutines may come than a Run takes, and which may be closed at any time.
func TestSessionsShareAPool(t *testing.T) {
	inputs := digitInputs(t)
	want, alone := make([]*tensor.Tensor, len(inputs)), lenet(t, runtime.Options{Threads: 1})
	for digit, x := range inputs {
		out, err := alone.Run(t.Context(), x)
		require.NoError(t, err)
		want[digit] = out[0]
	}
	pool := runtime.NewPool(3)
	var sessions []*runtime.Session
	for _, threads := range []int{1, 2, 3, 8} {
		sessions = append(sessions, lenet(t, runtime.Options{Threads: threads, Pool: pool}))
	}
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for digit, x := range inputs {
				if g == 0 && digit == 5 {
					pool.Close()
				}
				out, err := sessions[(g+digit)%len(sessions)].Run(context.Background(), x)
				if err != nil {
					t.Error(err)
				} else if !out[0].Equal(want[digit]) {
					t.Errorf("digit %d: not the bits of a run alone", digit)
				}
			}
		})
	}
	wg.Wait()
}

// The result does not depend on the number of threads, to the bit.
func TestThreadsDoNotChangeResults(t *testing.T) {
	x := digitInputs(t)[7]
	var want *tensor.Tensor
	for threads := 1; threads <= 5; threads++ {
		out, err := lenet(t, runtime.Options{Threads: threads}).Run(context.Background(), x)
		require.NoError(t, err)
		if want == nil {
			want = out[0]
		}
		require.True(t, want.Equal(out[0]), "%d threads", threads)
	}
}

// After the first Run of a shape nothing is allocated.
func TestRunIntoAllocatesNothing(t *testing.T) {
	s := lenet(t, runtime.Options{Threads: 1})
	in := digitInputs(t)[:1]
	out := make([]*tensor.Tensor, 1)
	require.NoError(t, s.RunInto(context.Background(), in, out))
	allocs := testing.AllocsPerRun(100, func() {
		if err := s.RunInto(context.Background(), in, out); err != nil {
			t.Fatal(err)
		}
	})
	require.Zero(t, allocs)
}

func BenchmarkLeNet5(b *testing.B) {
	s := lenet(b, runtime.Options{})
	in := digitInputs(b)[:1]
	out := make([]*tensor.Tensor, 1)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.RunInto(context.Background(), in, out); err != nil {
			b.Fatal(err)
		}
	}
}

// Profile goes on beside Runs. The race detector sees whether it hands its frame on too early.
func TestProfileBesideRuns(t *testing.T) {
	s, inputs := lenet(t, runtime.Options{Threads: 2}), digitInputs(t)
	want := make([]*tensor.Tensor, 4)
	for i := range want {
		out, err := s.Run(context.Background(), inputs[i])
		require.NoError(t, err)
		want[i] = out[0]
	}
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 50 {
				if i == 0 {
					steps, err := s.Profile(context.Background(), 1, inputs[0])
					assert.NoError(t, err)
					assert.NotEmpty(t, steps)
					continue
				}
				out, err := s.Run(context.Background(), inputs[i])
				if assert.NoError(t, err) {
					assert.True(t, out[0].Equal(want[i]), "digit %d: not the bits of a run alone", i)
				}
			}
		})
	}
	wg.Wait()
}

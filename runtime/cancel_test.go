package runtime_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/zoo"
)

// soon is how long a Run may go on after its context has ended, most times: the contract's 100 ms.
const soon = slower * 100 * time.Millisecond

// latency calls work with a context that ends after a while, and returns how long work went on after that, or how much of the
// processors' time that took, if it was less: other processes may have had them. ok is false if it came to its end before.
func latency(t *testing.T, after time.Duration, work func(ctx context.Context) error) (d time.Duration, ok bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	type moment struct {
		clock time.Time
		used  time.Duration
	}
	at := make(chan moment, 1)
	timer := time.AfterFunc(after, func() {
		at <- moment{time.Now(), cpuTime(t)}
		cancel()
	})
	defer timer.Stop()
	err := work(ctx)
	end := moment{time.Now(), cpuTime(t)}
	if err == nil {
		return 0, false
	}
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, context.Canceled.Error(), err.Error(), "no node is to blame")
	begin := <-at
	return min(end.clock.Sub(begin.clock), end.used-begin.used), true
}

// latencies is latency at some random moments of what takes about whole, sorted.
func latencies(t *testing.T, n int, whole time.Duration, work func(ctx context.Context) error) []time.Duration {
	t.Helper()
	var all []time.Duration
	for range 4 * n {
		if d, ok := latency(t, rand.N(whole)+time.Millisecond, work); ok {
			all = append(all, d)
		}
		if len(all) == n {
			break
		}
	}
	slices.Sort(all)
	return all
}

// requireSoon takes the median, and measures up to three times, since other processes may have the processors meanwhile.
func requireSoon(t testing.TB, what string, measure func() []time.Duration) {
	t.Helper()
	var all []time.Duration
	for range 3 {
		all = measure()
		require.NotEmpty(t, all, what)
		t.Logf("%s: stopped %d times, median %v, worst %v", what, len(all), all[len(all)/2], all[len(all)-1])
		if all[len(all)/2] < soon {
			return
		}
	}
	require.Less(t, all[len(all)/2], soon, what)
}

func parseGraph(t testing.TB, text string) *ir.Graph {
	t.Helper()
	g, err := ir.Parse(text, ops.LookupFused)
	require.NoError(t, err)
	return g
}

// Nodes each of which takes a second or more by some kernels.
var longNodes = map[string]string{
	"winograd": `graph "g" opset 21 (%x: float32[N,64,112,112]) -> (%y) {
  %w: float32[64,64,3,3] = const splat(0.01)
  %y = Conv{kernel_shape=[3, 3], pads=[1, 1, 1, 1]}(%x, %w) "conv"
}`,
	"direct": `graph "g" opset 21 (%x: float32[N,64,112,112]) -> (%y) {
  %w: float32[64,64,5,5] = const splat(0.01)
  %y = Conv{kernel_shape=[5, 5], strides=[2, 2], pads=[2, 2, 2, 2]}(%x, %w) "conv"
}`,
	"reference": `graph "g" opset 21 (%x: float32[N,64,112,112]) -> (%y) {
  %y = LpPool{kernel_shape=[9, 9]}(%x) "pool"
}`,
	"resize": `graph "g" opset 21 (%x: float32[N,64,112,112]) -> (%y) {
  %s: float32[4] = const [1.0, 1.0, 3.0, 3.0]
  %y = Resize{mode="cubic"}(%x, _, %s) "resize"
}`,
	"pooling": `graph "g" opset 21 (%x: float32[N,64,112,112]) -> (%y) {
  %y = MaxPool{kernel_shape=[31, 31]}(%x) "pool"
}`,
}

// A Run ends soon after its context, whatever it is at, and the session is as before.
func TestCancelledRunEndsSoon(t *testing.T) {
	for name, text := range longNodes {
		for _, opts := range []runtime.Options{{Threads: 1}, {Threads: 2}, {Threads: 1, Kernels: "generic"}} {
			s, err := runtime.Compile(t.Context(), parseGraph(t, text), opts)
			require.NoError(t, err)
			x, one := pattern(8, 64, 112, 112), pattern(1, 64, 112, 112)
			run := func(ctx context.Context) error {
				for {
					if _, err := s.Run(ctx, x); err != nil {
						return err
					}
				}
			}
			requireSoon(t, fmt.Sprint(name, " ", opts.Threads, opts.Kernels), func() []time.Duration { return latencies(t, 5, 200*time.Millisecond, run) })
			if name == "winograd" {
				fresh, err := runtime.Compile(t.Context(), parseGraph(t, text), opts)
				require.NoError(t, err)
				want, err := fresh.Run(t.Context(), one)
				require.NoError(t, err)
				got, err := s.Run(t.Context(), one)
				require.NoError(t, err)
				require.True(t, want[0].Equal(got[0]))
				fresh.Close()
			}
			s.Close()
		}
	}
}

// pattern is a tensor of some numbers.
func pattern(shape ...int) *tensor.Tensor {
	x := tensor.New(tensor.Float32, shape...)
	for i := range tensor.Data[float32](x) {
		tensor.Data[float32](x)[i] = float32(i%31)/16 - 1
	}
	return x
}

// The model of a caller's patience: nothing of a large network takes long to stop, compiling and the plan included. With
// ONNXRUN_LONG=1 it is VGG-16 by all kernels and in large batches.
func TestCancelledNetworkEndsSoon(t *testing.T) {
	arch, batches, kernels, times := "resnet18", []int{1}, []string{""}, 10
	if os.Getenv("ONNXRUN_LONG") != "" {
		arch, batches, kernels, times = "vgg16", []int{1, 32, 64}, runtime.Kernels(), 20
	}
	g, err := zoo.Build(arch, zoo.Options{})
	require.NoError(t, err)
	for _, kernels := range kernels {
		for _, threads := range []int{1, 2} {
			opts := runtime.Options{Threads: threads, Kernels: kernels}
			compile := latencies(t, times, 200*time.Millisecond, func(ctx context.Context) error {
				s, err := runtime.Compile(ctx, g, opts)
				if err == nil {
					s.Close()
				}
				return err
			})
			if len(compile) > 0 { // it may take a few milliseconds
				requireSoon(t, fmt.Sprint(arch, " compile ", kernels), func() []time.Duration { return compile })
			}
			for _, batch := range batches {
				s, err := runtime.Compile(t.Context(), g, opts)
				require.NoError(t, err)
				x := pattern(batch, 3, 224, 224)
				run := func(ctx context.Context) error {
					for { // a Run of a quick machine would come to its end
						if _, err := s.Run(ctx, x); err != nil {
							return err
						}
					}
				}
				what := fmt.Sprint(arch, " batch ", batch, " threads ", threads, " ", kernels)
				requireSoon(t, what+" plan", func() []time.Duration { return latencies(t, times, 500*time.Millisecond, run) })
				if batch == 1 || kernels != "generic" {
					_, err = s.Run(t.Context(), x)
					require.NoError(t, err)
				}
				requireSoon(t, what, func() []time.Duration { return latencies(t, times, time.Second, run) })
				s.Close()
			}
		}
	}
}

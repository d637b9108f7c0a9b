package runtime_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
)

// batches is the digits again and again, in batches of 1 to n.
func batches(t *testing.T, n int) []*tensor.Tensor {
	digits := digitInputs(t)
	list := make([]*tensor.Tensor, n)
	for i := range list {
		var data []float32
		for k := range i + 1 {
			data = append(data, tensor.Data[float32](digits[(i+k)%10])...)
		}
		shape := slices.Clone(digits[0].Shape())
		shape[0] = i + 1
		list[i] = tensor.FromSlice(data, shape...)
	}
	return list
}

// Sixty-four goroutines run a session on more shapes than it keeps plans for. Some give up at random times, and the session
// is closed while they run. What is computed is right to the bit, and who gave up is told so.
func TestStorm(t *testing.T) {
	const shapes, callers, rounds = 12, 64, 12
	inputs := batches(t, shapes)
	alone := lenet(t, runtime.Options{Threads: 2})
	want := make([]*tensor.Tensor, shapes)
	for i, x := range inputs {
		out, err := alone.Run(t.Context(), x)
		require.NoError(t, err)
		want[i] = out[0]
	}
	s := lenet(t, runtime.Options{Threads: 2})
	var right, gaveUp atomic.Int64
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(c), 9))
			for k := range rounds {
				if c == 0 && k == rounds/2 {
					s.Close()
				}
				ctx, cancel := context.Background(), func() {}
				if r.IntN(3) == 0 {
					ctx, cancel = context.WithTimeout(ctx, time.Duration(r.IntN(int(2*time.Millisecond))))
				}
				i := r.IntN(shapes)
				out, err := s.Run(ctx, inputs[i])
				switch {
				case err == nil && out[0].Equal(want[i]):
					right.Add(1)
				case err == nil:
					t.Errorf("batch of %d: not the bits of a run alone", i+1)
				case errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil:
					gaveUp.Add(1)
				default:
					t.Error(err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	t.Logf("%d right, %d gave up", right.Load(), gaveUp.Load())
	require.NotZero(t, right.Load())
	require.NotZero(t, gaveUp.Load())
}

package runtime

import (
	"context"
	goruntime "runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/tensor"
)

const chain = `graph "g" opset 21 (%x: float32[N,1024]) -> (%z) {
  %y: float32[N,1024] = Erf(%x) "y"
  %z: float32[N,1024] = Softmax(%y) "z"
}`

// Frames that wait for Runs give way to a plan that needs memory, and the session counts what there is.
func TestKeptFramesGiveWay(t *testing.T) {
	s := compileText(t, chain, Options{MaxMemory: 100 << 10, Threads: 1})
	run := func(n int) error {
		_, err := s.Run(context.Background(), tensor.New(tensor.Float32, n, 1024))
		return err
	}
	for _, n := range []int{1, 2, 4, 8, 4, 2, 1, 8, 8} {
		require.NoError(t, run(n))
		require.Zero(t, s.memory.used)
		require.LessOrEqual(t, s.memory.kept, s.opts.MaxMemory)
		require.Positive(t, s.memory.kept)
	}
	var e *MemoryError
	require.ErrorAs(t, run(16), &e)
	require.Zero(t, s.memory.used)
}

// Runs together take no more than the session may: some wait, and all succeed. Who waits leaves when its context ends.
func TestRunsWaitForMemory(t *testing.T) {
	s := compileText(t, chain, Options{MaxMemory: 100 << 10, Threads: 1})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for k := range 200 {
				_, err := s.Run(context.Background(), tensor.New(tensor.Float32, 1+(i+k)%8, 1024))
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	require.Zero(t, s.memory.used)

	require.NoError(t, s.enter(context.Background(), s.opts.MaxMemory))
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err := s.Run(ctx, tensor.New(tensor.Float32, 1, 1024))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	ended := make(chan error)
	go func() {
		_, err := s.Run(context.Background(), tensor.New(tensor.Float32, 1, 1024))
		ended <- err
	}()
	for waits := 0; waits == 0; goruntime.Gosched() {
		s.mu.Lock()
		waits = len(s.memory.waiting)
		s.mu.Unlock()
	}
	s.mu.Lock()
	s.leave(s.opts.MaxMemory)
	s.mu.Unlock()
	require.NoError(t, <-ended)
	require.Zero(t, s.memory.used)
}

// What a Run took is free again after it has failed or panicked.
func TestMemoryOfRunsThatFail(t *testing.T) {
	s := compileText(t, chain, Options{Threads: 1})
	x := tensor.New(tensor.Float32, 1, 1024)
	_, err := s.Run(context.Background(), x)
	require.NoError(t, err)
	s.plans[0].steps[0].run = func(*frame) error { panic("boom") }
	_, err = s.Run(context.Background(), x)
	require.ErrorContains(t, err, "boom")
	require.Zero(t, s.memory.used)
	require.Zero(t, s.memory.kept, "the state of its frame is not known")
}

// A large Run has its turn however many small ones come after it.
func TestRunsWaitInTurn(t *testing.T) {
	s := compileText(t, chain, Options{MaxMemory: 100 << 10, Threads: 1})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for ctx.Err() == nil {
				if _, err := s.Run(context.Background(), tensor.New(tensor.Float32, 1, 1024)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 50 {
		_, err := s.Run(t.Context(), tensor.New(tensor.Float32, 11, 1024))
		require.NoError(t, err)
	}
	cancel()
	all.Wait()
	require.Zero(t, s.memory.used)
}

// A frame that cannot be made leaves nothing behind.
func TestMemoryOfFramesThatPanic(t *testing.T) {
	s := compileText(t, chain, Options{Threads: 1})
	x := tensor.New(tensor.Float32, 1, 1024)
	_, err := s.Run(context.Background(), x)
	require.NoError(t, err)
	s.plans[0].dropFrames()
	s.plans[0].prog.Arena = -1
	for range 3 {
		_, err = s.Run(context.Background(), x)
		require.Error(t, err)
	}
	require.Equal(t, 0, s.memory.used)
}

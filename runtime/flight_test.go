package runtime

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What several ask for at once is made once, for all of them.
func TestFlightIsShared(t *testing.T) {
	var s flights[string, int]
	var made atomic.Int32
	begun, finish := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			v, err := s.get(t.Context(), "a", func(context.Context) (int, error) {
				made.Add(1)
				close(begun)
				<-finish
				return 7, nil
			})
			if v != 7 || err != nil {
				t.Error(v, err)
			}
		})
	}
	<-begun
	for waiting := 0; waiting < 8; {
		s.mu.Lock()
		waiting = s.all["a"].waiting
		s.mu.Unlock()
	}
	close(finish)
	wg.Wait()
	require.EqualValues(t, 1, made.Load())
	require.Empty(t, s.all)
}

// Who waits leaves when its own context ends; the making goes on for the others, and ends with the last.
func TestFlightIsLeft(t *testing.T) {
	var s flights[string, int]
	begun, ended := make(chan struct{}), make(chan error, 1)
	do := func(ctx context.Context) (int, error) {
		close(begun)
		<-ctx.Done()
		ended <- ctx.Err()
		return 0, ctx.Err()
	}
	first, stopFirst := context.WithCancel(t.Context())
	second, stopSecond := context.WithCancel(t.Context())
	results := make(chan error, 2)
	for _, ctx := range []context.Context{first, second} {
		go func() {
			_, err := s.get(ctx, "a", do)
			results <- err
		}()
	}
	<-begun
	for waiting := 0; waiting < 2; {
		s.mu.Lock()
		waiting = s.all["a"].waiting
		s.mu.Unlock()
	}
	stopFirst()
	require.ErrorIs(t, <-results, context.Canceled)
	select {
	case <-ended:
		t.Fatal("the making ended, though somebody waited")
	case <-time.After(10 * time.Millisecond):
	}
	stopSecond()
	require.ErrorIs(t, <-results, context.Canceled)
	require.ErrorIs(t, <-ended, context.Canceled)
	v, err := s.get(t.Context(), "a", func(context.Context) (int, error) { return 3, nil })
	require.NoError(t, err)
	require.Equal(t, 3, v)
}

// What the making panics with reaches who waits, and an ended context makes nothing.
func TestFlightFails(t *testing.T) {
	var s flights[int, int]
	require.PanicsWithValue(t, "broken", func() {
		s.get(t.Context(), 1, func(context.Context) (int, error) { panic("broken") })
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.get(ctx, 1, func(context.Context) (int, error) { panic("called") })
	require.ErrorIs(t, err, context.Canceled)
}

package runtime

import (
	"context"
	"runtime/debug"
	"sync"
)

// flights makes things, each once, however many ask for it at the same time. What is being made is so on a goroutine of its
// own and as long as somebody waits for it; who waits leaves as soon as its own context ends.
type flights[K comparable, T any] struct {
	mu  sync.Mutex
	all map[K]*flight[T]
}

type flight[T any] struct {
	done    chan struct{} // closed when value and err stand
	value   T
	err     error
	thrown  any // what the making panicked with: so do those who wait
	cancel  context.CancelFunc
	waiting int
}

// get is what do gives for the key, to all who ask before it does. The context that do is handed has the values of that
// of the first who asked, and ends when nobody waits any more.
func (s *flights[K, T]) get(ctx context.Context, key K, do func(ctx context.Context) (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	s.mu.Lock()
	f := s.all[key]
	if f == nil {
		f = s.launch(ctx, key, do)
	}
	f.waiting++
	s.mu.Unlock()
	select {
	case <-f.done:
		if f.thrown != nil {
			panic(f.thrown)
		}
		return f.value, f.err
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.waiting--; f.waiting == 0 {
		f.cancel()
		s.forget(key, f)
	}
	return none, ctx.Err()
}

func (s *flights[K, T]) launch(ctx context.Context, key K, do func(ctx context.Context) (T, error)) *flight[T] {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &flight[T]{done: make(chan struct{}), cancel: cancel}
	if s.all == nil {
		s.all = map[K]*flight[T]{}
	}
	s.all[key] = f
	go func() {
		defer cancel()
		f.make(ctx, do)
		s.mu.Lock()
		s.forget(key, f)
		s.mu.Unlock()
		close(f.done)
	}()
	return f
}

func (s *flights[K, T]) forget(key K, f *flight[T]) {
	if s.all[key] == f {
		delete(s.all, key)
	}
}

// make calls do, and keeps what it panics with.
func (f *flight[T]) make(ctx context.Context, do func(ctx context.Context) (T, error)) {
	debug.SetPanicOnFault(true) // weights may lie in a mapped file that has been truncated
	defer func() { f.thrown = recover() }()
	f.value, f.err = do(ctx)
}

// await is what do gives, which cannot be interrupted, or the error of a context that ends before; then what do gives
// is let go.
func await[T any](ctx context.Context, do func() (T, error)) (T, error) {
	if ctx.Done() == nil {
		return do()
	}
	var alone flights[struct{}, T]
	return alone.get(ctx, struct{}{}, func(context.Context) (T, error) { return do() })
}

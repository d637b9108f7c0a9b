package onnxrun

import (
	"context"
	"slices"
	"sync"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/runtime"
)

// maxSessions bounds how many sessions a model keeps.
const maxSessions = 4

// sessions is those of a model, each computing a value. They share a pool and packed weights.
type sessions struct {
	graph *ir.Graph
	opts  runtime.Options

	mu     sync.Mutex
	pool   *runtime.Pool // nil: none is made yet, or it is the caller's
	kept   []*shared     // most recently used first
	closed bool
}

// shared is a session that several callers run at once.
type shared struct {
	*runtime.Session // nil before it is compiled, and when it is closed
	value            string
	compiling        chan struct{} // full while somebody compiles
	users            int
	dropped          bool // to be closed when nobody uses it any more
}

// open gives the session that computes v and nothing beyond; it must be released.
func (s *sessions) open(ctx context.Context, v *ir.Value) (*shared, error) {
	one, opts := s.take(v.Name())
	select {
	case one.compiling <- struct{}{}:
	case <-ctx.Done():
		s.release(one)
		return nil, ctx.Err()
	}
	defer func() { <-one.compiling }()
	if one.Session != nil {
		return one, nil
	}
	opts.Outputs = []string{one.value}
	session, err := runtime.Compile(ctx, s.graph, opts)
	if err != nil {
		s.release(one)
		return nil, err
	}
	one.Session = session
	return one, nil
}

// take finds or makes the place of a session. The one that has not been used for longest goes where there are too many.
func (s *sessions) take(value string) (*shared, runtime.Options) {
	s.mu.Lock()
	defer s.mu.Unlock()
	opts := s.opts
	if opts.Pool == nil {
		if s.pool == nil {
			s.pool = runtime.NewPool(opts.Threads)
		}
		opts.Pool = s.pool
	}
	one := &shared{value: value, compiling: make(chan struct{}, 1)}
	if i := slices.IndexFunc(s.kept, func(k *shared) bool { return k.value == value }); i >= 0 {
		one = s.kept[i]
		s.kept = slices.Delete(s.kept, i, i+1)
	}
	one.users++
	s.kept = slices.Insert(s.kept, 0, one)
	if len(s.kept) > maxSessions {
		s.drop(len(s.kept) - 1)
	}
	return one, opts
}

// drop lets go of the kept session i; it is closed when its Runs have ended.
func (s *sessions) drop(i int) {
	one := s.kept[i]
	s.kept = slices.Delete(s.kept, i, i+1)
	one.dropped = true
	one.closeUnused()
}

// release says that a caller has done with a session.
func (s *sessions) release(one *shared) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one.users--
	one.closeUnused()
	if s.closed {
		s.close()
	}
}

func (one *shared) closeUnused() {
	if one.dropped && one.users == 0 && one.Session != nil {
		one.Close()
		one.Session = nil
	}
}

// close drops all sessions, and ends the pool.
func (s *sessions) close() {
	s.closed = true
	for len(s.kept) > 0 {
		s.drop(0)
	}
	if s.pool != nil {
		s.pool.Close()
		s.pool = nil
	}
}

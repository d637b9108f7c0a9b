package runtime

import (
	"context"
	"slices"
)

// memory counts the bytes of the frames of a session's Runs, and of those that its plans keep for later ones: together no more
// than Options.MaxMemory. Kept frames give way; where Runs alone take all, another one waits its turn. The session's lock guards
// it.
type memory struct {
	used    int // by Runs that go on
	kept    int // by frames that wait for Runs
	waiting []*waiter
}

// waiter is a Run that waits for bytes.
type waiter struct {
	bytes    int
	admitted chan struct{} // closed when it has them
}

// enter takes bytes for a Run, at most MaxMemory, as soon as they are there and nobody else has waited longer.
func (s *Session) enter(ctx context.Context, bytes int) error {
	w := &waiter{bytes, make(chan struct{})}
	s.mu.Lock()
	s.memory.waiting = append(s.memory.waiting, w)
	s.admit()
	s.mu.Unlock()
	select {
	case <-w.admitted:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.memory.waiting, w); i >= 0 {
		s.memory.waiting = slices.Delete(s.memory.waiting, i, i+1)
		s.admit()
	} else {
		s.leave(bytes)
	}
	return ctx.Err()
}

// admit gives bytes to those who wait, in turn, as far as there are any; the lock is held.
func (s *Session) admit() {
	m := &s.memory
	for len(m.waiting) > 0 {
		w := m.waiting[0]
		if m.used+m.kept+w.bytes > s.opts.MaxMemory {
			for _, p := range s.plans {
				p.dropFrames()
			}
		}
		if m.used+w.bytes > s.opts.MaxMemory {
			return
		}
		m.used += w.bytes
		m.waiting = slices.Delete(m.waiting, 0, 1)
		close(w.admitted)
	}
}

// leave gives bytes of a Run back; the lock is held.
func (s *Session) leave(bytes int) {
	s.memory.used -= bytes
	s.admit()
}

// dropFrames lets the frames go that are kept for later Runs; the session's lock is held.
func (p *plan) dropFrames() {
	p.session.memory.kept -= len(p.free) * p.need()
	p.free = nil
}

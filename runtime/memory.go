package runtime

import "context"

// memory counts the bytes that a session's Runs take, and those of frames that its plans keep for later Runs: together no more
// than Options.MaxMemory. Kept frames give way; where Runs alone take all, another one waits. The session's lock guards it.
type memory struct {
	used  int           // by Runs that go on
	kept  int           // by frames that wait for Runs
	freed chan struct{} // closed when a Run gives bytes back; nil while nobody waits
}

// enter takes bytes for a Run, at most MaxMemory, as soon as they are there.
func (s *Session) enter(ctx context.Context, bytes int) error {
	for {
		freed := s.tryEnter(bytes)
		if freed == nil {
			return nil
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tryEnter takes bytes if they are there, else it returns what is closed when it may be so.
func (s *Session) tryEnter(bytes int) (freed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := &s.memory
	if m.used+m.kept+bytes > s.opts.MaxMemory {
		s.dropFrames()
	}
	if m.used+bytes > s.opts.MaxMemory {
		if m.freed == nil {
			m.freed = make(chan struct{})
		}
		return m.freed
	}
	m.used += bytes
	return nil
}

// grow takes bytes for a Run that is under way, which does not wait; it gives them back where they are negative.
func (s *Session) grow(bytes int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := &s.memory
	if bytes > 0 && m.used+m.kept+bytes > s.opts.MaxMemory {
		s.dropFrames()
		if m.used+bytes > s.opts.MaxMemory {
			return &MemoryError{Need: m.used + bytes, Limit: s.opts.MaxMemory}
		}
	}
	s.leave(-bytes)
	return nil
}

// leave gives bytes of a Run back; the lock is held.
func (s *Session) leave(bytes int) {
	m := &s.memory
	m.used -= bytes
	if bytes > 0 && m.freed != nil {
		close(m.freed)
		m.freed = nil
	}
}

// dropFrames lets all frames go that plans keep for later Runs; the lock is held.
func (s *Session) dropFrames() {
	for _, p := range s.plans {
		p.dropFrames()
	}
}

// dropFrames lets the frames go that are kept for later Runs; the session's lock is held.
func (p *plan) dropFrames() {
	p.session.memory.kept -= len(p.free) * p.need()
	p.free = nil
}

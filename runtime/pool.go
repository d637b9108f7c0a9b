package runtime

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Pool is goroutines that help Runs with their steps. Sessions may share one (Options.Pool). Helpers wait for work by
// spinning while a Run is going on and for a moment after it, so that a step of a few microseconds can be divided; then
// they sleep.
type Pool struct {
	*helpers
	stop func()
}

// NewPool starts a pool for Runs of at most threads goroutines each, of which one is the caller's; 0 stands for
// GOMAXPROCS. Its goroutines end at Close, or when the pool becomes garbage.
func NewPool(threads int) *Pool {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	h := &helpers{wake: make(chan struct{}, threads)}
	for range threads - 1 {
		go h.help()
	}
	p := &Pool{h, sync.OnceFunc(h.close)}
	runtime.AddCleanup(p, func(stop func()) { stop() }, p.stop)
	return p
}

// Close ends the goroutines. Runs that go on, and later ones, compute on their callers' goroutines alone.
func (p *Pool) Close() { p.stop() }

// helpers is the part of a pool that its goroutines see.
type helpers struct {
	jobs     [maxJobs]atomic.Pointer[job] // of the Runs that are going on
	running  atomic.Int32                 // how many there are
	sleeping atomic.Int32                 // goroutines that have gone to sleep and that nobody has woken yet
	closed   atomic.Bool
	wake     chan struct{}
}

// maxJobs bounds the Runs that are helped at the same time; others compute alone.
const maxJobs = 8

// How long a helper spins for work before it sleeps: during a Run as long as most steps that cannot be divided take, and
// otherwise about what it costs to be woken.
const (
	spinRunning = 500 * time.Microsecond
	spinIdle    = 50 * time.Microsecond
)

func (h *helpers) close() {
	h.closed.Store(true)
	h.rouse(cap(h.wake))
}

// begin announces a Run's job; end takes it back. A job that finds no place is not helped.
func (h *helpers) begin(j *job) {
	h.running.Add(1)
	for i := range h.jobs {
		if h.jobs[i].CompareAndSwap(nil, j) {
			break
		}
	}
	h.rouse(maxJobs)
}

func (h *helpers) end(j *job) {
	for i := range h.jobs {
		if h.jobs[i].CompareAndSwap(j, nil) {
			break
		}
	}
	h.running.Add(-1)
}

// rouse wakes at most n sleeping helpers.
func (h *helpers) rouse(n int) {
	for ; n > 0; n-- {
		s := h.sleeping.Load()
		if s == 0 {
			return
		}
		if h.sleeping.CompareAndSwap(s, s-1) {
			h.wake <- struct{}{}
		}
	}
}

// help is a helper's life.
func (h *helpers) help() {
	last := time.Now()
	for spins := 0; !h.closed.Load(); spins++ {
		if h.work() {
			spins = 0
			last = time.Now()
			continue
		}
		pause()
		if spins%64 != 63 {
			continue
		}
		limit := spinIdle
		if h.running.Load() > 0 {
			limit = spinRunning
		}
		if time.Since(last) > limit {
			h.sleep()
			last = time.Now()
		}
	}
}

// sleep returns when the helper has been woken, or when there is work after all.
func (h *helpers) sleep() {
	h.sleeping.Add(1)
	for {
		if !h.open() && !h.closed.Load() {
			break
		}
		s := h.sleeping.Load()
		if s == 0 { // somebody has woken this helper meanwhile
			break
		}
		if h.sleeping.CompareAndSwap(s, s-1) {
			return
		}
	}
	<-h.wake
}

// open reports whether there is a step to help with.
func (h *helpers) open() bool {
	for i := range h.jobs {
		if j := h.jobs[i].Load(); j != nil && j.state.Load()&jobOpen != 0 {
			return true
		}
	}
	return false
}

// work helps with one step; it reports false if there was none.
func (h *helpers) work() bool {
	if h.running.Load() == 0 {
		return false
	}
	for i := range h.jobs {
		if j := h.jobs[i].Load(); j != nil {
			if worker := j.join(); worker > 0 {
				for j.one(worker) {
				}
				j.state.Add(-1)
				return true
			}
		}
	}
	return false
}

// job is the tasks of one step, shared between the caller and helpers. Each Run has one, used again for every step.
type job struct {
	state   atomic.Int64 // jobOpen while helpers may join, plus how many have joined and not left
	next    atomic.Int64
	workers atomic.Int64
	tasks   int
	task    func(f *frame, task, worker int)
	frame   *frame
	fault   atomic.Pointer[taskPanic]
}

const jobOpen = 1 << 32

type taskPanic struct{ value any }

// join makes the calling helper a worker and returns its number, 0 where it is not wanted. Numbers are those of who is
// at work: a helper leaves when no task is left, so that who gets its number then does none.
func (j *job) join() int {
	for {
		s := j.state.Load()
		if s&jobOpen == 0 || s-jobOpen+1 >= j.workers.Load() {
			return 0
		}
		if j.state.CompareAndSwap(s, s+1) {
			return int(s - jobOpen + 1)
		}
	}
}

// run calls task for 0 … tasks-1, by at most workers goroutines at once, the caller among them as worker 0. Which task
// runs on which worker is not determined. A panic in a task is returned as an error.
func (h *helpers) run(f *frame, tasks, workers int, task func(f *frame, task, worker int)) error {
	j := &f.job
	j.tasks, j.task, j.frame = tasks, task, f
	j.next.Store(0)
	shared := tasks > 1 && workers > 1
	if shared {
		j.workers.Store(int64(workers))
		j.state.Add(jobOpen)
		if h.sleeping.Load() > 0 {
			h.rouse(min(workers, tasks) - 1)
		}
	}
	for j.one(0) {
	}
	if shared {
		j.state.Add(-jobOpen)
		for spins := 1; j.state.Load() != 0; spins++ {
			pause()
			if spins%4096 == 0 { // a helper has lost its processor
				runtime.Gosched()
			}
		}
	}
	j.task, j.frame = nil, nil
	if f := j.fault.Swap(nil); f != nil {
		return fmt.Errorf("internal fault: %v", f.value)
	}
	return nil
}

// one does the next task; it reports false when there is none.
func (j *job) one(worker int) (more bool) {
	t := int(j.next.Add(1)) - 1
	if t >= j.tasks {
		return false
	}
	defer func() {
		if v := recover(); v != nil {
			j.fault.CompareAndSwap(nil, &taskPanic{v})
			j.next.Store(int64(j.tasks))
			more = false
		}
	}()
	j.task(j.frame, t, worker)
	return true
}

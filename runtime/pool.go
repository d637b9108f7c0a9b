package runtime

import (
	"errors"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/onnxrun/onnxrun/runtime/lower"
)

// Pool is goroutines that help Runs with their steps. Sessions may share one (Options.Pool). Helpers wait for work by
// spinning while a Run is going on and for a moment after it, so that a step of a few microseconds can be divided; then
// they sleep.
type Pool struct {
	*helpers
	stop func()
}

// MaxThreads is the most goroutines that compute in one Run, whatever is asked for.
const MaxThreads = 1024

// NewPool starts a pool for Runs of at most threads goroutines each, of which one is the caller's; 0 stands for
// GOMAXPROCS. Its goroutines end at Close, or when the pool becomes garbage.
func NewPool(threads int) *Pool {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	threads = min(threads, MaxThreads)
	h := &helpers{size: threads - 1, wake: make(chan int, threads)}
	for i := range h.size {
		go h.help(i)
	}
	p := &Pool{h, sync.OnceFunc(h.close)}
	runtime.AddCleanup(p, func(stop func()) { stop() }, p.stop)
	return p
}

// Close ends the goroutines. Runs that go on, and later ones, compute on their callers' goroutines alone.
func (p *Pool) Close() { p.stop() }

// helpers is the part of a pool that its goroutines see.
type helpers struct {
	jobs    [maxJobs]atomic.Pointer[job] // of the Runs that are going on
	running atomic.Int32                 // how many there are
	wanted  atomic.Int32                 // how many helpers they could have, together
	procs   atomic.Int32                 // GOMAXPROCS
	asleep  atomic.Int32                 // helpers that have gone to sleep and that nobody has woken yet
	closed  atomic.Bool
	size    int
	wake    chan int // to one sleeper: how many more it is to wake
}

// maxJobs bounds the Runs that are helped at the same time; others compute alone.
const maxJobs = 16

// How long a helper spins for work before it sleeps: during a Run as long as most steps that cannot be divided take, and
// otherwise about what it costs to be woken.
const (
	spinRunning = 500 * time.Microsecond
	spinIdle    = 100 * time.Microsecond
)

func (h *helpers) close() {
	h.closed.Store(true)
	h.rouse(h.size)
}

// begin announces a Run of at most workers goroutines; end takes it back. A Run that finds no place is not helped.
func (h *helpers) begin(j *job, workers int) {
	j.helpers = min(workers-1, h.size)
	if j.helpers <= 0 || !h.place(nil, j) {
		j.helpers = 0
		return
	}
	h.running.Add(1)
	if procs := int32(runtime.GOMAXPROCS(0)); procs != h.procs.Load() {
		h.procs.Store(procs)
	}
	h.wanted.Add(int32(j.helpers))
	h.rouse(h.missing())
}

func (h *helpers) end(j *job) {
	if j.helpers > 0 {
		h.place(j, nil)
		h.running.Add(-1)
		h.wanted.Add(-int32(j.helpers))
		j.helpers = 0
	}
}

// place puts a job where another is.
func (h *helpers) place(from, to *job) bool {
	for i := range h.jobs {
		if h.jobs[i].CompareAndSwap(from, to) {
			return true
		}
	}
	return false
}

// missing is how many sleeping helpers the Runs could have.
func (h *helpers) missing() int {
	return min(int(h.wanted.Load()), h.size) - (h.size - int(h.asleep.Load()))
}

// rouse wakes at most n sleeping helpers: two at once, which wake the others.
func (h *helpers) rouse(n int) {
	for _, share := range [2]int{n - n/2, n / 2} {
		if share > 0 && h.unsleep() {
			h.wake <- share - 1
		}
	}
}

// unsleep takes one from the sleepers; it reports false if there is none.
func (h *helpers) unsleep() bool {
	for n := h.asleep.Load(); n > 0; n = h.asleep.Load() {
		if h.asleep.CompareAndSwap(n, n-1) {
			return true
		}
	}
	return false
}

// help is the life of helper i.
func (h *helpers) help(i int) {
	debug.SetPanicOnFault(true) // weights may lie in a mapped file that has been truncated
	for !h.closed.Load() {
		if j, worker := h.await(i); j != nil {
			for j.one(worker) {
			}
			j.leave()
		} else {
			h.sleep()
		}
	}
}

// await spins until helper i has joined a job, as the worker that it returns; the job is nil if none came for too long.
// The clock is looked at only every few microseconds.
func (h *helpers) await(i int) (*job, int) {
	var start time.Time
	for spins := 0; ; spins++ {
		for k := range h.jobs {
			if j := h.jobs[(i+k)%maxJobs].Load(); j != nil {
				if worker := j.join(); worker > 0 {
					return j, worker
				}
			}
		}
		pause()
		switch {
		case spins == 0:
			start = time.Now()
		case spins%spinsPerLook == 0:
			limit := spinIdle
			if h.missing() >= 0 && h.running.Load() > 0 {
				limit = spinRunning
			}
			if h.closed.Load() || time.Since(start) > limit {
				return nil, 0
			}
			if h.running.Load()+int32(h.size)-h.asleep.Load() > h.procs.Load() {
				runtime.Gosched() // no room for everybody
			}
		}
	}
}

const spinsPerLook = 128

// sleep returns when the helper has been woken, or when there is work after all.
func (h *helpers) sleep() {
	h.asleep.Add(1)
	if (h.closed.Load() || h.open()) && h.unsleep() {
		return
	}
	h.rouse(<-h.wake)
}

// open reports whether there is a step to help with.
func (h *helpers) open() bool {
	for i := range h.jobs {
		if j := h.jobs[i].Load(); j != nil && j.state.Load() >= jobPlace {
			return true
		}
	}
	return false
}

// run calls task for 0 … tasks-1, by at most workers goroutines at once, the caller among them as worker 0. Which task
// runs on which worker is not determined. A panic in a task is returned as an error. No task begins once the job's Run is to
// end.
func (h *helpers) run(f *frame, tasks, workers int, task lower.Task) error {
	j := &f.job
	j.tasks = tasks
	workers = min(workers, tasks, j.helpers+1)
	if workers <= 1 {
		return j.alone(f, tasks, task)
	}
	j.task, j.memory = task, &f.Memory
	j.next.Store(0)
	j.state.Store(int64(workers-1) * jobPlace)
	if h.asleep.Load() > 0 {
		h.rouse(h.missing())
	}
	for j.one(0) {
	}
	j.shut()
	for spins := 1; j.state.Load() != 0; spins++ {
		pause()
		if spins%(16*spinsPerLook) == 0 { // a helper has lost its processor
			runtime.Gosched()
		}
	}
	j.task, j.memory = nil, nil
	if j.fault.Load() != nil {
		return f.plan.session.fault(j.fault.Swap(nil).value)
	}
	return j.end()
}

// alone is run without helpers.
func (j *job) alone(f *frame, tasks int, task lower.Task) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = f.plan.session.fault(v)
		}
	}()
	for t := range tasks {
		if t > 0 && j.stopped() {
			break
		}
		task(&f.Memory, t, 0)
	}
	return j.end()
}

// errStopped says that a Run was to end before its step was complete.
var errStopped = errors.New("stopped")

// end is errStopped where tasks may have been left out.
func (j *job) end() error {
	if j.tasks > 1 && j.stopped() {
		return errStopped
	}
	return nil
}

// job is the tasks of one step, shared between the caller and helpers. Each Run has one, used again for every step.
type job struct {
	helpers int // at most

	// state is the number of helpers at work and, times jobPlace, how many helpers may be. The latter becomes 0 as soon
	// as somebody finds no task left: as long as helpers may join, none has left, so that their number is a new one's.
	state  atomic.Int64
	done   <-chan struct{} // closed when the Run is to end: no task begins then
	tasks  int
	task   lower.Task
	memory *lower.Memory
	fault  atomic.Pointer[taskPanic]
	_      [128]byte // those who wait for a place read state, those at work write next
	next   atomic.Int64
	_      [128]byte
}

const jobPlace = 1 << 32

type taskPanic struct{ value any }

// join makes the calling helper a worker and returns its number, 0 where it is not wanted.
func (j *job) join() int {
	for {
		s := j.state.Load()
		places, busy := s/jobPlace, s%jobPlace
		if busy >= places {
			return 0
		}
		if j.state.CompareAndSwap(s, s+1) {
			return int(busy + 1)
		}
	}
}

// shut lets nobody join any more.
func (j *job) shut() { j.state.And(jobPlace - 1) }

func (j *job) leave() {
	j.shut()
	j.state.Add(-1)
}

// stopped reports whether the Run is to end.
func (j *job) stopped() bool {
	select {
	case <-j.done:
		return true
	default:
		return false
	}
}

// one does the next task; it reports false when there is none.
func (j *job) one(worker int) (more bool) {
	t := int(j.next.Add(1)) - 1
	if t >= j.tasks {
		return false
	}
	if t > 0 && j.stopped() {
		j.next.Store(int64(j.tasks))
		return false
	}
	defer func() {
		if v := recover(); v != nil {
			j.fault.CompareAndSwap(nil, &taskPanic{v})
			j.next.Store(int64(j.tasks))
			more = false
		}
	}()
	j.task(j.memory, t, worker)
	return true
}

package runtime

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// pool is a set of goroutines that help with jobs. Its zero helpers are a valid pool: the caller then works alone.
type pool struct {
	offers chan offer
	close  func()
}

type offer struct {
	j      *job
	worker int
}

// newPool starts helpers for jobs of at most threads workers, of which the caller is one. The helpers end at close, or
// when the pool becomes garbage.
func newPool(threads int) *pool {
	offers := make(chan offer)
	p := &pool{offers: offers, close: sync.OnceFunc(func() { close(offers) })}
	for range threads - 1 {
		go func() {
			for o := range offers {
				o.j.work(o.worker)
				o.j.helpers.Done()
			}
		}()
	}
	runtime.AddCleanup(p, func(stop func()) { stop() }, p.close)
	return p
}

// job is the tasks of one step, shared between the caller and helpers. Each Run has one, used again for every step.
type job struct {
	tasks   int
	next    atomic.Int64
	task    func(f *frame, task, worker int)
	frame   *frame
	helpers sync.WaitGroup
	fault   atomic.Pointer[taskPanic]
}

type taskPanic struct{ value any }

// run calls task for 0 … tasks-1, by at most workers goroutines at once, the caller among them as worker 0. Which task
// runs on which worker is not determined. A panic in a task is returned as an error.
func (p *pool) run(f *frame, tasks, workers int, task func(f *frame, task, worker int)) error {
	j := &f.job
	j.tasks, j.task, j.frame = tasks, task, f
	j.next.Store(0)
	wanted := min(workers, tasks) - 1
	helpers := 0
	for {
		// Offers are repeated at every task: a helper that has just finished the step before may not wait for one yet.
		for ; helpers < wanted && p.offer(j, helpers+1); helpers++ {
		}
		if !j.one(0) {
			break
		}
	}
	j.helpers.Wait()
	j.task, j.frame = nil, nil
	if f := j.fault.Swap(nil); f != nil {
		return fmt.Errorf("internal fault: %v", f.value)
	}
	return nil
}

// offer hands j to a helper if one is waiting.
func (p *pool) offer(j *job, worker int) bool {
	j.helpers.Add(1)
	select {
	case p.offers <- offer{j, worker}:
		return true
	default:
		j.helpers.Done()
		return false
	}
}

func (j *job) work(worker int) {
	for j.one(worker) {
	}
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

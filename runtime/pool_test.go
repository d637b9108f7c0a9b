package runtime

import (
	"math"
	goruntime "runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onnxrun/onnxrun/runtime/lower"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/stretchr/testify/require"
)

// poolRun is what a Run does with the pool: fn is its steps.
func poolRun(p *Pool, workers int, fn func(f *frame)) {
	f := &frame{plan: &plan{session: &Session{}}}
	p.begin(&f.job, workers)
	defer p.end(&f.job)
	fn(f)
}

// meet is a step whose tasks end only when all of them are being done at once.
func meet(p *Pool, f *frame, workers int) error {
	var here atomic.Int32
	return p.run(f, workers, workers, func(*lower.Memory, int, int) {
		here.Add(1)
		for int(here.Load()) < workers {
			goruntime.Gosched()
		}
	})
}

func requireIdle(t *testing.T, p *Pool) {
	require.Zero(t, p.running.Load())
	require.Zero(t, p.wanted.Load())
	for i := range p.jobs {
		require.Nil(t, p.jobs[i].Load())
	}
	require.Eventually(t, func() bool { return int(p.asleep.Load()) == p.size }, 5*time.Second, time.Millisecond)
}

func TestPoolRunsEveryTaskOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 5} {
		for _, workers := range []int{2, threads, 2 * threads} {
			p := NewPool(threads)
			defer p.Close()
			var callers sync.WaitGroup
			for range maxJobs + 4 {
				callers.Go(func() {
					poolRun(p, workers, func(f *frame) {
						for tasks := range 50 {
							busy, done := make([]atomic.Int32, workers), make([]atomic.Int32, tasks)
							err := p.run(f, tasks, workers, func(_ *lower.Memory, task, worker int) {
								if busy[worker].Add(1) != 1 {
									t.Error("a worker's scratch is used twice at once")
								}
								done[task].Add(1)
								busy[worker].Add(-1)
							})
							require.NoError(t, err)
							for i := range done {
								require.EqualValues(t, 1, done[i].Load())
							}
						}
					})
				})
			}
			callers.Wait()
			poolRun(p, threads, func(f *frame) { require.NoError(t, meet(p, f, threads)) }) // none is lost
			requireIdle(t, p)
		}
	}
}

// Helpers that have gone to sleep, or are about to, come when there is work.
func TestPoolHelpersWakeUp(t *testing.T) {
	p := NewPool(4)
	defer p.Close()
	for i := range 200 {
		pause := time.Duration(i) * time.Microsecond
		if i%2 == 0 { // within a Run
			poolRun(p, 4, func(f *frame) {
				time.Sleep(4 * pause)
				require.NoError(t, meet(p, f, 4))
			})
		} else {
			time.Sleep(pause)
			poolRun(p, 4, func(f *frame) { require.NoError(t, meet(p, f, 4)) })
		}
	}
	requireIdle(t, p)
}

func TestPoolTurnsPanicsIntoErrors(t *testing.T) {
	p := NewPool(3)
	defer p.Close()
	for _, workers := range []int{1, 3} {
		poolRun(p, workers, func(f *frame) {
			for _, tasks := range []int{100, 1} {
				for range 20 {
					err := p.run(f, tasks, workers, func(_ *lower.Memory, task, _ int) {
						if task%7 == 3 || tasks == 1 {
							panic("boom")
						}
					})
					require.ErrorContains(t, err, "boom")
					require.NoError(t, p.run(f, tasks, workers, func(*lower.Memory, int, int) {}))
				}
			}
		})
	}
}

// A step that panics outside of its tasks does not leave its Run behind in the pool.
func TestPoolForgetsRunsThatPanic(t *testing.T) {
	p := NewPool(3)
	defer p.Close()
	steps := []step{{run: func(*frame) error { panic("boom") }}}
	f := &frame{ctx: t.Context(), plan: &plan{session: &Session{pool: p, opts: Options{Threads: 3}}, steps: steps}}
	require.Panics(t, func() { _ = f.helped() })
	requireIdle(t, p)
}

// Tasks may start Runs that use the same pool.
func TestPoolNestedRuns(t *testing.T) {
	p := NewPool(3)
	defer p.Close()
	var total atomic.Int64
	var nest func(depth int)
	nest = func(depth int) {
		if depth == 0 {
			total.Add(1)
			return
		}
		poolRun(p, 3, func(f *frame) {
			if err := p.run(f, 5, 3, func(*lower.Memory, int, int) { nest(depth - 1) }); err != nil {
				t.Error(err)
			}
		})
	}
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() { nest(4) })
	}
	callers.Wait()
	require.EqualValues(t, 4*5*5*5*5, total.Load())
	requireIdle(t, p)
}

// A Run finishes though its pool is closed meanwhile, or was before.
func TestPoolCloseDuringRuns(t *testing.T) {
	for range 20 {
		p := NewPool(4)
		var callers sync.WaitGroup
		for range 3 {
			callers.Go(func() {
				poolRun(p, 4, func(f *frame) {
					for range 100 {
						var n atomic.Int64
						require.NoError(t, p.run(f, 9, 4, func(*lower.Memory, int, int) { n.Add(1) }))
						require.EqualValues(t, 9, n.Load())
					}
				})
			})
		}
		p.Close()
		p.Close()
		callers.Wait()
	}
}

func TestPoolGoroutinesEnd(t *testing.T) {
	before := goruntime.NumGoroutine()
	pools := make([]*Pool, 10)
	for i := range pools {
		pools[i] = NewPool(i)
		poolRun(pools[i], i, func(f *frame) { require.NoError(t, pools[i].run(f, 8, 8, func(*lower.Memory, int, int) {})) })
	}
	time.Sleep(time.Millisecond)
	for _, p := range pools[:5] {
		p.Close()
	}
	pools = nil // the others become garbage
	for range 1000 {
		if goruntime.GC(); goruntime.NumGoroutine() <= before {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("%d goroutines before, %d after", before, goruntime.NumGoroutine())
}

func TestPoolAllocatesNothing(t *testing.T) {
	p := NewPool(3)
	defer p.Close()
	f := &frame{plan: &plan{session: &Session{}}}
	task := func(*lower.Memory, int, int) {}
	require.Zero(t, testing.AllocsPerRun(200, func() {
		p.begin(&f.job, 3)
		for tasks := range 8 {
			if err := p.run(f, tasks, 3, task); err != nil {
				t.Error(err)
			}
		}
		p.end(&f.job)
	}))
}

// BenchmarkForkJoin is a step of empty tasks with two workers. In "meet" both take part; in the others the caller may have
// done all before the helper has looked.
func BenchmarkForkJoin(b *testing.B) {
	p := NewPool(2)
	defer p.Close()
	for _, tasks := range []int{1, 2, 8} {
		b.Run(strconv.Itoa(tasks), func(b *testing.B) {
			task := func(*lower.Memory, int, int) {}
			poolRun(p, 2, func(f *frame) {
				for b.Loop() {
					if err := p.run(f, tasks, 2, task); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
	b.Run("meet", func(b *testing.B) {
		poolRun(p, 2, func(f *frame) {
			for b.Loop() {
				benchMeet(p, f)
			}
		})
	})
}

// BenchmarkWake is a Run of one step that needs a helper, which has gone to sleep before.
func BenchmarkWake(b *testing.B) {
	p := NewPool(2)
	defer p.Close()
	for b.Loop() {
		b.StopTimer()
		for p.asleep.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		b.StartTimer()
		poolRun(p, 2, func(f *frame) { benchMeet(p, f) })
	}
}

// benchMeet is meet without leaving the processor.
func benchMeet(p *Pool, f *frame) {
	var here atomic.Int32
	_ = p.run(f, 2, 2, func(*lower.Memory, int, int) {
		here.Add(1)
		for here.Load() < 2 {
			pause()
		}
	})
}

func TestThreadsAreBounded(t *testing.T) {
	p := NewPool(math.MaxInt)
	defer p.Close()
	require.Equal(t, MaxThreads-1, p.size)
	s := compileText(t, `graph "g" opset 21 (%x: float32[4]) -> (%y) {
  %y = Relu(%x) "y"
}`, Options{Threads: math.MaxInt})
	_, err := s.Run(t.Context(), tensor.New(tensor.Float32, 4))
	require.NoError(t, err)
}

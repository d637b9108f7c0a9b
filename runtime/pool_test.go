package runtime

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPoolRunsEveryTaskOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 5} {
		p := NewPool(threads)
		defer p.Close()
		var callers sync.WaitGroup
		for range 4 {
			callers.Go(func() {
				f := &frame{}
				p.begin(&f.job)
				defer p.end(&f.job)
				for tasks := range 50 {
					var busy [5]atomic.Int32
					done := make([]atomic.Int32, tasks)
					err := p.run(f, tasks, threads, func(_ *frame, task, worker int) {
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
		}
		callers.Wait()
	}
}

func TestPoolTurnsPanicsIntoErrors(t *testing.T) {
	p := NewPool(3)
	defer p.Close()
	f := &frame{}
	p.begin(&f.job)
	defer p.end(&f.job)
	for range 20 {
		err := p.run(f, 100, 3, func(_ *frame, task, _ int) {
			if task%7 == 3 {
				panic("boom")
			}
		})
		require.ErrorContains(t, err, "boom")
		require.NoError(t, p.run(f, 100, 3, func(*frame, int, int) {}))
	}
}

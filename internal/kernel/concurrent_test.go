package kernel

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestConcurrentRuns runs all tasks of one prepared convolution at once, for several inputs at once. Under the race
// detector it shows that Run only reads the kernel.
func TestConcurrentRuns(t *testing.T) {
	r := newRand()
	for _, group := range []int{1, 4} {
		s := ConvSpec{N: 1, C: 8, OutC: 32, Group: group, Split: 6, Act: Activation{Kind: Relu},
			Spatial: Spatial{In: []int{20, 21}, Out: []int{20, 21}, Kernel: []int{3, 3}, Pads: []int{1, 1}}}
		s.Weights = random(r, s.OutC*s.C/group*9)
		c, err := NewConv(s)
		require.NoError(t, err)
		require.Greater(t, c.Tasks(), 1)
		var wg sync.WaitGroup
		var outputs, want [4][]float32
		for i := range outputs {
			x := random(r, s.C*20*21)
			outputs[i], want[i] = make([]float32, s.OutC*20*21), make([]float32, s.OutC*20*21)
			runAll(c, func(task int, scratch []float32) { c.Run(task, want[i], x, nil, nil, nil, scratch) })
			for task := range c.Tasks() {
				wg.Go(func() { c.Run(task, outputs[i], x, nil, nil, nil, make([]float32, c.ScratchSize())) })
			}
		}
		wg.Wait()
		for i := range outputs {
			requireSame(t, want[i], outputs[i])
		}
	}
}

// The same of gradients.
func TestConcurrentGradients(t *testing.T) {
	r := newRand()
	const n, c, plane = 3, 2 * Block, 9 * 9
	spatial := Spatial{In: []int{9, 9}, Out: []int{9, 9}, Kernel: []int{3, 3}, Pads: []int{1, 1}}
	x, dy, w := random(r, n*c*plane), random(r, n*c*plane), random(r, c*c*9)
	atOnce := func(tasks int, run func(task int)) {
		var wg sync.WaitGroup
		for task := range tasks {
			wg.Go(func() { run(task) })
		}
		wg.Wait()
	}
	inTurn := func(tasks int, run func(task int)) {
		for task := range tasks {
			run(task)
		}
	}
	g, err := NewConvGradWeights(ConvGradWeightsSpec{N: n, C: c, OutC: c, Group: 1, Spatial: spatial, Split: 6})
	require.NoError(t, err)
	d, err := NewConvGradData(ConvGradDataSpec{N: n, C: c, OutC: c, Group: 1, Spatial: spatial, Split: 6})
	require.NoError(t, err)
	require.Greater(t, g.Tasks(), 1)
	require.Greater(t, d.Tasks(), 1)
	all := func(each func(tasks int, run func(task int))) (dw, dx []float32) {
		sums, packed := make([]float32, g.SumsSize()), make([]float32, d.PackedSize())
		dw, dx = make([]float32, len(w)), make([]float32, len(x))
		each(g.Tasks(), func(task int) { g.Run(task, sums, x, dy, make([]float32, g.ScratchSize())) })
		each(g.ReduceTasks(), func(task int) { g.Reduce(task, dw, sums) })
		each(d.PackTasks(), func(task int) { d.Pack(task, packed, w, nil, make([]float32, d.PackScratchSize())) })
		each(d.Tasks(), func(task int) { d.RunPacked(task, dx, dy, packed, nil, make([]float32, d.ScratchSize())) })
		return dw, dx
	}
	dw, dx := all(atOnce)
	wantW, wantX := all(inTurn)
	requireSame(t, wantW, dw)
	requireSame(t, wantX, dx)
}

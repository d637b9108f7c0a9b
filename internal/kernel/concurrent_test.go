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

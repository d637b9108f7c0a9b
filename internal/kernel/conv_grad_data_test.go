package kernel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// gradDataCase draws a gradient by the input, its operands, and what is to come out.
type gradDataCase struct {
	s               ConvGradDataSpec
	dy, w, residual []float32
	want            []float64
}

func newGradDataCase(t require.TestingT, s ConvGradDataSpec, withResidual bool) gradDataCase {
	r := newRand()
	k := gradDataCase{s: s, dy: random(r, s.N*s.OutC*product(s.Out)), w: random(r, s.OutC*s.C/s.Group*product(s.Kernel))}
	ref := ConvSpec{N: s.N, C: s.OutC, OutC: s.C, Group: s.Group, Spatial: s.Spatial}
	require.NoError(t, ref.complete("test"))
	ref.In, ref.Out = s.Out, s.In
	k.want = refConvTranspose(&ref, k.dy, k.w, nil)
	if withResidual {
		k.residual = random(r, len(k.want))
		for i, v := range k.residual {
			k.want[i] += float64(v)
		}
	}
	return k
}

// gradData is what gradients by the input are.
type gradData interface {
	prepared
	packer
	RunPacked(task int, dx, dy, packed, residual, scratch []float32)
}

// run computes dx, plain.
func (k *gradDataCase) run(t require.TestingT, g gradData) []float32 {
	s, in := &k.s, product(k.s.In)
	packed := packAll(t, g, k.w, nil)
	dx := newGuarded(s.N * Blocks(s.C) * in * Block)
	var residual []float32
	if k.residual != nil {
		residual = toBlocked(k.residual, s.N, s.C, in)
	}
	dy := toBlocked(k.dy, s.N, s.OutC, product(s.Out))
	runAll(g, func(task int, scratch []float32) { g.RunPacked(task, dx.data, dy, packed, residual, scratch) })
	dx.check(t)
	return fromBlocked(t, dx.data, s.N, s.C, in)
}

func TestConvGradData(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := ConvGradDataSpec{N: rapid.IntRange(1, 2).Draw(t, "n"), Group: rapid.IntRange(1, 2).Draw(t, "group")}
		s.C, s.OutC = rapid.IntRange(1, 40).Draw(t, "c"), rapid.IntRange(1, 40).Draw(t, "outC")
		if s.Group > 1 {
			s.C, s.OutC = s.Group*roundUp(s.C, Block), s.Group*roundUp(s.OutC, Block)
		}
		drawPlane(t, &s.Spatial)
		if rapid.Bool().Draw(t, "pointwise") {
			stride := rapid.IntRange(1, 3).Draw(t, "stride")
			s.Kernel, s.Strides, s.Dilations, s.Pads = []int{1, 1}, []int{stride, stride}, nil, nil
			s.Out = []int{outSize(s.In[0], 1, stride, 1, 0, 0), outSize(s.In[1], 1, stride, 1, 0, 0)}
		}
		k := newGradDataCase(t, s, rapid.Bool().Draw(t, "residual"))
		for _, s.Set = range allSets(t) {
			var first []float32
			for _, s.Split = range []int{1, 7, 50} {
				g, err := NewConvGradData(s)
				require.NoError(t, err)
				dx := k.run(t, g)
				if first == nil {
					first = dx
					requireClose(t, k.want, dx, float64(s.OutC/s.Group*product(s.Kernel)+2))
				}
				requireSame(t, first, dx)
			}
		}
	})
}

func TestWinogradGradData(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		form := rapid.IntRange(0, WinogradForms-1).Draw(t, "form")
		r := winogradForms[form].r
		s := ConvGradDataSpec{N: 2, Group: rapid.IntRange(1, 2).Draw(t, "group")}
		s.C, s.OutC = rapid.IntRange(1, 40).Draw(t, "c"), rapid.IntRange(1, 40).Draw(t, "outC")
		if s.Group > 1 {
			s.C, s.OutC = s.Group*roundUp(s.C, Block), s.Group*roundUp(s.OutC, Block)
		}
		for range 2 {
			p, q := rapid.IntRange(0, 3).Draw(t, "padBegin"), rapid.IntRange(0, 3).Draw(t, "padEnd")
			in := max(1, r-p-q) + rapid.IntRange(0, 15).Draw(t, "in")
			s.In, s.Out, s.Kernel, s.Pads = append(s.In, in), append(s.Out, outSize(in, r, 1, 1, p, q)), append(s.Kernel, r), append(s.Pads, p)
		}
		k := newGradDataCase(t, s, rapid.Bool().Draw(t, "residual"))
		largest := 1.0
		for _, v := range k.want {
			largest = max(largest, v, -v)
		}
		for _, s.Set = range allSets(t) {
			var first []float32
			for _, s.Split = range []int{1, 7} {
				g, err := NewWinogradGradData(s, form)
				require.NoError(t, err)
				dx := k.run(t, g)
				if first == nil {
					first = dx
					for i, v := range dx {
						require.InDelta(t, k.want[i], v, 1e-5*largest)
					}
				}
				requireSame(t, first, dx)
			}
		}
	})
}

func TestConvGradDataErrors(t *testing.T) {
	s := ConvGradDataSpec{N: 1, C: 6, OutC: 4, Group: 2, Spatial: Spatial{In: []int{4, 4}, Out: []int{2, 2}, Kernel: []int{3, 3}}}
	_, err := NewConvGradData(s)
	require.ErrorContains(t, err, "2 groups of 3 to 2 channels")
	s.Group, s.Strides = 1, []int{2, 2}
	_, err = NewWinogradGradData(s, 0)
	require.ErrorContains(t, err, "does not fit")
	s.OutC = 0
	_, err = NewConvGradData(s)
	require.ErrorContains(t, err, "1 groups of 6 to 0 channels")
}

func TestDepthwiseGradData(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := DepthwiseSpec{N: rapid.IntRange(1, 2).Draw(t, "n"), C: rapid.IntRange(1, 40).Draw(t, "c")}
		drawPlane(t, &s.Spatial)
		k := newGradDataCase(t, ConvGradDataSpec{N: s.N, C: s.C, OutC: s.C, Group: s.C, Spatial: s.Spatial}, false)
		dy := toBlocked(k.dy, s.N, s.C, product(s.Out))
		checkSlide(t, s.N, s.C, product(s.In), k.want, float64(product(s.Kernel)+2), func(set *Set, split int, dx []float32) {
			s.Set, s.Split = set, split
			g, err := NewDepthwiseGradData(s)
			require.NoError(t, err)
			packed := packAll(t, g, k.w, nil)
			runAll(g, func(task int, _ []float32) { g.RunPacked(task, dx, dy, packed) })
		})
	})
}

// gradients allocate nothing.
func TestConvGradAllocs(t *testing.T) {
	plane := Spatial{In: []int{9, 9}, Out: []int{5, 5}, Kernel: []int{3, 3}, Strides: []int{2, 2}, Pads: []int{1, 1}}
	r := newRand()
	x, dy, w := random(r, 81*Block), random(r, 25*Block), random(r, 9*Block*Block)
	d, err := NewConvGradData(ConvGradDataSpec{N: 1, C: Block, OutC: Block, Group: 1, Spatial: plane, Split: 4})
	require.NoError(t, err)
	packed, pack := make([]float32, d.PackedSize()), make([]float32, d.PackScratchSize())
	g, err := NewConvGradWeights(ConvGradWeightsSpec{N: 1, C: Block, OutC: Block, Group: 1, Spatial: plane, Split: 4})
	require.NoError(t, err)
	sums := make([]float32, g.SumsSize())
	noAllocs(t, d, func(task int, scratch []float32) {
		for i := range d.PackTasks() {
			d.Pack(i, packed, w, nil, pack)
		}
		d.RunPacked(task, x, dy, packed, nil, scratch)
	})
	noAllocs(t, g, func(task int, scratch []float32) {
		g.Run(task, sums, x, dy, scratch)
		for i := range g.ReduceTasks() {
			g.Reduce(i, w, sums)
		}
	})
}

// A NaN reaches the pixels whose window holds it, and no others.
func TestConvGradDataNaN(t *testing.T) {
	plane := Spatial{In: []int{7, 7}, Out: []int{7, 7}, Kernel: []int{3, 3}, Pads: []int{1, 1}}
	r := newRand()
	for _, set := range allSets(t) {
		g, err := NewConvGradData(ConvGradDataSpec{N: 1, C: 20, OutC: 5, Group: 1, Spatial: plane, Set: set})
		require.NoError(t, err)
		packed := packAll(t, g, random(r, 5*20*9), nil)
		dy, dx := toBlocked(random(r, 5*49), 1, 5, 49), make([]float32, 2*49*Block)
		dy[(3*7+2)*Block+4] = float32(math.NaN())
		runAll(g, func(task int, scratch []float32) { g.RunPacked(task, dx, dy, packed, nil, scratch) })
		for i, v := range dx {
			y, x, c := i/Block/7%7, i/Block%7, i/Block/49*Block+i%Block
			if c >= 20 { // lanes of no channel, which nobody reads
				continue
			}
			require.Equal(t, 2 <= y && y <= 4 && 1 <= x && x <= 3, v != v, "channel %d of %d, %d", c, y, x)
		}
	}
}

func TestNarrowGradData(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := ConvGradDataSpec{N: rapid.IntRange(1, 2).Draw(t, "n"), Group: 1}
		s.C, s.OutC = rapid.IntRange(1, Best().narrow.channels).Draw(t, "c"), rapid.IntRange(1, 20).Draw(t, "outC")
		drawPlane(t, &s.Spatial)
		for d := range s.Strides {
			s.Strides[d] = 1
			s.Out[d] = outSize(s.In[d], s.Kernel[d], 1, s.Dilations[d], s.Pads[d], s.Kernel[d]*s.Dilations[d])
		}
		k := newGradDataCase(t, s, false)
		for _, s.Set = range allSets(t) {
			if s.C > s.Set.narrow.channels {
				continue
			}
			for _, s.Split = range []int{1, 7} {
				g, err := NewNarrowGradData(s)
				require.NoError(t, err)
				packed, dx := packAll(t, g, k.w, nil), newGuarded(s.N*product(s.In)*Block)
				runAll(g, func(task int, scratch []float32) { g.RunPacked(task, dx.data, k.dy, packed, nil, scratch) })
				dx.check(t)
				requireClose(t, k.want, fromBlocked(t, dx.data, s.N, s.C, product(s.In)), float64(s.OutC*product(s.Kernel)+2))
			}
		}
	})
	s := ConvGradDataSpec{N: 1, C: 3, OutC: 4, Group: 1, Spatial: Spatial{In: []int{5, 5}, Out: []int{2, 2}, Kernel: []int{3, 3}, Strides: []int{2, 2}}}
	_, err := NewNarrowGradData(s)
	require.ErrorContains(t, err, "strides [2 2]")
}

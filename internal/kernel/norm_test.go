package kernel

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// forSplits runs a kernel prepared for several divisions and compares each with want.
func forSplits(t *testing.T, want []float64, scale float64, prepare func(split int) (prepared, func(task int, y []float32))) {
	t.Helper()
	var first []float32
	for _, split := range []int{1, 2, 5, 1000} {
		k, run := prepare(split)
		y := newGuarded(len(want))
		runAll(k, func(task int, _ []float32) { run(task, y.data) })
		y.check(t)
		if first == nil {
			first = y.data
			requireClose(t, want, first, scale)
		}
		requireSame(t, first, y.data)
		noAllocs(t, k, func(task int, _ []float32) { run(task, y.data) })
	}
}

func TestLRN(t *testing.T) {
	r := newRand()
	for _, s := range []LRNSpec{
		{N: 2, C: 7, Inner: 300, Size: 5, Alpha: 1e-2, Beta: 0.75, Bias: 2},
		{N: 1, C: 3, Inner: 9, Size: 4, Alpha: 0.5, Beta: 0.6, Bias: 1},
		{N: 1, C: 3, Inner: 1, Size: 9, Alpha: 0.5, Beta: 0.75, Bias: 1},
		{N: 3, C: 2, Inner: 2000, Size: 1, Alpha: 1, Beta: 1, Bias: 1},
	} {
		x := random(r, s.N*s.C*s.Inner)
		want := make([]float64, len(x))
		for i := range x {
			c := i / s.Inner % s.C
			var sum float64
			for j := range s.C {
				if float64(j) >= float64(c)-math.Floor(float64(s.Size-1)/2) && float64(j) <= float64(c)+math.Ceil(float64(s.Size-1)/2) {
					sum += math.Pow(float64(x[i+(j-c)*s.Inner]), 2)
				}
			}
			want[i] = float64(x[i]) / math.Pow(float64(s.Bias)+float64(s.Alpha)/float64(s.Size)*sum, float64(s.Beta))
		}
		forSplits(t, want, 0, func(split int) (prepared, func(int, []float32)) {
			s.Split = split
			k, err := NewLRN(s)
			require.NoError(t, err)
			return k, func(task int, y []float32) { k.Run(task, y, x) }
		})
	}
}

func TestChannelScale(t *testing.T) {
	r := newRand()
	for _, s := range []ChannelScaleSpec{{N: 2, C: 3, Inner: 5000}, {N: 4, C: 300, Inner: 1, Act: Activation{Kind: Relu}}, {N: 1, C: 1, Inner: 7}} {
		x := special(r, random(r, s.N*s.C*s.Inner))
		gamma, beta, mean := random(r, s.C), random(r, s.C), random(r, s.C)
		variance := make([]float32, s.C)
		for c := range variance {
			variance[c] = r.Float32() + 0.25
		}
		scale, shift := make([]float32, s.C), make([]float32, s.C)
		FoldBatchNorm(scale, shift, gamma, beta, mean, variance, 1e-5)
		want := make([]float64, len(x))
		for i, v := range x {
			c := i / s.Inner % s.C
			want[i] = refActivate(s.Act, float64(gamma[c])*(float64(v)-float64(mean[c]))/math.Sqrt(float64(variance[c])+1e-5)+float64(beta[c]))
		}
		forSplits(t, want, 4, func(split int) (prepared, func(int, []float32)) {
			s.Split = split
			k, err := NewChannelScale(s)
			require.NoError(t, err)
			return k, func(task int, y []float32) { k.Run(task, y, x, scale, shift) }
		})
	}
}

func TestNorm(t *testing.T) {
	r := newRand()
	for name, s := range map[string]NormSpec{
		"layer":    {Rows: 40, Len: 197, Groups: 1, Inner: 1, Epsilon: 1e-5},
		"wide":     {Rows: 7, Len: 768, Groups: 1, Inner: 1, Epsilon: 1e-5},
		"instance": {Rows: 2 * 6, Len: 35, Groups: 6, Inner: 35, Epsilon: 1e-3},
		"group":    {Rows: 2 * 3, Len: 2 * 35, Groups: 3, Inner: 35, Epsilon: 1e-3},
	} {
		t.Run(name, func(t *testing.T) {
			x, channels := random(r, s.Rows*s.Len), s.Groups*s.Len/s.Inner
			scale, bias := random(r, channels), random(r, channels)
			want := make([]float64, len(x))
			for i := range x {
				row := x[i/s.Len*s.Len:][:s.Len]
				var mean, variance float64
				for _, v := range row {
					mean += float64(v) / float64(s.Len)
				}
				for _, v := range row {
					variance += math.Pow(float64(v)-mean, 2) / float64(s.Len)
				}
				c := i / s.Inner % channels
				want[i] = (float64(x[i])-mean)/math.Sqrt(variance+float64(s.Epsilon))*float64(scale[c]) + float64(bias[c])
			}
			for _, set := range allSets(t) {
				scales := map[bool]float64{false: 1e-3, true: 4}
				forSplits(t, want, scales[set.Has(FamilyRows)], func(split int) (prepared, func(int, []float32)) {
					s.Split, s.Set = split, set
					k, err := NewNorm(s)
					require.NoError(t, err)
					return k, func(task int, y []float32) { k.Run(task, y, x, scale, bias) }
				})
			}
		})
	}
}

func TestSoftmax(t *testing.T) {
	r := newRand()
	for _, s := range []SoftmaxSpec{{Outer: 3, Axis: 1000, Inner: 1}, {Outer: 2, Axis: 21, Inner: 170}, {Outer: 5, Axis: 1, Inner: 3}, {Outer: 1, Axis: 4, Inner: 64}} {
		for _, s.Log = range []bool{false, true} {
			s.Set = generic()
			x := random(r, s.Outer*s.Axis*s.Inner)
			for i := range x {
				x[i] *= 200 // exp alone would overflow
			}
			x[0], x[len(x)-1] = -inf, float32(math.NaN())
			want := make([]float64, len(x))
			for i := range x {
				from := i/(s.Axis*s.Inner)*s.Axis*s.Inner + i%s.Inner
				top, sum := math.Inf(-1), 0.0
				for a := range s.Axis {
					top = max(top, float64(x[from+a*s.Inner]))
				}
				for a := range s.Axis {
					sum += math.Exp(float64(x[from+a*s.Inner]) - top)
				}
				want[i] = math.Exp(float64(x[i])-top) / sum
				if s.Log {
					want[i] = float64(x[i]) - top - math.Log(sum)
				}
			}
			for _, set := range allSets(t) { // vectors round the differences to the greatest element, which here are large
				scales := map[bool]float64{false: 1e-38, true: 1}
				forSplits(t, want, scales[set.Has(FamilyRows)], func(split int) (prepared, func(int, []float32)) {
					s.Split, s.Set = split, set
					k, err := NewSoftmax(s)
					require.NoError(t, err)
					return k, func(task int, y []float32) { k.Run(task, y, x) }
				})
			}
		}
	}
}

func TestNormsRefuseBadSpecs(t *testing.T) {
	_, err := NewLRN(LRNSpec{N: 1, C: 1, Inner: 1})
	require.EqualError(t, err, "kernel: lrn: unsupported size 0")
	_, err = NewLRN(LRNSpec{N: -1, C: 1, Inner: 1, Size: 1})
	require.ErrorContains(t, err, "kernel: lrn: negative size")
	_, err = NewNorm(NormSpec{Rows: 1, Len: 5, Groups: 1, Inner: 2})
	require.ErrorContains(t, err, "kernel: normalization: ")
	_, err = NewSoftmax(SoftmaxSpec{Outer: math.MaxInt, Axis: 3, Inner: 1})
	require.ErrorContains(t, err, "kernel: softmax: sizes")
	_, err = NewChannelScale(ChannelScaleSpec{N: -1})
	require.ErrorContains(t, err, "kernel: channel scale: negative size")
}

func BenchmarkLRN(b *testing.B) {
	for _, beta := range []float32{0.75, 0.6} {
		b.Run(fmt.Sprint(beta), func(b *testing.B) {
			k, err := NewLRN(LRNSpec{N: 1, C: 96, Inner: 55 * 55, Size: 5, Alpha: 1e-4, Beta: beta, Bias: 2})
			require.NoError(b, err)
			x, y := random(newRand(), 96*55*55), make([]float32, 96*55*55)
			for b.Loop() {
				k.Run(0, y, x)
			}
		})
	}
}

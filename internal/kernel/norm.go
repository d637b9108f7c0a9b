package kernel

import (
	"fmt"
	"math"
)

// ChannelScaleSpec describes y = act(x·scale[c] + shift[c]) over arrays N×C×Inner: batch normalization with fixed
// statistics.
type ChannelScaleSpec struct {
	N, C, Inner int
	Act         Activation
	Split       int
	Set         *Set
}

// ChannelScale is a prepared scaling of channels.
type ChannelScale struct {
	spec ChannelScaleSpec
	chunks
}

// NewChannelScale prepares a scaling of channels.
func NewChannelScale(spec ChannelScaleSpec) (*ChannelScale, error) {
	n, err := count("channel scale", spec.N, spec.C, spec.Inner)
	if err != nil {
		return nil, err
	}
	spec.Set = spec.Set.orBest()
	return &ChannelScale{spec, newChunks(n, spec.Split, grain)}, nil
}

// Run scales a part of x into y, which may be x.
func (k *ChannelScale) Run(task int, y, x, scale, shift []float32) {
	lo, hi := k.bounds(task)
	for lo < hi {
		line := lo / k.spec.Inner
		end := min(hi, (line+1)*k.spec.Inner)
		c := line % k.spec.C
		a, b, in, out := scale[c], shift[c], x[lo:end], y[lo:end]
		for i, v := range in {
			out[i] = v*a + b
		}
		k.spec.Act.apply(k.spec.Set, out)
		lo = end
	}
}

// FoldBatchNorm turns the parameters of a batch normalization into the scale and shift of a ChannelScale:
// gamma·(x-mean)/√(variance+epsilon) + beta.
func FoldBatchNorm(scale, shift, gamma, beta, mean, variance []float32, epsilon float32) {
	for c := range scale {
		a := float64(gamma[c]) / math.Sqrt(float64(variance[c])+float64(epsilon))
		scale[c], shift[c] = float32(a), float32(float64(beta[c])-a*float64(mean[c]))
	}
}

// NormSpec describes y = (x-mean)/√(variance+Epsilon)·scale + bias, with mean and variance of each of Rows rows of Len
// elements. The scale and bias of an element are those of channel row%Groups·(Len/Inner) + i/Inner, so that
//
//	layer normalization     is Groups 1, Inner 1
//	instance normalization  is Rows N×C, Len the spatial size, Groups C, Inner Len
//	group normalization     is Rows N×G, Groups G, Inner the spatial size
type NormSpec struct {
	Rows, Len     int
	Groups, Inner int
	Epsilon       float32
	Split         int
	Set           *Set
}

// Norm is a prepared normalization of rows.
type Norm struct {
	spec NormSpec
	chunks
}

// NewNorm prepares a normalization of rows.
func NewNorm(spec NormSpec) (*Norm, error) {
	n, err := count("normalization", spec.Rows, spec.Len)
	if err != nil {
		return nil, err
	}
	if spec.Groups < 1 || spec.Inner < 1 || spec.Len%spec.Inner != 0 {
		return nil, fmt.Errorf("kernel: normalization: unsupported %d groups, %d of %d elements a channel",
			spec.Groups, spec.Inner, spec.Len)
	}
	spec.Set = spec.Set.orBest()
	return &Norm{spec, newChunks(min(n, spec.Rows), spec.Split, grain/max(1, spec.Len))}, nil
}

// Run normalizes some rows of x into y, which may be x. scale and bias may be nil: 1 and 0.
func (k *Norm) Run(task int, y, x, scale, bias []float32) {
	lo, hi := k.bounds(task)
	n, rows := k.spec.Len, &k.spec.Set.rows
	if rows.sum != nil && rows.squares != nil && rows.normalize != nil && k.spec.Groups == 1 && k.spec.Inner == 1 && n%Block == 0 && scale != nil && bias != nil {
		for r := lo; r < hi && n > 0; r++ {
			row := &x[r*n : (r+1)*n][0]
			mean := rows.sum(row, n/Block, 0, 0) / float32(n)
			variance := float64(rows.squares(row, n/Block, 0, mean)) / float64(n)
			factor := float32(1 / math.Sqrt(variance+float64(k.spec.Epsilon)))
			rows.normalize(&y[r*n : (r+1)*n][0], row, &scale[:n][0], &bias[:n][0], n/Block, mean, factor)
		}
		return
	}
	for r := lo; r < hi; r++ {
		k.row(y[r*n:(r+1)*n], x[r*n:(r+1)*n], scale, bias, r%k.spec.Groups*(n/k.spec.Inner))
	}
}

func (k *Norm) row(y, x, scale, bias []float32, channel int) {
	var sum, squares float64
	for _, v := range x {
		sum += float64(v)
	}
	mean := sum / float64(len(x))
	for _, v := range x {
		squares += (float64(v) - mean) * (float64(v) - mean)
	}
	factor := 1 / math.Sqrt(squares/float64(len(x))+float64(k.spec.Epsilon))
	for len(x) > 0 {
		a, b := factor, 0.0
		if scale != nil {
			a *= float64(scale[channel])
		}
		if bias != nil {
			b = float64(bias[channel])
		}
		for i, v := range x[:k.spec.Inner] {
			y[i] = float32((float64(v)-mean)*a + b)
		}
		x, y = x[k.spec.Inner:], y[k.spec.Inner:]
		channel++
	}
}

// Package initial has the numbers that weights begin with.
package initial

import (
	"hash/fnv"
	"math"
)

// He is the bound of the uniform distribution for layers with rectifiers behind them (He et al. 2015, "Delving deep
// into rectifiers", equation 10).
func He(inputs, _ int) float64 { return math.Sqrt(6 / float64(inputs)) }

// Glorot is the bound for layers with tanh or a softmax behind them (Glorot and Bengio 2010, "Understanding the
// difficulty of training deep feedforward neural networks", equation 16).
func Glorot(inputs, outputs int) float64 { return math.Sqrt(6 / float64(inputs+outputs)) }

// Uniform fills dst with numbers between ±bound. Element i depends on seed, name and i alone, on every machine: it is
// number i of SplitMix64 (Steele et al. 2014) begun at a hash of seed and name.
func Uniform(dst []float32, seed uint64, name string, bound float32) {
	const gamma = 0x9e3779b97f4a7c15
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(name))
	state := mix64(seed+gamma) ^ hash.Sum64()
	for i := range dst {
		state += gamma
		// 24 bits, exact in a float32; the conversions forbid a fused multiply-add, which would round differently.
		u := float32(mix64(state)>>40) * 0x1p-23
		dst[i] = float32(u-1) * bound
	}
}

func mix64(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

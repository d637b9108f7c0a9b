package vision

import (
	"math"
	"math/bits"
	"math/rand/v2"
)

// dice is a sequence of random numbers, which follows from the arguments of newDice alone.
type dice struct{ pcg rand.PCG }

// newDice begins the sequence for an element of an epoch, by its index.
func newDice(seed uint64, epoch int, index uint64) dice {
	var d dice
	d.pcg.Seed(mixBits(seed+mixBits(uint64(epoch))), mixBits(index))
	return d
}

// mixBits hashes a number, so that numbers that differ in few bits have hashes that differ in many (the finalizer of
// SplitMix64; Steele, Lea, Flood 2014).
func mixBits(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// unit is uniform in [0, 1).
func (d *dice) unit() float64 { return float64(d.pcg.Uint64()>>11) / (1 << 53) }

func (d *dice) between(lo, hi float64) float64 { return lo + (hi-lo)*d.unit() }

// around is uniform in [-r, r).
func (d *dice) around(r float64) float64 { return d.between(-r, r) }

// below is one of 0 … n-1.
func (d *dice) below(n int) int {
	hi, _ := bits.Mul64(d.pcg.Uint64(), uint64(n))
	return int(hi)
}

// shuffle puts elements into a random order (Fisher, Yates).
func shuffle[T any](d *dice, s []T) {
	for i := len(s) - 1; i > 0; i-- {
		j := d.below(i + 1)
		s[i], s[j] = s[j], s[i]
	}
}

// beta has the distribution Beta(alpha, alpha) (Jöhnk 1964). It is computed by logarithms, because the powers of small
// numbers would be rounded to 0.
func (d *dice) beta(alpha float64) float64 {
	for {
		x, y := math.Log(1-d.unit())/alpha, math.Log(1-d.unit())/alpha
		top := max(x, y)
		sum := top + math.Log(math.Exp(x-top)+math.Exp(y-top))
		if sum <= 0 {
			return math.Exp(x - sum)
		}
	}
}

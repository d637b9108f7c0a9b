package vision

import (
	"math"
	"slices"
)

// Score is a class with its probability.
type Score struct {
	Index       int     `json:"index"`
	Label       string  `json:"label,omitempty"`
	Probability float32 `json:"probability"`
}

// TopK is the k most probable classes, the most probable first, equal ones by index. output is a model's scores for one
// image: probabilities, or numbers that a softmax turns into such.
func TopK(output []float32, labels []string, k int) []Score {
	p := Probabilities(output)
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := p[i], p[j]
		switch {
		case a > b || b != b && a == a:
			return -1
		case a < b || a != a && b == b:
			return 1
		}
		return 0
	})
	top := make([]Score, min(max(k, 0), len(order)))
	for i := range top {
		n := order[i]
		top[i] = Score{Index: n, Probability: float32(p[n])}
		if n < len(labels) {
			top[i].Label = labels[n]
		}
	}
	return top
}

// Probabilities is a model's scores for one image as they are if they are a distribution, else their softmax.
func Probabilities(output []float32) []float64 {
	p := make([]float64, len(output))
	highest := math.Inf(-1)
	for i, v := range output {
		p[i] = float64(v)
		highest = max(highest, p[i])
	}
	if IsDistribution(output) {
		return p
	}
	if math.IsInf(highest, 0) || math.IsNaN(highest) {
		return limits(p, highest)
	}
	sum := 0.0
	for i, v := range p {
		p[i] = math.Exp(v - highest)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// IsDistribution reports whether a model's scores for one image are probabilities already: none is negative, and their sum is
// one but for rounding.
func IsDistribution(output []float32) bool {
	sum := 0.0
	for _, v := range output {
		if !(v >= 0) {
			return false
		}
		sum += float64(v)
	}
	return math.Abs(sum-1) < 1e-3
}

// limits is the softmax of numbers that are not finite: infinity takes all, and beside NaN nothing is known.
func limits(p []float64, highest float64) []float64 {
	count := 0.0
	for _, v := range p {
		if v == highest {
			count++
		}
	}
	for i, v := range p {
		switch {
		case math.IsNaN(highest) || count == 0:
			p[i] = math.NaN()
		case v == highest:
			p[i] = 1 / count
		default:
			p[i] = 0
		}
	}
	return p
}

package kernel

import (
	"fmt"
	"math"
)

// UpdateKind names a rule by which weights learn.
type UpdateKind uint8

const (
	Descent  UpdateKind = iota // w' = w - rate·g
	Momentum                   // v' = beta1·v + g, w' = w - rate·v'
	Nesterov                   // v' = beta1·v + g, w' = w - rate·(g + beta1·v')
	Adam                       // Kingma and Ba 2015, with the decay of Loshchilov and Hutter 2019 in Keep
)

// UpdateSpec describes a step of N weights, where g = scale·dw + Decay·w.
type UpdateSpec struct {
	Kind                         UpdateKind
	N                            int
	Beta1, Beta2, Epsilon, Decay float32
	Decoupled                    bool // Decay is of the weights themselves, not in g; Adam alone
	Split                        int
	Set                          *Set
}

// Update is a prepared step.
type Update struct {
	spec UpdateSpec
	chunks
}

// UpdateStep is the arrays and the numbers of one step. The results ToW, ToM and ToV may be W, M and V themselves. Descent
// has no V, and only Adam has M. Where Scale is NaN, the results are W, M and V unchanged.
type UpdateStep struct {
	W, DW, M, V   []float32
	ToW, ToM, ToV []float32
	Rate, Scale   float32
	Number        int // of the step, from 1 on; of Adam alone
}

// NewUpdate prepares a step.
func NewUpdate(spec UpdateSpec) (*Update, error) {
	if spec.Kind > Adam || spec.Decoupled && spec.Kind != Adam {
		return nil, fmt.Errorf("kernel: update: unsupported kind %d, decoupled %v", spec.Kind, spec.Decoupled)
	}
	if _, err := count("update", spec.N); err != nil {
		return nil, err
	}
	spec.Set = spec.Set.orBest()
	return &Update{spec, newChunks(ceilDiv(spec.N, Block), spec.Split, ceilDiv(grain, Block))}, nil
}

// Algorithm names how it is computed.
func (k *Update) Algorithm() string { return "update" }

// updateArgs describes n ≥ 1 blocks of a step. _gen/update knows the offsets of the fields, and the order of the factors.
type updateArgs struct {
	w, dw, m, v, toW, toM, toV *float32
	n                          int
	updateFactors
}

type updateFactors struct{ scale, decay, rate, beta1, rest1, beta2, rest2, unbias, epsilon, keep float32 }

// Run computes one task.
func (k *Update) Run(task int, s *UpdateStep) {
	lo, hi := k.bounds(task)
	lo, hi = lo*Block, min(hi*Block, k.spec.N)
	if s.Scale != s.Scale {
		copy(s.ToW[lo:hi], s.W[lo:hi])
		if k.spec.Kind != Descent {
			copy(s.ToV[lo:hi], s.V[lo:hi])
		}
		if k.spec.Kind == Adam {
			copy(s.ToM[lo:hi], s.M[lo:hi])
		}
		return
	}
	part := UpdateStep{W: s.W[lo:hi], DW: s.DW[lo:hi], ToW: s.ToW[lo:hi]}
	if k.spec.Kind != Descent {
		part.V, part.ToV = s.V[lo:hi], s.ToV[lo:hi]
	}
	if k.spec.Kind == Adam {
		part.M, part.ToM = s.M[lo:hi], s.ToM[lo:hi]
	}
	f, step := k.factors(s), k.spec.Set.update.step[k.spec.Kind]
	if whole := (hi - lo) / Block; step != nil && whole > 0 {
		a := updateArgs{w: &part.W[0], dw: &part.DW[0], toW: &part.ToW[0], n: whole, updateFactors: f}
		if part.V != nil {
			a.v, a.toV = &part.V[0], &part.ToV[0]
		}
		if part.M != nil {
			a.m, a.toM = &part.M[0], &part.ToM[0]
		}
		step(noescape(&a))
		part = part.after(whole * Block)
	}
	updateGeneric(k.spec.Kind, &part, &f)
}

// after is the step without the first n elements.
func (s UpdateStep) after(n int) UpdateStep {
	for _, a := range []*[]float32{&s.W, &s.DW, &s.M, &s.V, &s.ToW, &s.ToM, &s.ToV} {
		*a = (*a)[min(n, len(*a)):]
	}
	return s
}

func (k *Update) factors(s *UpdateStep) updateFactors {
	f := updateFactors{scale: s.Scale, decay: k.spec.Decay, rate: s.Rate, beta1: k.spec.Beta1, keep: 1}
	if k.spec.Kind != Adam {
		return f
	}
	b1, b2, n := float64(k.spec.Beta1), float64(k.spec.Beta2), float64(s.Number)
	f.rest1, f.beta2, f.rest2, f.epsilon = float32(1-b1), k.spec.Beta2, float32(1-b2), k.spec.Epsilon
	f.rate, f.unbias = float32(float64(s.Rate)/(1-math.Pow(b1, n))), float32(1/(1-math.Pow(b2, n)))
	if k.spec.Decoupled {
		f.decay, f.keep = 0, float32(1-float64(s.Rate)*float64(k.spec.Decay))
	}
	return f
}

// updateGeneric is the reference.
func updateGeneric(kind UpdateKind, s *UpdateStep, f *updateFactors) {
	for i, w := range s.W {
		g := f.scale*s.DW[i] + f.decay*w
		switch kind {
		case Descent:
			s.ToW[i] = w - f.rate*g
		case Momentum, Nesterov:
			v := f.beta1*s.V[i] + g
			s.ToV[i] = v
			if kind == Nesterov {
				v = g + f.beta1*v
			}
			s.ToW[i] = w - f.rate*v
		case Adam:
			m, v := f.beta1*s.M[i]+f.rest1*g, f.beta2*s.V[i]+f.rest2*g*g
			s.ToM[i], s.ToV[i] = m, v
			s.ToW[i] = f.keep*w - f.rate*m/(float32(math.Sqrt(float64(v*f.unbias)))+f.epsilon)
		}
	}
}

// SquareSum is a prepared sum of the squares of N numbers, in parts of a fixed size: task i writes the sums of some parts.
type SquareSum struct {
	n   int
	set *Set
	chunks
}

// squarePart is how many numbers are summed in float32, 16 sums side by side.
const squarePart = 256 * Block

// NewSquareSum prepares a sum of squares.
func NewSquareSum(n, split int, set *Set) (*SquareSum, error) {
	if _, err := count("sum of squares", n); err != nil {
		return nil, err
	}
	return &SquareSum{n, set.orBest(), newChunks(ceilDiv(n, squarePart), split, 1)}, nil
}

// Parts is the number of elements of what Run writes.
func (k *SquareSum) Parts() int { return k.chunks.total }

// Run computes one task of parts, which the caller adds up in order.
func (k *SquareSum) Run(task int, parts []float64, x []float32) {
	lo, hi := k.bounds(task)
	for i := lo; i < hi; i++ {
		part := x[i*squarePart : min((i+1)*squarePart, k.n)]
		var sums [Block]float32
		if n := len(part) / Block; n > 0 {
			k.set.update.squares(noescape(&sums[0]), &part[0], n)
			part = part[n*Block:]
		}
		parts[i] = 0
		for _, v := range sums {
			parts[i] += float64(v)
		}
		for _, v := range part {
			parts[i] += float64(v) * float64(v)
		}
	}
}

// squaresGeneric is the reference.
func squaresGeneric(y, x *float32, n int) {
	sums := blockAt(y, 0)
	*sums = [Block]float32{}
	for b := range n {
		for i, v := range blockAt(x, b*blockBytes) {
			sums[i] += v * v
		}
	}
}

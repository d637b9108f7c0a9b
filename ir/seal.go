package ir

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/onnxrun/onnxrun/internal/mapped"
	"github.com/onnxrun/onnxrun/tensor"
)

// Seal is a checksum of every constant of a graph, those of bodies included. Nobody may change a constant: a seal that is
// broken says that somebody did, and that no result of the graph can be trusted.
type Seal struct {
	seed maphash.Seed
	sums []sealed
	have map[*tensor.Tensor]bool
	// that constants lie in, and what came of reading them
	files mapped.Files
	err   error
}

type sealed struct {
	name   string
	tensor *tensor.Tensor
	sum    uint64
}

// SealError is a constant that was changed.
type SealError struct{ Value string }

func (e *SealError) Error() string {
	return fmt.Sprintf("ir: constant %q was changed by somebody who may only read it: this is a fault of the program, and its results cannot be trusted", e.Value)
}

// NewSeal seals graphs; those that are nil are left out.
func NewSeal(graphs ...*Graph) *Seal {
	s := &Seal{seed: maphash.MakeSeed(), have: map[*tensor.Tensor]bool{}}
	for _, g := range graphs {
		if g != nil {
			s.Add(g)
		}
	}
	return s
}

// Add seals constants of a graph that are not sealed yet.
func (s *Seal) Add(g *Graph) {
	for _, f := range mapped.Of(g.backing) {
		if !slices.Contains(s.files, f) {
			s.files = append(s.files, f)
		}
	}
	for _, v := range g.values {
		if v != nil && v.konst != nil && !s.have[v.konst] {
			s.have[v.konst] = true
			s.sums = append(s.sums, sealed{v.name, v.konst, s.sum(v.konst)})
		}
	}
	for _, n := range g.nodes {
		for _, body := range Bodies(n.Op) {
			s.Add(body)
		}
	}
}

// Check is a *SealError for the first constant that is not what it was, or a *mapped.ChangedError where it is its file that
// has changed.
func (s *Seal) Check() error {
	if s.err != nil {
		return s.err
	}
	for _, c := range s.sums {
		sum := s.sum(c.tensor)
		if s.err != nil {
			return s.err
		}
		if sum != c.sum {
			return cmp.Or(s.files.Check(), error(&SealError{c.name}))
		}
	}
	return s.files.Check()
}

func (s *Seal) sum(t *tensor.Tensor) uint64 {
	defer s.files.Guard(&s.err)()
	if t.DType() != tensor.String {
		return maphash.Bytes(s.seed, t.Bytes())
	}
	var h maphash.Hash
	h.SetSeed(s.seed)
	for _, text := range tensor.Data[string](t) {
		maphash.WriteComparable(&h, text)
	}
	return h.Sum64()
}

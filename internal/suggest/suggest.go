// Package suggest finds the names that a mistyped one may stand for.
package suggest

import (
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/internal/plain"
)

const (
	most    = 3  // names are told
	maxName = 64 // bytes of a name are compared
	maxTold = 80 // characters of a name are told
)

// Nearest is a clause that names the known names nearest to name, by edit distance; empty where none is known.
func Nearest(name string, known []string) string {
	if len(known) == 0 {
		return ""
	}
	type candidate struct {
		name     string
		distance int
	}
	var near []candidate // the nearest so far, the nearest first, of equal ones the first
	p := newPattern(head(name))
	for _, s := range known {
		short := head(s)
		if len(near) == most && abs(len(short)-p.length) >= near[most-1].distance { // the distance is no less
			continue
		}
		d := p.distance(short)
		at := len(near)
		for at > 0 && near[at-1].distance > d {
			at--
		}
		near = slices.Insert(near, at, candidate{s, d})
		near = near[:min(len(near), most)]
	}
	quoted := make([]string, len(near))
	for i, c := range near {
		quoted[i] = plain.Quote(c.name, maxTold)
	}
	return "; nearest: " + strings.Join(quoted, ", ")
}

// head is what is compared of a name.
func head(s string) string {
	s = strings.ToLower(s[:min(len(s), maxName)]) // which may be longer in lower case
	return s[:min(len(s), maxName)]
}

func abs(n int) int { return max(n, -n) }

// pattern is a name of at most maxName bytes to compare others with.
type pattern struct {
	length int
	at     [256]uint64 // by byte: the places that have it
}

func newPattern(s string) *pattern {
	p := &pattern{length: len(s)}
	for i := range len(s) {
		p.at[s[i]] |= 1 << i
	}
	return p
}

// distance is the Levenshtein distance to s. A column of the table of distances is two sets of bits, where it rises and where
// it falls by one from row to row (G. Myers, A fast bit-vector algorithm for approximate string matching, 1999).
func (p *pattern) distance(s string) int {
	if p.length == 0 {
		return len(s)
	}
	d, last := p.length, uint64(1)<<(p.length-1)
	rises, falls := ^uint64(0), uint64(0)
	for i := range len(s) {
		same := p.at[s[i]]
		diagonal := ((same & rises) + rises) ^ rises | same
		right, left := falls|^(diagonal|rises), rises&diagonal
		if right&last != 0 {
			d++
		}
		if left&last != 0 {
			d--
		}
		right, left = right<<1|1, left<<1
		rises, falls = left|^(same|falls|right), right&(same|falls)
	}
	return d
}

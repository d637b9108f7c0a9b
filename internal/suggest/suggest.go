// Package suggest finds the names that a mistyped one may stand for.
package suggest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Nearest is a clause that names the known names nearest to name, by edit distance; empty where none is known.
func Nearest(name string, known []string) string {
	if len(known) == 0 {
		return ""
	}
	near := slices.Clone(known)
	slices.SortStableFunc(near, func(a, b string) int { return cmp.Compare(distance(name, a), distance(name, b)) })
	quoted := make([]string, 0, 3)
	for _, s := range near[:min(3, len(near))] {
		quoted = append(quoted, fmt.Sprintf("%q", s))
	}
	return "; nearest: " + strings.Join(quoted, ", ")
}

// distance is the Levenshtein distance of the lower-case forms, over at most 64 bytes of each.
func distance(a, b string) int {
	a, b = strings.ToLower(a[:min(len(a), 64)]), strings.ToLower(b[:min(len(b), 64)])
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diag
			if a[i] != b[j] {
				cost++
			}
			diag = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

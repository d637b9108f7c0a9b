package suggest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestNearest(t *testing.T) {
	require.Empty(t, Nearest("a", nil))
	require.Equal(t, `; nearest: "conv1", "conv2", "fc1"`, Nearest("Conv1", []string{"fc1", "conv2", "pool", "conv1"}))
	require.Equal(t, `; nearest: "b", "c", "d"`, Nearest("a", []string{"b", "c", "d", "e"}), "of equal ones the first")
}

// What a file names its nodes costs no time and no room.
func TestNearestOfHostileNames(t *testing.T) {
	known := []string{"\x1b[31m\n", strings.Repeat("x", 1<<20), strings.Repeat("\xff", 1<<20)}
	require.Equal(t, "; nearest: "+`"\x1b[31m\n", "`+strings.Repeat("x", maxTold)+`"…, "`+strings.Repeat(`\xff`, maxTold)+`"…`, Nearest("x", known))
	known = nil
	for i := range 100_000 {
		known = append(known, strings.Repeat("n", 60)+fmt.Sprint(i))
	}
	start := time.Now()
	require.Contains(t, Nearest(strings.Repeat("m", 1<<20), known), "nearest")
	require.Less(t, time.Since(start), 2*time.Second)
}

// table is the Levenshtein distance, row by row.
func table(a, b string) int {
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

func TestDistance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-c]{0,64}`)
		a, b := name.Draw(t, "a"), name.Draw(t, "b")
		require.Equal(t, table(a, b), newPattern(a).distance(b))
	})
}

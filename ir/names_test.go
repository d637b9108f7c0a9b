package ir

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestNameTableIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := newNameTable[int](rapid.IntRange(0, 40).Draw(t, "reserved"))
		want := map[string]int{}
		for i := range rapid.IntRange(0, 300).Draw(t, "steps") {
			name := fmt.Sprint("n", rapid.IntRange(0, 60).Draw(t, "name"))
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				table.set(name, i)
				want[name] = i
			case 1:
				table.delete(name)
				delete(want, name)
			}
			got, ok := table.get(name)
			n, wanted := want[name]
			require.Equal(t, n, got)
			require.Equal(t, wanted, ok)
			require.Equal(t, len(want), table.len())
		}
		for name, n := range want {
			got, ok := table.get(name)
			require.True(t, ok && got == n)
		}
	})
}

// Names that come and go leave no room behind.
func TestNameTableForgets(t *testing.T) {
	table := newNameTable[int](0)
	for i := range 100000 {
		table.set(fmt.Sprint(i), i)
		table.delete(fmt.Sprint(i - 10))
	}
	require.Equal(t, 10, table.len())
	require.Less(t, cap(table.entries)+len(table.slots), 1000)
}

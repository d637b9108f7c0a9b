package runtime

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/onnxrun/onnxrun/tensor"
)

// Slots that live at the same time never overlap, every slot is aligned, and the arena is not larger than the sum.
func TestPackArena(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots := make([]slot, rapid.IntRange(0, 40).Draw(t, "slots"))
		sum := 0
		for i := range slots {
			first := rapid.IntRange(0, 30).Draw(t, "first")
			slots[i] = slot{
				kind: planned, size: rapid.IntRange(0, 300).Draw(t, "size"),
				first: first, last: first + rapid.IntRange(0, 10).Draw(t, "life"),
			}
			sum += align(slots[i].size)
		}
		arena := 0
		if rapid.Bool().Draw(t, "by time") {
			var order []int
			for id, s := range slots {
				if s.size > 0 {
					order = append(order, id)
				}
			}
			arena = packByTime(slots, order)
		} else {
			arena = packArena(slots, DefaultMaxMemory)
		}
		require.LessOrEqual(t, arena, sum)
		for i, a := range slots {
			require.Zero(t, a.offset%tensor.Align)
			require.LessOrEqual(t, a.offset+a.size, arena)
			for _, b := range slots[:i] {
				together := a.first <= b.last && b.first <= a.last
				overlap := a.offset < b.offset+b.size && b.offset < a.offset+a.size
				require.False(t, together && overlap && a.size > 0 && b.size > 0, "%+v %+v", a, b)
			}
		}
	})
}

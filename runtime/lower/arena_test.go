package lower

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/onnxrun/onnxrun/tensor"
)

// Slots that live at the same time never overlap, every slot is aligned, and the arena is not larger than the sum.
func TestPackArena(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots := make([]Slot, rapid.IntRange(0, 40).Draw(t, "slots"))
		sum := 0
		for i := range slots {
			first := rapid.IntRange(0, 30).Draw(t, "first")
			slots[i] = Slot{
				Kind: Planned, Size: rapid.IntRange(0, 300).Draw(t, "size"),
				First: first, Last: first + rapid.IntRange(0, 10).Draw(t, "life"),
			}
			sum += align(slots[i].Size)
		}
		arena := 0
		if rapid.Bool().Draw(t, "by time") {
			var order []int
			for id, s := range slots {
				if s.Size > 0 {
					order = append(order, id)
				}
			}
			arena = packByTime(slots, order)
		} else {
			arena = packArena(slots, 1<<30)
		}
		require.LessOrEqual(t, arena, sum)
		for i, a := range slots {
			require.Zero(t, a.Offset%tensor.Align)
			require.LessOrEqual(t, a.Offset+a.Size, arena)
			for _, b := range slots[:i] {
				together := a.First <= b.Last && b.First <= a.Last
				overlap := a.Offset < b.Offset+b.Size && b.Offset < a.Offset+a.Size
				require.False(t, together && overlap && a.Size > 0 && b.Size > 0, "%+v %+v", a, b)
			}
		}
	})
}

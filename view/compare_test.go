package view

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// marks is a comparison as text: the counts, then what is not the same.
func marks(a, b *Model) string {
	c := Compare(a, b)
	lines := []string{fmt.Sprintf("%d same, %d changed, %d removed, %d added", c.Same, c.Changed, c.Removed, c.Added)}
	for i, m := range c.Before {
		if m.Status != Same {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", m.Status, a.Nodes[i].Name, strings.Join(m.Changes, "; "))))
		}
	}
	for j, m := range c.After {
		if m.Status == Added {
			lines = append(lines, "added "+b.Nodes[j].Name)
		}
	}
	return strings.Join(lines, "\n")
}

const before = `graph "g" (%x: float32[N,2,4,4], %z: float32[N,2,2,2]) -> (%y) {
  %w: float32[2,2,3,3] = const splat(0.5)
  %s: float32[2] = const [1, 2]
  %c: float32[N,2,2,2] = Conv(%x, %w, _) "conv"
  %n: float32[N,2,2,2] = BatchNormalization(%c, %s, %s, %s, %s) "bn"
  %r: float32[N,2,2,2] = Relu(%n) "relu"
  %d: float32[N,2,2,2] = Sub(%r, %z) "sub"
  %p: float32[N,2,1,1] = MaxPool{kernel_shape=[2, 2]}(%d) "pool"
  %y: float32[N,2] = Flatten(%p) "flat"
}`

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		name  string
		edits []string // old, new, …
		want  string
	}{
		{"nothing", nil, "6 same, 0 changed, 0 removed, 0 added"},
		{"weights", []string{"splat(0.5)", "splat(0.25)"}, "5 same, 1 changed, 0 removed, 0 added\nchanged conv input W: other elements"},
		{"attribute", []string{"MaxPool{kernel_shape=[2, 2]}", "MaxPool{kernel_shape=[2, 2], storage_order=1}"},
			"5 same, 1 changed, 0 removed, 0 added\nchanged pool storage_order: default → 1"},
		{"attributes that say nothing new", []string{"Conv(", "Conv{dilations=[1, 1], kernel_shape=[3, 3], pads=[0, 0, 0, 0], strides=[1, 1]}("},
			"6 same, 0 changed, 0 removed, 0 added"},
		{"swapped inputs", []string{"Sub(%r, %z)", "Sub(%z, %r)"}, "5 same, 1 changed, 0 removed, 0 added\nchanged sub input A: r → z; input B: z → r"},
		{"operator", []string{"Sub(", "Add("}, "5 same, 1 changed, 0 removed, 0 added\nchanged sub operator: Sub → Add"},
		{"names", []string{`"relu"`, `"another"`, "%d", "%e"}, "6 same, 0 changed, 0 removed, 0 added"},
		{"all names of a node", []string{`"relu"`, `"other"`, "%r:", "%r2:", "%r,", "%r2,"}, "6 same, 0 changed, 0 removed, 0 added"},
		{"all names of two nodes in a row", []string{`"bn"`, `"bn2"`, "%n:", "%n2:", "(%n)", "(%n2)", `"relu"`, `"other"`, "%r:", "%r2:", "%r,", "%r2,"},
			"6 same, 0 changed, 0 removed, 0 added"},
		{"all names and a constant", []string{`"bn"`, `"bn2"`, "%n:", "%n2:", "(%n)", "(%n2)", "[1, 2]", "[1, 3]"},
			"5 same, 0 changed, 1 removed, 1 added\nremoved bn\nadded bn2"},
		{"removed and bias added", []string{
			"Conv(%x, %w, _)", "Conv(%x, %w, %s)", `  %n: float32[N,2,2,2] = BatchNormalization(%c, %s, %s, %s, %s) "bn"`, "", "Relu(%n)", "Relu(%c)",
		}, "4 same, 1 changed, 1 removed, 0 added\nchanged conv input B: absent → s\nremoved bn"},
		{"inserted", []string{"Sub(%r, %z)", "Sub(%q, %z)", "  %d:", "  %q: float32[N,2,2,2] = Abs(%r) \"abs\"\n  %d:"},
			"6 same, 0 changed, 0 removed, 1 added\nadded abs"},
		{"type", []string{"float32[N,2]", "float32[3,2]", "float32[N,", "float32[3,"}, "0 same, 6 changed, 0 removed, 0 added\n" +
			"changed x output: float32 N×2×4×4 → float32 3×2×4×4\nchanged z output: float32 N×2×2×2 → float32 3×2×2×2\n" +
			"changed conv output: float32 N×2×2×2 → float32 3×2×2×2\nchanged bn output: float32 N×2×2×2 → float32 3×2×2×2\n" +
			"changed relu output: float32 N×2×2×2 → float32 3×2×2×2\nchanged sub output: float32 N×2×2×2 → float32 3×2×2×2\n" +
			"changed pool output: float32 N×2×1×1 → float32 3×2×1×1\nchanged flat output: float32 N×2 → float32 3×2"},
		{"output", []string{"-> (%y)", "-> (%p)"}, "6 same, 0 changed, 0 removed, 0 added\nremoved y\nadded p"},
	} {
		t.Run(c.name, func(t *testing.T) {
			after := strings.NewReplacer(c.edits...).Replace(before)
			got := marks(describe(t, parse(t, before), "", false), describe(t, parse(t, after), "", false))
			require.Equal(t, c.want, got)
		})
	}
}

// Partners know one another.
func TestCompareIsSymmetric(t *testing.T) {
	a := describe(t, parse(t, before), "", false)
	b := describe(t, parse(t, strings.NewReplacer("Relu(%n)", "Relu(%c)", `"relu"`, `"r2"`).Replace(before)), "", false)
	c, d := Compare(a, b), Compare(b, a)
	require.Equal(t, [4]int{c.Same, c.Changed, c.Removed, c.Added}, [4]int{d.Same, d.Changed, d.Added, d.Removed})
	for i, m := range c.Before {
		if m.Partner >= 0 {
			require.Equal(t, i, c.After[m.Partner].Partner)
			require.Equal(t, i, d.Before[m.Partner].Partner)
		}
	}
}

package kernel

import "testing"

func TestLayout(t *testing.T) {
	r := newRand()
	for _, set := range allSets(t) {
		for _, s := range []LayoutSpec{{N: 1, C: 3, Plane: 7}, {N: 2, C: 16, Plane: 1}, {N: 2, C: 33, Plane: 50}, {N: 1, C: 64, Plane: 196}, {N: 1, C: 20, Plane: 16}} {
			s.Split, s.Set = 3, set
			x := random(r, s.N*s.C*s.Plane)
			to, _ := NewToBlocked(s)
			y := newGuarded(s.N * Blocks(s.C) * s.Plane * Block)
			runAll(to, func(task int, _ []float32) { to.Run(task, y.data, x) })
			y.check(t)
			requireSame(t, toBlocked(x, s.N, s.C, s.Plane), y.data)
			from, _ := NewFromBlocked(s)
			z := newGuarded(len(x))
			runAll(from, func(task int, _ []float32) { from.Run(task, z.data, y.data) })
			z.check(t)
			requireSame(t, x, z.data)

			s.Last = true
			last := make([]float32, len(x))
			for i, v := range x {
				image, c, p := i/(s.C*s.Plane), i/s.Plane%s.C, i%s.Plane
				last[(image*s.Plane+p)*s.C+c] = v
			}
			to, _ = NewToBlocked(s)
			w := newGuarded(len(y.data))
			runAll(to, func(task int, _ []float32) { to.Run(task, w.data, last) })
			w.check(t)
			requireSame(t, y.data, w.data)
			from, _ = NewFromBlocked(s)
			z = newGuarded(len(x))
			runAll(from, func(task int, _ []float32) { from.Run(task, z.data, w.data) })
			z.check(t)
			requireSame(t, last, z.data)
		}
	}
}

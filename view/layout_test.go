package view

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// requireGood checks what a drawing promises: no boxes overlap, and every link goes downwards from its one box to the other.
func requireGood(t require.TestingT, sizes []box, links []link, d *drawing) {
	require.Len(t, d.boxes, len(sizes))
	order := slices.Clone(d.boxes)
	slices.SortFunc(order, func(a, b box) int { return int(a.y - b.y) })
	for i, a := range order {
		require.GreaterOrEqual(t, a.x, 0.0)
		require.GreaterOrEqual(t, a.y, 0.0)
		require.LessOrEqual(t, a.x+a.w, d.width)
		require.LessOrEqual(t, a.y+a.h, d.height)
		for _, b := range order[i+1:] {
			if b.y >= a.y+a.h {
				break
			}
			require.False(t, a.x < b.x+b.w && b.x < a.x+a.w, "%v and %v overlap", a, b)
		}
	}
	for i, s := range sizes {
		require.Equal(t, [2]float64{s.w, s.h}, [2]float64{d.boxes[i].w, d.boxes[i].h})
	}
	for i, l := range links {
		way := wayOf(d, i)
		for k := 1; k < len(way); k++ {
			require.Greater(t, way[k].y, way[k-1].y, "link %v goes %v", l, way)
		}
		from, to := d.boxes[l.from], d.boxes[l.to]
		require.Equal(t, from.y+from.h, way[0].y)
		require.Equal(t, to.y, way[len(way)-1].y)
		require.True(t, way[0].x >= from.x && way[0].x <= from.x+from.w)
		require.True(t, way[len(way)-1].x >= to.x && way[len(way)-1].x <= to.x+to.w)
	}
}

// wayOf is the points of a link from its box to the other.
func wayOf(d *drawing, link int) (way []point) {
	for s := d.last[link]; s >= 0; s = d.segments[s].parent {
		points := d.segments[s].points
		if len(way) > 0 {
			points = points[:len(points)-1] // which is where the rest begins
		}
		way = append(slices.Clone(points), way...)
	}
	return way
}

func genGraph(t *rapid.T) ([]box, []link) {
	n := rapid.IntRange(1, 40).Draw(t, "boxes")
	sizes := make([]box, n)
	for i := range sizes {
		sizes[i] = box{w: float64(4 * rapid.IntRange(8, 60).Draw(t, "w")), h: float64(rapid.IntRange(10, 60).Draw(t, "h"))}
	}
	var links []link
	for range rapid.IntRange(0, 3*n).Draw(t, "links") {
		if n > 1 {
			to := rapid.IntRange(1, n-1).Draw(t, "to")
			links = append(links, link{rapid.IntRange(0, to-1).Draw(t, "from"), to, rapid.IntRange(0, 1).Draw(t, "port")})
		}
	}
	return sizes, links
}

func TestDrawingKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes, links := genGraph(t)
		d, err := draw(sizes, links)
		require.NoError(t, err)
		requireGood(t, sizes, links, d)
		again, err := draw(sizes, links)
		require.NoError(t, err)
		require.Equal(t, d, again)
	})
}

// Counting by tree gives what counting by pairs gives, and ordering leaves no more crossings than there were.
func TestCrossings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes, links := genGraph(t)
		h := newHierarchy(sizes, rankBoxes(len(sizes), links), links)
		h.firstOrder()
		slow := 0
		for r := 1; r < len(h.layers); r++ {
			for i, u := range h.layers[r-1] {
				for _, v := range h.layers[r-1][i+1:] {
					slow += h.crossingsOf(h.vertices[u].down, h.vertices[v].down)
				}
			}
		}
		require.Equal(t, slow, h.crossings())
		h = newHierarchy(sizes, rankBoxes(len(sizes), links), links)
		h.order()
		require.LessOrEqual(t, h.crossings(), slow)
	})
}

func chain(n int) (sizes []box, links []link) {
	for i := range n {
		sizes = append(sizes, box{w: 100, h: 40})
		if i > 0 {
			links = append(links, link{i - 1, i, 0})
		}
	}
	return sizes, links
}

func TestChainIsStraight(t *testing.T) {
	sizes, links := chain(9)
	d, err := draw(sizes, links)
	require.NoError(t, err)
	for i, b := range d.boxes {
		require.Zero(t, b.x)
		require.Equal(t, float64(i*(40+rankGap)), b.y)
	}
	for _, s := range d.segments {
		require.Equal(t, 50.0, s.points[0].x)
		require.Equal(t, 50.0, s.points[1].x)
	}
}

// A residual block: the line past the two boxes is straight and crosses nothing.
func TestLongLinkIsStraight(t *testing.T) {
	sizes, links := chain(4)
	links = append(links, link{0, 3, 0})
	d, err := draw(sizes, links)
	require.NoError(t, err)
	require.Len(t, d.segments, 4)
	way := wayOf(d, 3)
	require.Len(t, way, 4)
	require.Equal(t, way[1].x, way[2].x)
	for _, b := range d.boxes[1:3] {
		require.False(t, way[1].x > b.x-1 && way[1].x < b.x+b.w+1)
	}
}

// What one box gives to many goes one way as long as it can.
func TestLinksShareTheirWay(t *testing.T) {
	sizes, links := chain(6)
	links = append(links, link{0, 3, 0}, link{0, 5, 0})
	d, err := draw(sizes, links)
	require.NoError(t, err)
	a, b := wayOf(d, 5), wayOf(d, 6)
	require.Equal(t, a[:2], b[:2])
	requireGood(t, sizes, links, d)
}

// Lines that pass ranks pass them beside the boxes.
func TestLinesGoAroundBoxes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes, links := genGraph(t)
		for i := range sizes {
			sizes[i].h = 40
		}
		d, err := draw(sizes, links)
		require.NoError(t, err)
		for i, l := range links {
			way := wayOf(d, i)
			for k := 1; k < len(way)-2; k++ {
				for b, box := range d.boxes {
					if b != l.from && b != l.to && way[k].x == way[k+1].x && way[k].y < box.y+box.h && way[k+1].y > box.y {
						require.False(t, way[k].x > box.x && way[k].x < box.x+box.w, "link %v runs through box %d", l, b)
					}
				}
			}
		}
	})
}

// Where there would be too many bends, the longest links go straight.
func TestFreeLinks(t *testing.T) {
	sizes, links := chain(1200)
	for i := range 500 {
		links = append(links, link{i, 1199 - i, 1})
	}
	d, err := draw(sizes, links)
	require.NoError(t, err)
	require.False(t, d.segments[d.last[len(links)-1]].free)
	require.True(t, d.segments[d.last[1199]].free)
	require.Len(t, wayOf(d, 1199), 2)
	requireGood(t, sizes, links, d)
}

func TestDrawRefusesLinksBackwards(t *testing.T) {
	for _, l := range []link{{0, 0, 0}, {1, 0, 0}, {-1, 1, 0}, {0, 2, 0}} {
		_, err := draw(make([]box, 2), []link{l})
		require.ErrorContains(t, err, "does not go to a later one")
	}
	d, err := draw(nil, nil)
	require.NoError(t, err)
	require.Empty(t, d.boxes)
}

// bigGraph is blocks of branches with long links, as in networks, and a box that everything reads.
func bigGraph(n int, dense bool) (sizes []box, links []link) {
	sizes, links = chain(n)
	for i := 5; i < n; i += 5 {
		links = append(links, link{i - 5, i, 0}, link{i - 4, i, 0})
		if dense {
			links = append(links, link{0, i, 1}, link{i / 2, i, 2})
		}
	}
	return sizes, links
}

func TestBigGraphs(t *testing.T) {
	for name, dense := range map[string]bool{"blocks": false, "dense": true} {
		t.Run(name, func(t *testing.T) {
			sizes, links := bigGraph(10_000, dense)
			start := time.Now()
			d, err := draw(sizes, links)
			require.NoError(t, err)
			t.Log(time.Since(start), "for 10,000 boxes")
			require.Less(t, time.Since(start), time.Minute)
			requireGood(t, sizes, links, d)
		})
	}
}

func BenchmarkDraw(b *testing.B) {
	sizes, links := bigGraph(500, true)
	for b.Loop() {
		if _, err := draw(sizes, links); err != nil {
			b.Fatal(err)
		}
	}
}

package chart

import (
	"fmt"
	"image/color"
	"io"
	"math"
	"strconv"

	"gonum.org/v1/plot/vg/draw"
)

// Confusion draws a confusion matrix: counts[i][j] images of class i were taken for class j. A cell's shade is its share
// of the row, blue where it is right and red where it is wrong; up to 30 classes have their counts written into the cells
// and their recall beside them, up to 120 their names. Beyond maxClasses it is an error.
func Confusion(w io.Writer, classes []string, counts [][]int) error {
	n := len(classes)
	if n == 0 || n > maxClasses || len(counts) != n {
		return fmt.Errorf("chart: confusion matrix of %d rows for %d classes, expects 1 to %d of both", len(counts), n, maxClasses)
	}
	for i, row := range counts {
		if len(row) != n {
			return fmt.Errorf("chart: confusion matrix: row %d has %d numbers for %d classes", i, len(row), n)
		}
	}
	m := newMatrix(classes, counts)
	m.draw()
	return m.s.write(w)
}

// maxClasses bounds the rows of a confusion matrix.
const maxClasses = 2000

// matrix is where the parts of the picture are, in pixels.
type matrix struct {
	s       *sheet
	counts  [][]int
	names   []string // empty: too many
	numbers bool     // whether counts and recall are written
	level   bool     // whether the names of columns fit without being turned
	cell    int
	font    float64
	x, y    int // of the first cell
}

func newMatrix(classes []string, counts [][]int) *matrix {
	n := len(classes)
	m := &matrix{counts: counts, cell: max(1, min(110, 1900/n)), numbers: n <= 30}
	m.font = min(26, float64(m.cell)*0.8)
	left, top := 0, 0
	if n <= 120 {
		for _, c := range classes {
			m.names = append(m.names, short(c, 28))
		}
		left = widest(sans(m.font, ink, false), m.names)
		m.level = left < m.cell-8
		if top = left; m.level {
			top = int(m.font)
		}
	}
	m.x, m.y = 60+left+30, 70+top+24
	right := 40
	if m.numbers {
		right = 120
	}
	m.s = newSheet(max(m.x+n*m.cell+right, 480), m.y+n*m.cell+40)
	return m
}

func (m *matrix) draw() {
	head, n := sans(26, faint, false), len(m.counts)
	side := float64(m.x) + float64(n*m.cell)/2
	m.s.text(styled(head, draw.XCenter, draw.YCenter), side, 34, "predicted")
	turned := styled(head, draw.XCenter, draw.YCenter)
	turned.Rotation = math.Pi / 2
	m.s.text(turned, 34, float64(m.y)+float64(n*m.cell)/2, "true")
	if m.numbers {
		m.s.text(styled(head, draw.XLeft, draw.YBottom), float64(m.x+n*m.cell+14), float64(m.y-12), "recall")
	}
	for i, row := range m.counts {
		m.row(i, row)
		if m.names != nil {
			m.label(i)
		}
	}
}

// label writes the name of class i beside its row and above its column.
func (m *matrix) label(i int) {
	middle := (float64(i) + 0.5) * float64(m.cell)
	style := sans(m.font, ink, false)
	m.s.text(styled(style, draw.XRight, draw.YCenter), float64(m.x-14), float64(m.y)+middle, m.names[i])
	if m.level {
		m.s.text(styled(style, draw.XCenter, draw.YBottom), float64(m.x)+middle, float64(m.y-10), m.names[i])
		return
	}
	style = styled(style, draw.XLeft, draw.YCenter)
	style.Rotation = math.Pi / 2
	m.s.text(style, float64(m.x)+middle, float64(m.y-10), m.names[i])
}

func (m *matrix) row(i int, row []int) {
	sum := 0
	for _, c := range row {
		sum += c
	}
	gap := 0
	if m.cell >= 8 {
		gap = 2
	}
	y := m.y + i*m.cell
	for j, c := range row {
		share := float64(c) / float64(max(1, sum))
		x := m.x + j*m.cell
		shade := shadeOf(share, i == j)
		m.s.rect(x, y, m.cell-gap, m.cell-gap, shade)
		if m.numbers && c > 0 {
			tone := color.Color(ink)
			if share > 0.3 {
				tone = color.White
			}
			text := strconv.Itoa(c)
			size := min(float64(m.cell)*0.36, 1.5*float64(m.cell)/float64(len(text)))
			m.s.text(styled(sans(min(26, size), tone, false), draw.XCenter, draw.YCenter), float64(x)+float64(m.cell-gap)/2, float64(y)+float64(m.cell-gap)/2, text)
		}
	}
	if m.numbers && sum > 0 {
		recall := fmt.Sprintf("%.1f %%", 100*float64(row[i])/float64(sum))
		m.s.text(styled(sans(min(26, m.font), faint, false), draw.XLeft, draw.YCenter), float64(m.x+len(row)*m.cell+14), float64(y)+float64(m.cell)/2, recall)
	}
}

// shadeOf is the color of a share of a row: small ones stand out more than in proportion.
func shadeOf(share float64, right bool) color.Color {
	full := color.NRGBA{0xc6, 0x28, 0x1a, 0xff}
	if right {
		full = color.NRGBA{0x00, 0x5a, 0x9c, 0xff}
	}
	const r0, g0, b0 = 0xf4, 0xf4, 0xf4
	t := math.Pow(share, 0.4)
	mix := func(from, to float64) uint8 { return uint8(math.Round(from + (to-from)*t)) }
	return color.NRGBA{mix(r0, float64(full.R)), mix(g0, float64(full.G)), mix(b0, float64(full.B)), 0xff}
}

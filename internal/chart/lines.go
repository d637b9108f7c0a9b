package chart

import (
	"cmp"
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Line is a named line of a chart. Points of which a number is NaN or infinite are left out.
type Line struct {
	Name string
	X, Y []float64
	// Spread is how far the values at each X lie around Y (a standard deviation, say), drawn as a band; nil for none.
	Spread []float64

	color color.NRGBA
}

// Axes says what a chart of lines shows.
type Axes struct {
	Title, X, Y string // Y stands above the axis; all with their units
	LogX        bool   // numbers ≤ 0 are an error
	FromZero    bool   // Y begins at 0
}

// Lines draws lines by name, 1600×900 pixels.
func Lines(w io.Writer, axes Axes, lines ...Line) error {
	p := &panel{title: axes.Title, x: axes.X, y: axes.Y, logX: axes.LogX, lines: lines, marks: true, lo: math.NaN(), hi: math.NaN()}
	if axes.FromZero {
		p.lo = 0
	}
	s := newSheet(1600, 900)
	if err := p.draw(s, 0, 0, 1600, 900); err != nil {
		return err
	}
	return s.write(w)
}

// Epoch is a point of training curves. What was not measured is NaN.
type Epoch struct {
	Epoch                      float64 // how many times the data have been gone through: 1 after the first epoch
	TrainLoss, ValLoss         float64
	TrainAccuracy, ValAccuracy float64 // fractions
}

// Curves draws the loss and, where one was measured, the accuracy by epoch, for training and validation, 1800×700 pixels.
// The last values stand beside the lines; losses far beyond the others are cut off.
func Curves(w io.Writer, epochs []Epoch) error {
	line := func(name string, scale float64, of func(e Epoch) float64) Line {
		l := Line{Name: name}
		for _, e := range epochs {
			l.X, l.Y = append(l.X, e.Epoch), append(l.Y, scale*of(e))
		}
		return l
	}
	loss := &panel{y: "Loss", x: "epoch", whole: true, lo: 0, hi: math.NaN(), last: "%.3g", lines: []Line{
		line("train", 1, func(e Epoch) float64 { return e.TrainLoss }), line("val", 1, func(e Epoch) float64 { return e.ValLoss }),
	}}
	loss.hi = usual(loss.lines)
	accuracy := &panel{y: "Accuracy, %", x: "epoch", whole: true, lo: math.NaN(), hi: math.NaN(), most: 100, last: "%.2f %%", lines: []Line{
		line("train", 100, func(e Epoch) float64 { return e.TrainAccuracy }), line("val", 100, func(e Epoch) float64 { return e.ValAccuracy }),
	}}
	if len(finite(accuracy.lines)) == 0 {
		s := newSheet(1000, 700)
		if err := loss.draw(s, 0, 0, 1000, 700); err != nil {
			return err
		}
		return s.write(w)
	}
	s := newSheet(1800, 700)
	if len(finite(loss.lines)) == 0 {
		s = newSheet(1000, 700)
		if err := accuracy.draw(s, 0, 0, 1000, 700); err != nil {
			return err
		}
		return s.write(w)
	}
	if err := loss.draw(s, 0, 0, 900, 700); err != nil {
		return err
	}
	if err := accuracy.draw(s, 900, 0, 900, 700); err != nil {
		return err
	}
	return s.write(w)
}

// usual is the greatest value of lines that is at most 30 times the median, NaN where that is all of them.
func usual(lines []Line) float64 {
	var values []float64
	for _, l := range finite(lines) {
		values = append(values, l.Y...)
	}
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	limit, last := 30*values[len(values)/2], len(values)-1
	if values[last] <= limit || limit <= 0 {
		return math.NaN()
	}
	for values[last] > limit {
		last--
	}
	return values[last]
}

// Rates draws what a learning-rate finder saw: the loss at each rate, on a logarithmic axis, and the rate picked (0:
// none), 1200×700 pixels. Where the loss grows far beyond its first value it is cut off.
func Rates(w io.Writer, rates, losses []float64, pick float64) error {
	p := &panel{y: "Loss", x: "learning rate", logX: true, lo: math.NaN(), hi: math.NaN(), lines: []Line{{X: rates, Y: losses}}}
	if pick > 0 {
		p.at, p.atName = pick, fmt.Sprintf("picked: %.2g", pick)
	}
	if l := finite(p.lines); len(l) > 0 {
		first, least := l[0].Y[0], slices.Min(l[0].Y)
		if limit := first + 0.5*max(first-least, 0.1*math.Abs(first)); slices.Max(l[0].Y) > limit {
			p.hi = limit
		}
	}
	s := newSheet(1200, 700)
	if err := p.draw(s, 0, 0, 1200, 700); err != nil {
		return err
	}
	return s.write(w)
}

// panel is one chart of lines.
type panel struct {
	title, x, y string
	logX, whole bool
	marks       bool    // a dot at every point
	lo, hi      float64 // bounds of y; NaN: by the data
	most        float64 // what y's axis does not go beyond; 0: nothing
	last        string  // the format by which the last value stands behind a line's name; empty for none
	at          float64 // an x to mark
	atName      string
	lines       []Line
}

// finite is the lines with the points that can be drawn; those without any are left out.
func finite(lines []Line) (out []Line) {
	ok := func(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
	for k, l := range lines {
		f := Line{Name: l.Name, color: lineColors[k%len(lineColors)]}
		for i := range min(len(l.X), len(l.Y)) {
			if !ok(l.X[i]) || !ok(l.Y[i]) {
				continue
			}
			f.X, f.Y = append(f.X, l.X[i]), append(f.Y, l.Y[i])
			if l.Spread != nil {
				s := l.Spread[i]
				if !ok(s) {
					s = 0
				}
				f.Spread = append(f.Spread, s)
			}
		}
		if len(f.X) > 0 {
			out = append(out, f)
		}
	}
	return out
}

func (p *panel) check() error {
	for _, l := range p.lines {
		if len(l.X) != len(l.Y) || l.Spread != nil && len(l.Spread) != len(l.Y) {
			return fmt.Errorf("chart: line %q: %d numbers for x, %d for y, %d for the spread", l.Name, len(l.X), len(l.Y), len(l.Spread))
		}
		if p.logX && len(l.X) > 0 && slices.Min(l.X) <= 0 {
			return fmt.Errorf("chart: line %q: x is %g, which a logarithmic axis cannot show", l.Name, slices.Min(l.X))
		}
	}
	if len(finite(p.lines)) == 0 {
		return fmt.Errorf("chart: no points to draw")
	}
	return nil
}

func (p *panel) draw(s *sheet, x, y, w, h int) error {
	if err := p.check(); err != nil {
		return err
	}
	names := p.names()
	label := sans(24, ink, true)
	room := 0
	if strings.Join(names, "") != "" {
		room = widest(label, names) + 24
	}
	head := y + 30
	if p.title != "" {
		s.text(styled(sans(28, ink, true), draw.XLeft, draw.YCenter), float64(x+24), float64(head), p.title)
		head += 44
	}
	s.text(styled(sans(24, faint, false), draw.XLeft, draw.YCenter), float64(x+24), float64(head), p.y)
	pl := p.plot(names)
	pl.Draw(s.part(x+24, head+28, w-48-room, y+h-head-28-20))
	return nil
}

// names is the text beside each line that has points.
func (p *panel) names() (names []string) {
	for _, l := range finite(p.lines) {
		name := short(l.Name, 32)
		if p.last != "" {
			name += " " + fmt.Sprintf(p.last, l.Y[len(l.Y)-1])
		}
		names = append(names, name)
	}
	return names
}

// bounds is the range of the axes.
func (p *panel) bounds(lines []Line) (xlo, xhi, ylo, yhi float64) {
	xlo, xhi, ylo, yhi = math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, l := range lines {
		for i, v := range l.Y {
			spread := 0.0
			if l.Spread != nil {
				spread = l.Spread[i]
			}
			ylo, yhi = min(ylo, v-spread), max(yhi, v+spread)
			xlo, xhi = min(xlo, l.X[i]), max(xhi, l.X[i])
		}
	}
	if p.at > 0 {
		xlo, xhi = min(xlo, p.at), max(xhi, p.at)
	}
	if !math.IsNaN(p.lo) {
		ylo = min(p.lo, ylo)
	}
	if !math.IsNaN(p.hi) {
		yhi = p.hi
	}
	top := yhi
	ylo, yhi = roomy(ylo, max(yhi, ylo), 5)
	if p.most != 0 && top <= p.most {
		yhi = min(yhi, p.most)
	}
	switch {
	case xhi > xlo:
	case p.logX:
		xlo, xhi = xlo/2, xhi*2
	default:
		xlo, xhi = xlo-1, xhi+1
	}
	return xlo, xhi, ylo, yhi
}

func (p *panel) plot(names []string) *plot.Plot {
	lines := finite(p.lines)
	pl := plot.New()
	small := sans(22, faint, false)
	for _, axis := range []*plot.Axis{&pl.X, &pl.Y} {
		small.XAlign, small.YAlign = axis.Tick.Label.XAlign, axis.Tick.Label.YAlign
		axis.Tick.Label = small
		axis.Tick.Length, axis.Padding, axis.LineStyle.Width = 0, 8, 0
		axis.Label.TextStyle.Font, axis.Label.TextStyle.Color = small.Font, faint
		axis.Label.Padding = 4
	}
	pl.X.Label.Text = p.x
	pl.X.Tick.Marker, pl.Y.Tick.Marker = evenTicks{8, p.whole}, evenTicks{n: 6}
	if p.logX {
		pl.X.Scale, pl.X.Tick.Marker = plot.LogScale{}, logTicks{}
	}
	lattice := plotter.NewGrid()
	lattice.Vertical.Color, lattice.Horizontal.Color = nil, grid
	lattice.Horizontal.Width = 2
	pl.Add(lattice)
	if p.at > 0 {
		pl.Add(mark{p.at, p.atName})
	}
	for _, l := range lines {
		if l.Spread != nil {
			pl.Add(band{l})
		}
	}
	for _, l := range lines {
		pl.Add(p.line(l)...)
	}
	pl.Add(ends{lines, names})
	pl.X.Min, pl.X.Max, pl.Y.Min, pl.Y.Max = p.bounds(lines)
	return pl
}

// line is a line and its dots: all of them or, so that it can be seen, that of a single point.
func (p *panel) line(l Line) (parts []plot.Plotter) {
	xys := make(plotter.XYs, len(l.X))
	for i := range xys {
		xys[i] = plotter.XY{X: l.X[i], Y: l.Y[i]}
	}
	parts = append(parts, &plotter.Line{XYs: xys, LineStyle: draw.LineStyle{Color: l.color, Width: 4}})
	if p.marks || len(xys) == 1 {
		parts = append(parts, &plotter.Scatter{XYs: xys, GlyphStyle: draw.GlyphStyle{Color: l.color, Radius: 7, Shape: draw.CircleGlyph{}}})
	}
	return parts
}

// band is the spread around a line.
type band struct{ l Line }

func (b band) Plot(c draw.Canvas, p *plot.Plot) {
	tx, ty := p.Transforms(&c)
	shade := b.l.color
	shade.A = 0x2c
	if len(b.l.X) == 1 {
		x, y, s := tx(b.l.X[0]), b.l.Y[0], b.l.Spread[0]
		c.StrokeLine2(draw.LineStyle{Color: shade, Width: 12}, x, ty(y-s), x, ty(y+s))
		return
	}
	var outline []vg.Point
	for i, x := range b.l.X {
		outline = append(outline, vg.Point{X: tx(x), Y: ty(b.l.Y[i] + b.l.Spread[i])})
	}
	for i, x := range slices.Backward(b.l.X) {
		outline = append(outline, vg.Point{X: tx(x), Y: ty(b.l.Y[i] - b.l.Spread[i])})
	}
	c.FillPolygon(shade, c.ClipPolygonXY(outline))
}

// mark is a vertical line with a name.
type mark struct {
	x    float64
	name string
}

func (m mark) Plot(c draw.Canvas, p *plot.Plot) {
	tx, _ := p.Transforms(&c)
	x := tx(m.x)
	c.StrokeLine2(draw.LineStyle{Color: faint, Width: 3, Dashes: []vg.Length{10, 8}}, x, c.Min.Y, x, c.Max.Y)
	style, side := styled(sans(24, ink, true), draw.XLeft, draw.YTop), vg.Length(12)
	if x > c.Center().X {
		style.XAlign, side = draw.XRight, -side
	}
	c.FillText(style, vg.Point{X: x + side, Y: c.Max.Y}, m.name)
}

// ends writes the names of lines beside their ends, one below the other where they are close.
type ends struct {
	lines []Line
	names []string
}

func (e ends) Plot(c draw.Canvas, p *plot.Plot) {
	const gap = 30
	_, ty := p.Transforms(&c)
	at, order := make([]vg.Length, len(e.names)), make([]int, len(e.names))
	for i, l := range e.lines {
		at[i], order[i] = min(max(ty(l.Y[len(l.Y)-1]), c.Min.Y), c.Max.Y), i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(at[j], at[i]) })
	// Groups of names that would overlap stand around the mean of their places.
	for range 100 {
		for k := 1; k < len(order); k++ {
			up, down := order[k-1], order[k]
			if short := gap - (at[up] - at[down]); short > 0 {
				at[up], at[down] = at[up]+short/2, at[down]-short/2
			}
		}
	}
	for i, name := range e.names {
		c.FillText(styled(sans(24, e.lines[i].color, true), draw.XLeft, draw.YCenter), vg.Point{X: c.Max.X + 14, Y: at[i]}, name)
	}
}

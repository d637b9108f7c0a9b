// Package chart draws the pictures of training and evaluation as PNG: curves, lines with spread, confusion matrices and
// grids of images. The same data give the same bytes.
package chart

import (
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"
	"strings"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

var (
	ink   = color.NRGBA{0x33, 0x33, 0x33, 0xff}
	faint = color.NRGBA{0x77, 0x77, 0x77, 0xff}
	grid  = color.NRGBA{0xe4, 0xe4, 0xe4, 0xff}
)

// lineColors are by line; people who see few colours can tell them apart (Okabe and Ito, 2008).
var lineColors = []color.NRGBA{
	{0x00, 0x72, 0xb2, 0xff}, {0xd5, 0x5e, 0x00, 0xff}, {0x00, 0x9e, 0x73, 0xff}, {0xaa, 0x4a, 0x88, 0xff},
	{0xc4, 0x8a, 0x00, 0xff}, {0x3a, 0x9b, 0xdc, 0xff}, {0x55, 0x55, 0x55, 0xff},
}

// sheet is a picture in the making. Lengths are pixels; places are from the top left corner.
type sheet struct {
	img draw.Image
	c   vgdraw.Canvas
}

func newSheet(w, h int) *sheet {
	c := vgimg.NewWith(vgimg.UseWH(vg.Length(w), vg.Length(h)), vgimg.UseDPI(72))
	return &sheet{c.Image(), vgdraw.New(c)}
}

// part is the canvas of a box.
func (s *sheet) part(x, y, w, h int) vgdraw.Canvas {
	b := s.img.Bounds()
	return vgdraw.Crop(s.c, vg.Length(x), vg.Length(x+w-b.Dx()), vg.Length(b.Dy()-y-h), vg.Length(-y))
}

func (s *sheet) rect(x, y, w, h int, c color.Color) {
	draw.Draw(s.img, image.Rect(x, y, x+w, y+h), image.NewUniform(c), image.Point{}, draw.Src)
}

// text writes a line at x, y, which style.XAlign and YAlign relate to it.
func (s *sheet) text(style text.Style, x, y float64, line string) {
	s.c.FillText(style, vg.Point{X: vg.Length(x), Y: vg.Length(float64(s.img.Bounds().Dy()) - y)}, line)
}

func (s *sheet) write(w io.Writer) error { return png.Encode(w, s.img) }

// sans is the style of text of some size.
func sans(size float64, c color.Color, bold bool) text.Style {
	f := font.Font{Typeface: "Liberation", Variant: "Sans", Size: vg.Length(size)}
	if bold {
		f.Weight = xfont.WeightBold
	}
	return text.Style{Color: c, Font: f, Handler: plot.DefaultTextHandler}
}

// short is a name in one line of at most n characters.
func short(name string, n int) string {
	runes := []rune(strings.Join(strings.Fields(name), " "))
	if len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return string(runes)
}

// widest is the width of the widest line.
func widest(style text.Style, lines []string) int {
	w := 0.0
	for _, line := range lines {
		w = max(w, style.Width(line).Points())
	}
	return int(math.Ceil(w))
}

// styled is a style with its alignment.
func styled(s text.Style, x text.XAlignment, y text.YAlignment) text.Style {
	s.XAlign, s.YAlign = x, y
	return s
}

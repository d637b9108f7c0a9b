package chart

import (
	"fmt"
	"image"
	"image/color"
	"io"

	xdraw "golang.org/x/image/draw"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg/draw"
)

// Tile is a picture of a grid, with up to two lines below it.
type Tile struct {
	Image image.Image
	Title string
	Text  string
	Wrong bool // the title is in red
}

// maxTiles bounds the pictures of a grid.
const maxTiles = 400

// Grid draws thumbnails with captions, row by row, in as many columns as make it about square; small pictures are
// enlarged without being blurred. Without tiles, or with more than 400, it is an error.
func Grid(w io.Writer, tiles []Tile) error {
	if len(tiles) == 0 || len(tiles) > maxTiles {
		return fmt.Errorf("chart: a grid of %d pictures, expects 1 to %d", len(tiles), maxTiles)
	}
	const side, caption, pad = 240, 66, 20
	columns := 1
	for columns*columns < len(tiles) {
		columns++
	}
	rows := (len(tiles) + columns - 1) / columns
	s := newSheet(pad+columns*(side+pad), pad+rows*(side+caption+pad))
	for i, t := range tiles {
		x, y := pad+i%columns*(side+pad), pad+i/columns*(side+caption+pad)
		s.thumbnail(t.Image, image.Rect(x, y, x+side, y+side))
		tone := ink
		if t.Wrong {
			tone = color.NRGBA{0xb2, 0x2b, 0x1d, 0xff}
		}
		title, text := sans(22, tone, true), sans(19, faint, false)
		s.text(styled(title, draw.XCenter, draw.YCenter), float64(x+side/2), float64(y+side+20), fitting(title, t.Title, side+pad-6))
		s.text(styled(text, draw.XCenter, draw.YCenter), float64(x+side/2), float64(y+side+46), fitting(text, t.Text, side+pad-6))
	}
	return s.write(w)
}

// thumbnail puts a picture into the middle of a box, as large as fits.
func (s *sheet) thumbnail(m image.Image, box image.Rectangle) {
	s.rect(box.Min.X, box.Min.Y, box.Dx(), box.Dy(), color.NRGBA{0xf4, 0xf4, 0xf4, 0xff})
	b := m.Bounds()
	if b.Empty() {
		return
	}
	w, h := box.Dx(), box.Dy()
	if b.Dx() > b.Dy() {
		h = max(1, h*b.Dy()/b.Dx())
	} else {
		w = max(1, w*b.Dx()/b.Dy())
	}
	at := image.Pt(box.Min.X+(box.Dx()-w)/2, box.Min.Y+(box.Dy()-h)/2)
	scaler := xdraw.Interpolator(xdraw.CatmullRom)
	if b.Dx() < w {
		scaler = xdraw.NearestNeighbor
	}
	scaler.Scale(s.img, image.Rectangle{at, at.Add(image.Pt(w, h))}, m, b, xdraw.Src, nil)
}

// fitting is a line, cut where it would be wider than width.
func fitting(style text.Style, line string, width int) string {
	line = short(line, 80)
	for n := len([]rune(line)); n > 1 && widest(style, []string{line}) > width; n-- {
		line = short(line, n-1)
	}
	return line
}

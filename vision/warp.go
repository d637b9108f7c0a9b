package vision

import "math"

// matrix maps the place of a pixel to where it is read from: x' = a·x + b·y + c, y' = d·x + e·y + f. The centre of the
// first pixel is at ½, ½.
type matrix struct{ a, b, c, d, e, f float64 }

func identity() matrix { return matrix{a: 1, e: 1} }

func translation(x, y float64) matrix { return matrix{1, 0, x, 0, 1, y} }

// times is the matrix that maps by n first, then by m.
func (m matrix) times(n matrix) matrix {
	return matrix{
		m.a*n.a + m.b*n.d, m.a*n.b + m.b*n.e, m.a*n.c + m.b*n.f + m.c,
		m.d*n.a + m.e*n.d, m.d*n.b + m.e*n.e, m.d*n.c + m.e*n.f + m.f,
	}
}

// about is m about the point x, y: what m does about the origin.
func (m matrix) about(x, y float64) matrix {
	return translation(x, y).times(m).times(translation(-x, -y))
}

// maxStep is how many pixels of the source one of the result may step over before the source is halved: a bilinear
// filter reaches no farther.
const maxStep = 1.5

// canvas is the memory that a worker draws images in.
type canvas struct {
	out, half [2]Image
	at        int
	reflect   bool // outside of a source is its mirror image, not black
}

// next is an image to draw in, another one than the call before gave.
func (c *canvas) next(w, h, channels int) *Image {
	c.at = 1 - c.at
	return c.out[c.at].reset(w, h, channels)
}

// reset gives an image another size; its samples are arbitrary.
func (m *Image) reset(w, h, channels int) *Image {
	n := w * h * channels
	if cap(m.Pix) < n {
		m.Pix = make([]byte, n)
	}
	m.Width, m.Height, m.Channels, m.Pix = w, h, channels, m.Pix[:n]
	return m
}

// warp reads a w×h image from where a matrix says.
func (c *canvas) warp(src *Image, w, h int, m matrix) *Image {
	if m == identity() && w == src.Width && h == src.Height {
		return src
	}
	out := c.next(w, h, src.Channels)
	if dx, dy, ok := m.shift(); ok {
		if c.reflect {
			out.copyMirrored(src, int(m.a), int(m.e), dx, dy)
		} else {
			out.copyShifted(src, int(m.a), int(m.e), dx, dy)
		}
		return out
	}
	for i := 0; math.Abs(m.a*m.e-m.b*m.d) > maxStep*maxStep && src.Width*src.Height > 1; i++ {
		c.half[i&1].halve(src)
		src = &c.half[i&1]
		m = matrix{m.a / 2, m.b / 2, m.c / 2, m.d / 2, m.e / 2, m.f / 2}
	}
	out.bilinear(src, m, c.reflect)
	return out
}

// shift reports whether a matrix only moves by whole pixels, and mirrors: where the first pixel is read.
func (m matrix) shift() (x, y int, ok bool) {
	if m.b != 0 || m.d != 0 || math.Abs(m.a) != 1 || math.Abs(m.e) != 1 {
		return 0, 0, false
	}
	u, v := m.a/2+m.c-0.5, m.e/2+m.f-0.5
	return int(u), int(v), u == math.Trunc(u) && v == math.Trunc(v)
}

// copyShifted reads pixel x, y at dx + a·x, dy + e·y of the source, a and e being 1 or -1.
func (m *Image) copyShifted(src *Image, a, e, dx, dy int) {
	ch := m.Channels
	// The x that lie inside of the source: lo ≤ x < hi.
	lo, hi := -dx, src.Width-dx
	if a < 0 {
		lo, hi = dx-src.Width+1, dx+1
	}
	lo, hi = min(max(lo, 0), m.Width), max(min(hi, m.Width), 0)
	for y := range m.Height {
		dst, sy := m.Pix[y*m.Width*ch:][:m.Width*ch], dy+e*y
		if lo >= hi || sy < 0 || sy >= src.Height {
			clear(dst)
			continue
		}
		row := src.Pix[sy*src.Width*ch:][:src.Width*ch]
		clear(dst[:lo*ch])
		clear(dst[hi*ch:])
		switch {
		case a > 0:
			copy(dst[lo*ch:hi*ch], row[(lo+dx)*ch:])
		case ch == 1:
			for x := lo; x < hi; x++ {
				dst[x] = row[dx-x]
			}
		default:
			for x := lo; x < hi; x++ {
				d, s := dst[3*x:3*x+3:3*x+3], row[3*(dx-x):3*(dx-x)+3:3*(dx-x)+3]
				d[0], d[1], d[2] = s[0], s[1], s[2]
			}
		}
	}
}

// mirrored is which pixel of a line of n stands at x, where the line is repeated in both directions, each time mirrored:
// …1 0 0 1 … n-1 n-1 n-2…
func mirrored(x, n int) int {
	x = modulo(x, 2*n)
	return min(x, 2*n-1-x)
}

func modulo[T int | int64](x, n T) T {
	if x %= n; x < 0 {
		x += n
	}
	return x
}

// copyMirrored is copyShifted for a source that is surrounded by its mirror images.
func (m *Image) copyMirrored(src *Image, a, e, dx, dy int) {
	ch := m.Channels
	for y := range m.Height {
		dst := m.Pix[y*m.Width*ch:][:m.Width*ch]
		row := src.Pix[mirrored(dy+e*y, src.Height)*src.Width*ch:][:src.Width*ch]
		for x := range m.Width {
			copy(dst[x*ch:(x+1)*ch], row[mirrored(dx+a*x, src.Width)*ch:])
		}
	}
}

// fraction is how many fractional bits a position in the source has, fixed how many a weight has.
const (
	fraction = 32
	fixed    = 8
)

func toFixed(v float64) int64 { return int64(math.Round(v * (1 << fraction))) }

// bilinear interpolates every pixel between the four around its position in the source. Positions between the centre and the
// edge of an outermost pixel have its value.
func (m *Image) bilinear(src *Image, at matrix, reflect bool) {
	const half = 1 << (fraction - 1)
	w, h, ch := src.Width, src.Height, src.Channels
	right, bottom := int64(w)<<fraction-half, int64(h)<<fraction-half
	du, dv := toFixed(at.a), toFixed(at.d)
	for y := range m.Height {
		fy := float64(y) + 0.5
		u, v := toFixed(at.a/2+at.b*fy+at.c-0.5), toFixed(at.d/2+at.e*fy+at.f-0.5)
		dst := m.Pix[y*m.Width*ch:][:m.Width*ch]
		for ; len(dst) >= ch; dst = dst[ch:] {
			pu, pv := u, v
			u, v = u+du, v+dv
			if pu < -half || pv < -half || pu >= right || pv >= bottom {
				if !reflect {
					clear(dst[:ch])
					continue
				}
				pu, pv = modulo(pu+half, 2*(right+half)), modulo(pv+half, 2*(bottom+half)) // from the first pixel's edge
				pu, pv = min(pu, 2*(right+half)-pu)-half, min(pv, 2*(bottom+half)-pv)-half
			}
			x0, y0 := int(pu>>fraction), int(pv>>fraction)
			fx, fy := uint32(pu>>(fraction-fixed))&(1<<fixed-1), uint32(pv>>(fraction-fixed))&(1<<fixed-1)
			stepX, stepY := ch, w*ch
			if uint(x0) >= uint(w-1) {
				x0, stepX = max(x0, 0), 0
			}
			if uint(y0) >= uint(h-1) {
				y0, stepY = max(y0, 0), 0
			}
			p := (y0*w + x0) * ch
			top, low := src.Pix[p:p+stepX+ch], src.Pix[p+stepY:p+stepY+stepX+ch]
			for c := range ch {
				a := uint32(top[c])*(1<<fixed-fx) + uint32(top[c+stepX])*fx
				b := uint32(low[c])*(1<<fixed-fx) + uint32(low[c+stepX])*fx
				dst[c] = byte((a*(1<<fixed-fy) + b*fy + 1<<(2*fixed-1)) >> (2 * fixed))
			}
		}
	}
}

// halve makes one pixel of every two by two, their mean; the last row or column of an odd number counts twice.
func (m *Image) halve(src *Image) {
	ch, w := src.Channels, src.Width
	m.reset((w+1)/2, (src.Height+1)/2, ch)
	for y := range m.Height {
		top := src.Pix[2*y*w*ch:][:w*ch]
		low := src.Pix[min(2*y+1, src.Height-1)*w*ch:][:w*ch]
		dst := m.Pix[y*m.Width*ch:][:m.Width*ch]
		for x := range m.Width {
			l, r := 2*x*ch, min(2*x+1, w-1)*ch
			for c := range ch {
				dst[x*ch+c] = byte((uint32(top[l+c]) + uint32(top[r+c]) + uint32(low[l+c]) + uint32(low[r+c]) + 2) / 4)
			}
		}
	}
}

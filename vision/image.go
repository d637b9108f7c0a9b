// Package vision turns image files into the tensors that models take, and scores into labels.
package vision

import (
	"image"
	"image/color"
)

// Image is 8-bit samples, interleaved, row by row from the top: grey (Channels 1) or red, green, blue (Channels 3).
type Image struct {
	Width, Height, Channels int
	Pix                     []byte
}

// NewImage is a black image.
func NewImage(width, height, channels int) *Image {
	return &Image{width, height, channels, make([]byte, width*height*channels)}
}

// isEmpty reports whether the image has no pixels, or not as many as its size says.
func (m *Image) isEmpty() bool {
	return m.Width < 1 || m.Height < 1 || len(m.Pix) != m.Width*m.Height*m.Channels
}

// RGB is the image in three channels; m itself if it has them.
func (m *Image) RGB() *Image {
	if m.Channels == 3 {
		return m
	}
	out := NewImage(m.Width, m.Height, 3)
	for i, v := range m.Pix {
		out.Pix[3*i], out.Pix[3*i+1], out.Pix[3*i+2] = v, v, v
	}
	return out
}

// Gray is the image in one channel, m itself if it has one: luma by ITU-R BT.601, rounded as Pillow does.
func (m *Image) Gray() *Image {
	if m.Channels == 1 {
		return m
	}
	out := NewImage(m.Width, m.Height, 1)
	for i := range out.Pix {
		r, g, b := uint32(m.Pix[3*i]), uint32(m.Pix[3*i+1]), uint32(m.Pix[3*i+2])
		out.Pix[i] = byte((19595*r + 38470*g + 7471*b + 0x8000) >> 16)
	}
	return out
}

// Crop is the w×h box at x, y, which may reach beyond the image: what lies there is black.
func (m *Image) Crop(x, y, w, h int) *Image {
	out := NewImage(w, h, m.Channels)
	x0, x1 := max(x, 0), min(x+w, m.Width)
	if x0 >= x1 {
		return out
	}
	for row := max(y, 0); row < min(y+h, m.Height); row++ {
		src := m.Pix[(row*m.Width+x0)*m.Channels : (row*m.Width+x1)*m.Channels]
		copy(out.Pix[((row-y)*w+x0-x)*m.Channels:], src)
	}
	return out
}

// CenterCrop is the w×h box in the middle, where torchvision's CenterCrop has it.
func (m *Image) CenterCrop(w, h int) *Image {
	return m.Crop(roundHalfEven(m.Width-w), roundHalfEven(m.Height-h), w, h)
}

// roundHalfEven is n/2, halves rounded to even, as Python's round does.
func roundHalfEven(n int) int {
	q, r := n>>1, n&1
	if r == 1 && q&1 == 1 {
		q++
	}
	return q
}

// FromImage converts a Go image. Alpha is dropped, not blended: a transparent pixel keeps its color, as in Pillow's
// convert("RGB").
func FromImage(src image.Image) *Image {
	b := src.Bounds()
	w, h := b.Dx(), b.Dy()
	switch s := src.(type) {
	case *image.Gray:
		out := NewImage(w, h, 1)
		for y := range h {
			copy(out.Pix[y*w:(y+1)*w], s.Pix[y*s.Stride:])
		}
		return out
	case *image.Gray16:
		out := NewImage(w, h, 1)
		for i := range out.Pix {
			out.Pix[i] = s.Pix[i/w*s.Stride+i%w*2]
		}
		return out
	case *image.YCbCr:
		return fromYCbCr(s)
	case *image.NRGBA:
		return fromPacked(w, h, s.Pix, s.Stride, 4, 1)
	case *image.NRGBA64:
		return fromPacked(w, h, s.Pix, s.Stride, 8, 2)
	case *image.Paletted:
		return fromPaletted(s)
	}
	out := NewImage(w, h, 3)
	for y := range h {
		for x := range w {
			c := color.NRGBAModel.Convert(src.At(b.Min.X+x, b.Min.Y+y)).(color.NRGBA)
			copy(out.Pix[(y*w+x)*3:], []byte{c.R, c.G, c.B})
		}
	}
	return out
}

// fromPacked takes the first three samples of every pixel: their high bytes.
func fromPacked(w, h int, pix []byte, stride, pixel, sample int) *Image {
	out := NewImage(w, h, 3)
	for y := range h {
		row := pix[y*stride:]
		for x := range w {
			p, o := row[x*pixel:], out.Pix[(y*w+x)*3:]
			o[0], o[1], o[2] = p[0], p[sample], p[2*sample]
		}
	}
	return out
}

func fromYCbCr(s *image.YCbCr) *Image {
	b := s.Bounds()
	w, h := b.Dx(), b.Dy()
	out := NewImage(w, h, 3)
	cb, cr := chroma(s, s.Cb), chroma(s, s.Cr)
	for y := range h {
		for x := range w {
			o := out.Pix[(y*w+x)*3:]
			o[0], o[1], o[2] = color.YCbCrToRGB(s.Y[y*s.YStride+x], cb[y*w+x], cr[y*w+x])
		}
	}
	return out
}

func fromPaletted(s *image.Paletted) *Image {
	b := s.Bounds()
	w, h := b.Dx(), b.Dy()
	var table [256][3]byte
	grey := true
	for i, c := range s.Palette {
		n := color.NRGBAModel.Convert(c).(color.NRGBA)
		table[i&255] = [3]byte{n.R, n.G, n.B}
		grey = grey && n.R == n.G && n.G == n.B
	}
	out := NewImage(w, h, 3)
	for y := range h {
		for x := range w {
			copy(out.Pix[(y*w+x)*3:], table[s.Pix[y*s.Stride+x]][:])
		}
	}
	if grey {
		return out.Gray()
	}
	return out
}

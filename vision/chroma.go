package vision

import "image"

// chroma is a chroma plane at full resolution. Planes of half the width are interpolated as libjpeg does by default ("fancy
// upsampling", a triangle filter), so that colors are those of most other decoders; at other ratios samples are repeated.
func chroma(s *image.YCbCr, plane []byte) []byte {
	b := s.Bounds()
	w, h := b.Dx(), b.Dy()
	switch s.SubsampleRatio {
	case image.YCbCrSubsampleRatio422:
		return upsampleRows(plane, s.CStride, w, h)
	case image.YCbCrSubsampleRatio420:
		return upsampleBoth(plane, s.CStride, w, h)
	}
	out := make([]byte, w*h)
	for y := range h {
		for x := range w {
			out[y*w+x] = plane[s.COffset(b.Min.X+x, b.Min.Y+y)]
		}
	}
	return out
}

// upsampleRows doubles the width: each sample is three parts the nearer and one part the farther neighbour.
func upsampleRows(plane []byte, stride, w, h int) []byte {
	out := make([]byte, w*h)
	cw := (w + 1) / 2
	for y := range h {
		row := plane[y*stride:][:cw]
		for x := range w {
			c := x / 2
			near := int(row[c])
			switch far := c - 1 + x%2*2; {
			case far < 0 || far >= cw || cw < 3:
				out[y*w+x] = byte(near)
			case x%2 == 0:
				out[y*w+x] = byte((3*near + int(row[far]) + 1) / 4)
			default:
				out[y*w+x] = byte((3*near + int(row[far]) + 2) / 4)
			}
		}
	}
	return out
}

// upsampleBoth doubles width and height. Rows are combined three to one first, then columns, with one rounding.
func upsampleBoth(plane []byte, stride, w, h int) []byte {
	out := make([]byte, w*h)
	cw, ch := (w+1)/2, (h+1)/2
	sums := make([]int, cw)
	for y := range h {
		near := min(y/2, ch-1)
		far := min(max(near-1+y%2*2, 0), ch-1)
		for c := range cw {
			sums[c] = 3*int(plane[near*stride+c]) + int(plane[far*stride+c])
		}
		for x := range w {
			c := x / 2
			switch other := c - 1 + x%2*2; {
			case cw < 3:
				out[y*w+x] = plane[near*stride+c]
			case other < 0 || other >= cw:
				out[y*w+x] = byte((4*sums[c] + 8 - x%2) >> 4)
			default:
				out[y*w+x] = byte((3*sums[c] + sums[other] + 8 - x%2) >> 4)
			}
		}
	}
	return out
}

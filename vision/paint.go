package vision

import "math"

// paintColor changes brightness, contrast, saturation and hue at random, by no more than a says. Brightness multiplies
// samples; contrast scales their distance from the mean grey of the image, saturation that from the grey of their pixel;
// hue turns the colour about the grey axis, in YIQ. Images of one channel get the first two.
func paintColor(a []float64, d *dice, m *Image, _ [3]byte) {
	factor := func(r float64) float64 { return 1 + d.around(r) }
	brightness, contrast, saturation, turn := factor(a[0]), factor(a[1]), factor(a[2]), d.around(a[3])
	mean := m.meanGrey() * brightness
	var table [256]byte
	for v := range table {
		table[v] = byte(math.Round(min(max((float64(v)*brightness-mean)*contrast+mean, 0), 255)))
	}
	for i, v := range m.Pix {
		m.Pix[i] = table[v]
	}
	if m.Channels == 3 && (saturation != 1 || turn != 0) {
		m.recolor(chromaMatrix(saturation, turn))
	}
}

// meanGrey is the mean of the luma of all pixels.
func (m *Image) meanGrey() float64 {
	var sums [3]int
	for i := 0; i < len(m.Pix); i += m.Channels {
		for c, v := range m.Pix[i : i+m.Channels] {
			sums[c] += int(v)
		}
	}
	n := float64(m.Width * m.Height)
	if m.Channels == 1 {
		return float64(sums[0]) / n
	}
	return (0.299*float64(sums[0]) + 0.587*float64(sums[1]) + 0.114*float64(sums[2])) / n
}

// chromaBits is how many fractional bits the elements of a matrix of colours have.
const chromaBits = 14

// chromaMatrix is the matrix that, for RGB, multiplies the chroma of YIQ (NTSC, 1953) by a factor and turns it by a part of
// the circle.
func chromaMatrix(factor, turn float64) (m [9]int32) {
	toYIQ := [3][3]float64{{0.299, 0.587, 0.114}, {0.5959, -0.2746, -0.3213}, {0.2115, -0.5227, 0.3112}}
	toRGB := [3][2]float64{{0.956, 0.619}, {-0.272, -0.647}, {-1.106, 1.703}}
	sin, cos := math.Sincos(2 * math.Pi * turn)
	for r := range 3 {
		i, q := toRGB[r][0], toRGB[r][1]
		i, q = factor*(i*cos+q*sin), factor*(q*cos-i*sin)
		for c := range 3 {
			m[3*r+c] = int32(math.Round((toYIQ[0][c] + i*toYIQ[1][c] + q*toYIQ[2][c]) * (1 << chromaBits)))
		}
	}
	return m
}

func (m *Image) recolor(k [9]int32) {
	const round = 1 << (chromaBits - 1)
	for i := 0; i+3 <= len(m.Pix); i += 3 {
		p := m.Pix[i : i+3 : i+3]
		r, g, b := int32(p[0]), int32(p[1]), int32(p[2])
		p[0] = byte(min(max((k[0]*r+k[1]*g+k[2]*b+round)>>chromaBits, 0), 255))
		p[1] = byte(min(max((k[3]*r+k[4]*g+k[5]*b+round)>>chromaBits, 0), 255))
		p[2] = byte(min(max((k[6]*r+k[7]*g+k[8]*b+round)>>chromaBits, 0), 255))
	}
}

// paintErased fills a box of 2 to 33 % of the area and of a ratio from 0.3 to 3.3 with the ground.
func paintErased(a []float64, d *dice, m *Image, ground [3]byte) {
	if d.unit() >= a[0] {
		return
	}
	const ratio = 3.3
	for range 10 {
		area, r := float64(m.Width*m.Height)*d.between(0.02, 0.33), math.Exp(d.around(math.Log(ratio)))
		w, h := int(math.Round(math.Sqrt(area*r))), int(math.Round(math.Sqrt(area/r)))
		if w < 1 || h < 1 || w > m.Width || h > m.Height {
			continue
		}
		x, y := d.below(m.Width-w+1), d.below(m.Height-h+1)
		for row := y; row < y+h; row++ {
			pix := m.Pix[(row*m.Width+x)*m.Channels:][:w*m.Channels]
			for i := range pix {
				pix[i] = ground[i%m.Channels]
			}
		}
		return
	}
}

// Package draw draws digits as a pen on paper does: the pictures that the project's examples and tests read.
package draw

import (
	"image"
	"image/color"
	"math"
)

// point is a place in the unit square; y grows downwards.
type point struct{ x, y float64 }

// stroke is a line of the pen: a smooth curve through the points.
type stroke []point

// digits is the strokes of each digit, as one learns to write them.
var digits = [10][]stroke{
	{{{.50, .04}, {.26, .18}, {.16, .50}, {.26, .84}, {.50, .96}, {.74, .84}, {.84, .50}, {.74, .18}, {.50, .04}}},
	{{{.56, .03}, {.54, .35}, {.51, .65}, {.49, .97}}},
	{{{.20, .26}, {.30, .09}, {.52, .03}, {.74, .13}, {.76, .33}, {.60, .57}, {.38, .77}, {.18, .95}}, {{.18, .95}, {.50, .94}, {.84, .93}}},
	{{{.20, .12}, {.48, .03}, {.74, .14}, {.72, .34}, {.44, .47}}, {{.44, .47}, {.74, .56}, {.80, .77}, {.58, .95}, {.32, .95}, {.16, .86}}},
	{{{.28, .05}, {.24, .30}, {.22, .56}}, {{.22, .56}, {.50, .57}, {.84, .54}}, {{.70, .05}, {.68, .40}, {.66, .97}}},
	{{{.76, .06}, {.52, .06}, {.28, .07}}, {{.28, .07}, {.25, .26}, {.24, .44}}, {{.24, .44}, {.48, .38}, {.74, .50}, {.78, .74}, {.58, .94}, {.32, .95}, {.18, .87}}},
	{{{.66, .04}, {.42, .22}, {.26, .48}, {.22, .74}, {.36, .94}, {.58, .95}, {.74, .80}, {.70, .61}, {.52, .53}, {.34, .62}, {.24, .76}}},
	{{{.16, .10}, {.50, .09}, {.82, .08}}, {{.82, .08}, {.66, .36}, {.54, .64}, {.44, .97}}},
	{{{.70, .16}, {.48, .04}, {.28, .14}, {.30, .32}, {.52, .47}, {.72, .64}, {.74, .84}, {.52, .96}, {.30, .86}, {.30, .66}, {.50, .48}, {.68, .32}, {.70, .16}}},
	{{{.74, .26}, {.60, .06}, {.36, .08}, {.26, .27}, {.36, .46}, {.58, .45}, {.74, .26}}, {{.74, .26}, {.72, .55}, {.62, .97}}},
}

// Digit draws a digit from 0 to 9 in dark ink on a size×size sheet of white paper. It fills the middle five sevenths, as
// the digits of data sets do, and is centred by its mass of ink. Slant moves the top to the right, in parts of the height.
func Digit(digit, size int, slant float64) *image.Gray {
	const box = 20. / 28
	width := 1.25 / 28 * float64(size) // half the pen's
	var lines [][]point
	for _, s := range digits[digit] {
		line := s.curve(24)
		for i, p := range line {
			line[i] = point{(p.x + slant*(0.5-p.y)) * box * float64(size), p.y * box * float64(size)}
		}
		lines = append(lines, line)
	}
	center(lines, float64(size))
	img := image.NewGray(image.Rect(0, 0, size, size))
	for y := range size {
		for x := range size {
			d := math.Inf(1)
			for _, line := range lines {
				d = min(d, distance(line, point{float64(x) + 0.5, float64(y) + 0.5}))
			}
			ink := min(max(width-d+0.5, 0), 1)
			img.SetGray(x, y, color.Gray{Y: uint8(math.Round(250 - 220*ink))})
		}
	}
	return img
}

// curve is a smooth curve through the points (Catmull and Rom, 1974), n pieces for each of its parts.
func (s stroke) curve(n int) []point {
	var out []point
	at := func(i int) point { return s[min(max(i, 0), len(s)-1)] }
	for i := range len(s) - 1 {
		p0, p1, p2, p3 := at(i-1), at(i), at(i+1), at(i+2)
		if s[0] == s[len(s)-1] { // closed
			if i == 0 {
				p0 = s[len(s)-2]
			}
			if i == len(s)-2 {
				p3 = s[1]
			}
		}
		for k := range n {
			t := float64(k) / float64(n)
			out = append(out, point{spline(p0.x, p1.x, p2.x, p3.x, t), spline(p0.y, p1.y, p2.y, p3.y, t)})
		}
	}
	return append(out, s[len(s)-1])
}

func spline(a, b, c, d, t float64) float64 {
	return 0.5 * (2*b + (c-a)*t + (2*a-5*b+4*c-d)*t*t + (3*b-a-3*c+d)*t*t*t)
}

// center moves the lines so that their middle, weighted by length, is that of the sheet.
func center(lines [][]point, size float64) {
	var x, y, total float64
	for _, line := range lines {
		for i := 1; i < len(line); i++ {
			a, b := line[i-1], line[i]
			l := math.Hypot(b.x-a.x, b.y-a.y)
			x += l * (a.x + b.x) / 2
			y += l * (a.y + b.y) / 2
			total += l
		}
	}
	for _, line := range lines {
		for i := range line {
			line[i].x += size/2 - x/total
			line[i].y += size/2 - y/total
		}
	}
}

// distance is how far p is from a line.
func distance(line []point, p point) float64 {
	best := math.Inf(1)
	for i := 1; i < len(line); i++ {
		a, b := line[i-1], line[i]
		dx, dy := b.x-a.x, b.y-a.y
		t := 0.0
		if l := dx*dx + dy*dy; l > 0 {
			t = min(max(((p.x-a.x)*dx+(p.y-a.y)*dy)/l, 0), 1)
		}
		best = min(best, math.Hypot(p.x-a.x-t*dx, p.y-a.y-t*dy))
	}
	return best
}

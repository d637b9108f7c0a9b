package main

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
)

// line is one runtime's images per second on one model, by batch size.
type line struct {
	name   string
	points [][2]float64
	dashed bool
}

// lines groups the results by model and threads.
func (r *report) lines() []line {
	var list []line
	add := func(name string, batch, perSecond float64, dashed bool) {
		i := slices.IndexFunc(list, func(l line) bool { return l.name == name })
		if i < 0 {
			list = append(list, line{name: name, dashed: dashed})
			i = len(list) - 1
		}
		list[i].points = append(list[i].points, [2]float64{batch, perSecond})
	}
	for _, x := range r.Results {
		model, _, _ := strings.Cut(x.Model, "@")
		name := fmt.Sprintf("%s, %d threads", model, x.Threads)
		add(name, float64(x.Batch), float64(x.Batch)*1e3/x.Ours, false)
		add(name+", ONNX Runtime", float64(x.Batch), float64(x.Batch)*1e3/x.ORT, true)
	}
	return list
}

// plot writes images per second over the batch size, both on logarithmic axes, as SVG.
func (r *report) plot(file string) error {
	const width, height, left, right, top, bottom = 760.0, 420.0, 60.0, 230.0, 20.0, 45.0
	lines := r.lines()
	minX, maxX, minY, maxY := math.Inf(1), 0.0, math.Inf(1), 0.0
	for _, l := range lines {
		for _, p := range l.points {
			minX, maxX = min(minX, p[0]), max(maxX, p[0])
			minY, maxY = min(minY, p[1]), max(maxY, p[1])
		}
	}
	minY, maxY = math.Exp2(math.Floor(math.Log2(minY))), math.Exp2(math.Ceil(math.Log2(maxY)))
	x := func(v float64) float64 {
		return left + (width-left-right)*math.Log(v/minX)/math.Log(max(2, maxX/minX))
	}
	y := func(v float64) float64 {
		return height - bottom - (height-top-bottom)*math.Log(v/minY)/math.Log(maxY/minY)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%g" height="%g" fill="white"/>`+"\n", width, height)
	for v := minY; v <= maxY; v *= 2 {
		fmt.Fprintf(&b, `<path d="M%.1f %.1fH%.1f" stroke="#ddd"/><text x="%.1f" y="%.1f" text-anchor="end">%g</text>`+"\n", left, y(v), width-right, left-6, y(v)+4, v)
	}
	for v := minX; v <= maxX; v *= 2 {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="middle">%g</text>`+"\n", x(v), height-bottom+18, v)
	}
	fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="middle">batch size</text>`+"\n", (left+width-right)/2, height-8)
	fmt.Fprintf(&b, `<text x="14" y="%.1f" transform="rotate(-90 14 %.1f)" text-anchor="middle">images per second</text>`+"\n", height/2, height/2)
	colors := []string{"#1565c0", "#c62828", "#2e7d32", "#6a1b9a"}
	for i, l := range lines {
		var path []string
		for _, p := range l.points {
			path = append(path, fmt.Sprintf("%.1f %.1f", x(p[0]), y(p[1])))
		}
		dash := ""
		if l.dashed {
			dash = ` stroke-dasharray="5 4"`
		}
		color := colors[i/2%len(colors)]
		fmt.Fprintf(&b, `<path d="M%s" fill="none" stroke="%s" stroke-width="2"%s/>`+"\n", strings.Join(path, "L"), color, dash)
		last := l.points[len(l.points)-1]
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" fill="%s">%s</text>`+"\n", x(last[0])+8, y(last[1])+4, color, l.name)
	}
	b.WriteString("</svg>\n")
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

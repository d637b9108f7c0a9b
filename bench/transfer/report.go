package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"github.com/onnxrun/onnxrun/internal/atomicfile"
	"github.com/onnxrun/onnxrun/internal/chart"
)

// report prints the table of errors, writes it to a section of a Markdown file, and draws it; empty names are left out.
func (s *study) report(md, png string) error {
	text := s.table()
	fmt.Print("\n", text)
	if md != "" {
		if err := writeSection(md, text); err != nil {
			return err
		}
	}
	if png == "" {
		return nil
	}
	return s.draw(png)
}

// errors is the test errors of a method with so many images of a class, in percent, by seed.
func (s *study) errors(method string, images int) (list []float64) {
	for _, run := range s.plan() {
		if run.Method != method || run.Images != images {
			continue
		}
		if r := s.results.find(run); r != nil {
			list = append(list, 100*r.Error)
		}
	}
	return list
}

// spread is the mean and the standard deviation of a sample, 0 for a single value.
func spread(list []float64) (mean, deviation float64) {
	for _, v := range list {
		mean += v / float64(len(list))
	}
	if len(list) < 2 {
		return mean, 0
	}
	for _, v := range list {
		deviation += (v - mean) * (v - mean) / float64(len(list)-1)
	}
	return mean, math.Sqrt(deviation)
}

// table is in Markdown: a row for each number of images, a column for each method.
func (s *study) table() string {
	var b strings.Builder
	b.WriteString("| images of a class |")
	for _, m := range s.methods {
		fmt.Fprintf(&b, " %s |", m.name)
	}
	fmt.Fprintf(&b, "\n|---:|%s\n", strings.Repeat("---:|", len(s.methods)))
	for _, n := range s.images {
		fmt.Fprintf(&b, "| %d |", n)
		best := math.Inf(1)
		for _, m := range s.methods {
			mean, _ := spread(s.errors(m.key, n))
			best = min(best, mean)
		}
		for _, m := range s.methods {
			mean, deviation := spread(s.errors(m.key, n))
			cell := fmt.Sprintf("%.1f ± %.1f", mean, deviation)
			if mean == best {
				cell = "**" + cell + "**"
			}
			fmt.Fprintf(&b, " %s |", cell)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// draw draws a line for each method.
func (s *study) draw(path string) error {
	var lines []chart.Line
	for _, m := range s.methods {
		l := chart.Line{Name: m.name}
		for _, n := range s.images {
			mean, deviation := spread(s.errors(m.key, n))
			l.X, l.Y, l.Spread = append(l.X, float64(n)), append(l.Y, mean), append(l.Spread, deviation)
		}
		lines = append(lines, l)
	}
	axes := chart.Axes{
		Title: fmt.Sprintf("%s pretrained on eight classes, taught %s", s.arch, strings.Join(s.classes, " and ")),
		X:     "images of a class", Y: fmt.Sprintf("Test error, %%: mean of %d seeds, ± a standard deviation", len(s.seeds)), LogX: true, FromZero: true,
	}
	return atomicfile.Write(path, func(w io.Writer) error { return chart.Lines(w, axes, lines...) })
}

// writeSection writes text to FILE#NAME, between <!-- NAME --> and <!-- end -->.
func writeSection(place, text string) error {
	file, name, _ := strings.Cut(place, "#")
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	mark := "<!-- " + name + " -->\n"
	before, rest, found := strings.Cut(string(old), mark)
	_, after, ended := strings.Cut(rest, "<!-- end -->")
	if !found || !ended {
		return fmt.Errorf("%s has no section <!-- %s --> … <!-- end -->", file, name)
	}
	return os.WriteFile(file, []byte(before+mark+text+"<!-- end -->"+after), 0o666)
}

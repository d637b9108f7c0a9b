package view

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/onnxrun/onnxrun/ir"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	drawingJS string
	//go:embed panel.js
	panelJS string
)

// Marker is how every page begins.
const Marker = "<!doctype html>\n<!-- onnxrun view -->\n"

// picture is a model as a page draws it.
type picture struct {
	*Model
	Width    float64   `json:"width"`
	Height   float64   `json:"height"`
	Boxes    [][4]int  `json:"boxes"`    // x, y, width, height, by node
	Segments [][]int   `json:"segments"` // parent, then x and y of the points
	Free     []int     `json:"free"`     // segments that are not led around boxes
	Lines    []lineRef `json:"lines"`
	Flows    []string  `json:"flows"` // the shape that goes on from a node, where it is not the one that came
}

// lineRef is a line from a box to another.
type lineRef struct {
	From    int    `json:"from"`
	To      int    `json:"to"`
	Segment int    `json:"segment"`
	Value   string `json:"value"`
	Type    string `json:"type"`
}

// pageData is what the script of a page reads.
type pageData struct {
	Models     []*picture  `json:"models"`
	Comparison *Comparison `json:"comparison,omitempty"`
}

// Write writes a page of one model, or of two side by side.
func Write(w io.Writer, models ...*Model) error {
	if len(models) < 1 || len(models) > 2 {
		return fmt.Errorf("view: a page shows one model or two, not %d", len(models))
	}
	var data pageData
	title := models[0].Title
	for _, m := range models {
		p, err := newPicture(m)
		if err != nil {
			return err
		}
		data.Models = append(data.Models, p)
	}
	if len(models) == 2 {
		title += " → " + models[1].Title
		data.Comparison = Compare(models[0], models[1])
	}
	text, err := json.Marshal(data) // writes <, > and & as \u003c, \u003e and \u0026: no name can end the element
	if err != nil {
		return err
	}
	t, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return err
	}
	script := drawingJS + panelJS
	hash := sha256.Sum256([]byte(script))
	if _, err := io.WriteString(w, Marker); err != nil {
		return err
	}
	return t.Execute(w, map[string]any{
		"Title": title, "Style": template.CSS(pageCSS), "Script": template.JS(script), "Data": template.JS(text),
		"ScriptHash": "sha256-" + base64.StdEncoding.EncodeToString(hash[:]),
	})
}

// Sizes of boxes and of the letters in them, in pixels.
const (
	boxHeight  = 44
	flowHeight = 14
	minBox     = 112
	maxBox     = 260
	boxSpace   = 26        // beside the text
	factsSpace = 64        // for facts, or what is told in their place
	opSize     = 13 * 1.13 // bold
	textSize   = 11
)

// boxWidth is as much as the text in a box needs, within limits.
func boxWidth(n *Node) float64 {
	head := textWidth(shortOp(n.Op), opSize) + max(textWidth(n.Facts, textSize)+8, factsSpace)
	w := max(head, textWidth(n.Name, textSize)) + boxSpace
	return 4 * math.Ceil(min(max(w, minBox), maxBox)/4)
}

// textWidth estimates how wide a text is in a wide sans-serif font of the given size.
func textWidth(s string, size float64) float64 {
	w := 0.0
	for _, r := range s {
		switch {
		case strings.ContainsRune("ijl.,:;|'!/ ", r):
			w += 0.33
		case strings.ContainsRune("ftrI-_()[]", r):
			w += 0.43
		case strings.ContainsRune("mMWw@%", r) || r > 0x2E80: // letters of East Asia are wide
			w += 0.98
		case unicode.IsUpper(r):
			w += 0.7
		default:
			w += 0.63
		}
	}
	return w * size
}

// shortOp is an operator's name without its domain.
func shortOp(op string) string {
	for i := len(op) - 1; i >= 0; i-- {
		if op[i] == '.' {
			return op[i+1:]
		}
	}
	return op
}

// flows is the shapes to write below nodes that go on.
func (m *Model) flows() []string {
	flows := make([]string, len(m.Nodes))
	for _, e := range m.links {
		n, shape := &m.Nodes[e.from], e.value.Type().Shape
		came := slices.IndexFunc(n.Inputs, func(v Value) bool { return v.Constant == "" })
		if e.value.DefIndex() == 0 && len(shape) > 0 && (came < 0 || n.Inputs[came].Type != n.Outputs[0].Type) {
			flows[e.from] = shapeText(shape)
		}
	}
	return flows
}

func newPicture(m *Model) (*picture, error) {
	flows, sizes := m.flows(), make([]box, len(m.Nodes))
	for i := range m.Nodes {
		sizes[i] = box{w: boxWidth(&m.Nodes[i]), h: boxHeight}
		if flows[i] != "" {
			sizes[i].foot = flowHeight
		}
	}
	links := make([]link, len(m.links))
	ports := map[*ir.Value]int{}
	for i, e := range m.links {
		if _, ok := ports[e.value]; !ok {
			ports[e.value] = len(ports)
		}
		links[i] = link{e.from, e.to, ports[e.value]}
	}
	d, err := draw(sizes, links)
	if err != nil {
		return nil, err
	}
	p := &picture{Model: m, Width: d.width, Height: d.height, Flows: flows}
	for _, b := range d.boxes {
		p.Boxes = append(p.Boxes, [4]int{int(b.x), int(b.y), int(b.w), int(b.h)})
	}
	for i, s := range d.segments {
		if s.free {
			p.Free = append(p.Free, i)
		}
		line := []int{s.parent}
		for _, q := range s.points {
			line = append(line, int(q.x), int(q.y))
		}
		p.Segments = append(p.Segments, line)
	}
	for i, e := range m.links {
		p.Lines = append(p.Lines, lineRef{e.from, e.to, d.last[i], e.value.Name(), typeText(e.value.Type())})
	}
	return p, nil
}

package view

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// facts is what tells a node from others of its operator: the window and stride, the width of a linear layer, an axis.
func facts(n *ir.Node) string {
	var parts []string
	if w := window(n); w != nil {
		parts = append(parts, joinInts(w))
	}
	for _, a := range ir.EncodeAttrs(n.Op, true) {
		switch x := a.Value.(type) {
		case []int:
			switch {
			case a.Name == "strides" && len(x) > 0 && slices.Max(x) > 1:
				parts = append(parts, "/"+short(x))
			case a.Name == "dilations" && len(x) > 0 && slices.Max(x) > 1:
				parts = append(parts, "dilated "+short(x))
			case a.Name == "perm":
				parts = append(parts, strings.Trim(strings.ReplaceAll(fmt.Sprint(x), " ", ","), "[]"))
			}
		case int:
			if a.Name == "group" {
				parts = append(parts, groupText(n, x))
			}
		case string:
			if a.Name == "activation" && x != "none" {
				parts = append(parts, "+"+x)
			}
		}
	}
	if n.Op.Def().Family == ir.Linear && n.In(1) != nil && n.In(1).Const() != nil && n.In(1).Const().Rank() == 2 {
		in, out := n.In(0).Type().Shape, n.Out(0).Type().Shape
		if len(in) > 0 && len(out) > 0 {
			parts = append(parts, in[len(in)-1].String()+"→"+out[len(out)-1].String())
		}
	}
	return strings.ReplaceAll(strings.Join(parts, ", "), ", /", " /")
}

// window is the spatial size of the filter of a convolution or pooling, nil for other nodes.
func window(n *ir.Node) []int {
	for _, a := range ir.EncodeAttrs(n.Op, true) {
		if w, ok := a.Value.([]int); ok && a.Name == "kernel_shape" && len(w) > 0 {
			return w
		}
	}
	if n.Op.Def().Family == ir.Convolution && n.In(1) != nil && len(n.In(1).Type().Shape) > 2 {
		if w, ok := n.In(1).Type().Shape[2:].Ints(); ok {
			return w
		}
	}
	return nil
}

// groupText says depthwise where every channel is a group.
func groupText(n *ir.Node, groups int) string {
	if in := n.In(0).Type().Shape; len(in) > 1 && in[1] == ir.Known(groups) {
		return "depthwise"
	}
	return strconv.Itoa(groups) + " groups"
}

func joinInts(x []int) string {
	parts := make([]string, len(x))
	for i, n := range x {
		parts[i] = strconv.Itoa(n)
	}
	return strings.Join(parts, "×")
}

// short is one number where all are the same.
func short(x []int) string {
	if len(slices.Compact(slices.Clone(x))) == 1 {
		return strconv.Itoa(x[0])
	}
	return joinInts(x)
}

// maxAttr bounds the runes of an attribute's text.
const maxAttr = 400

func attributes(op ir.Op) []Attr {
	var list []Attr
	for _, a := range ir.EncodeAttrs(op, true) {
		list = append(list, Attr{a.Name, attrText(a)})
	}
	return list
}

func attrText(a ir.Attr) string {
	switch x := a.Value.(type) {
	case int:
		if name := tensor.DType(x).String(); (a.Name == "to" || strings.HasSuffix(a.Name, "dtype")) && x > 0 && tensor.DType(x).Valid() {
			return name
		}
	case string:
		return cut(strconv.Quote(x))
	case []int:
		return cut(fmt.Sprint(x))
	case []string:
		return cut(fmt.Sprintf("%q", x))
	case *tensor.Tensor:
		return strings.TrimSuffix(x.String()+" "+elements(x), " …")
	case *ir.Graph:
		return fmt.Sprintf("graph %q of %d nodes", x.Name, len(x.Nodes()))
	}
	return cut(fmt.Sprint(a.Value))
}

func cut(s string) string {
	if r := []rune(s); len(r) > maxAttr {
		return string(r[:maxAttr-1]) + "…"
	}
	return s
}

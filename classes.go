package onnxrun

import (
	"fmt"
	"strings"

	"github.com/onnxrun/onnxrun/internal/modelinfo"
)

// matchClasses finds the model's class for each of a data set's, by name or else, which note says, by order. width is how
// many classes the model has; labels may be fewer.
func matchClasses(names, labels []string, width int) (classOf []int, note string, err error) {
	plain := func(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
	byLabel := map[string]int{}
	for i := min(len(labels), width) - 1; i >= 0; i-- {
		byLabel[plain(labels[i])] = i
	}
	var unknown []string
	used := map[int]bool{}
	for i, name := range names {
		label, ok := byLabel[plain(name)]
		if i < min(len(labels), width) && plain(labels[i]) == plain(name) {
			label = i // of several labels that are the same
		}
		if !ok || used[label] {
			unknown = append(unknown, name)
			continue
		}
		used[label] = true
		classOf = append(classOf, label)
	}
	switch {
	case len(unknown) == 0:
		return classOf, "", nil
	case len(names) == width:
		classOf = classOf[:0]
		for i := range names {
			classOf = append(classOf, i)
		}
		if len(labels) == 0 {
			return classOf, "the model's classes have no names: they are taken for those of the data set, in its order", nil
		}
		return classOf, fmt.Sprintf("classes are matched by their order, because the model does not call one %q: %s", unknown[0], examples(names, labels)), nil
	case len(labels) == 0:
		return nil, "", &modelinfo.UnnamedError{Classes: fmt.Sprintf("%d classes: %s", len(names), listed(names)), Model: width}
	}
	return nil, "", fmt.Errorf("has %d classes, of which the model does not know %s; the model has %d classes: %s", len(names), listed(unknown), width, listed(labels))
}

// examples is the first classes that have two names.
func examples(names, labels []string) string {
	var pairs []string
	for i := range min(3, len(names), len(labels)) {
		pairs = append(pairs, fmt.Sprintf("%q is its %q", names[i], labels[i]))
	}
	return strings.Join(pairs, ", ")
}

// listed is the first of some names.
func listed(names []string) string {
	var quoted []string
	for _, name := range names[:min(len(names), 5)] {
		quoted = append(quoted, fmt.Sprintf("%q", name))
	}
	if len(names) > 5 {
		quoted = append(quoted, fmt.Sprintf("… %d in all", len(names)))
	}
	return strings.Join(quoted, ", ")
}

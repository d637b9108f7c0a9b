package vision

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Hold divides a data set in two parts, which keep its order: held has a fraction of the images of each class, chosen by the
// seed, and at least one of every class that has two or more.
func (d *Dataset) Hold(fraction float64, seed uint64) (rest, held *Dataset) {
	return d.divide(seed, 1, func(n int) int {
		if n < 2 || !(fraction > 0) {
			return 0
		}
		return min(max(int(math.Round(float64(n)*min(fraction, 1))), 1), n-1)
	})
}

// PerClass is n images of each class, chosen by the seed, in the order of the data set; all images of a class that has no
// more. The images chosen for some n are among those chosen for a greater one.
func (d *Dataset) PerClass(n int, seed uint64) *Dataset {
	_, some := d.divide(seed, 2, func(have int) int { return min(max(n, 0), have) })
	return d.with(some.samples)
}

// divide takes as many images of each class as rule gives for the number of images that the class has. Different values of
// use let the same seed choose different images.
func (d *Dataset) divide(seed, use uint64, rule func(int) int) (rest, taken *Dataset) {
	byClass := map[int][]int{}
	for i, s := range d.samples {
		byClass[s.class] = append(byClass[s.class], i)
	}
	chosen := make([]bool, len(d.samples))
	for class, images := range byClass {
		dice := newDice(seed+mixBits(use), class, 0)
		shuffle(&dice, images)
		for _, i := range images[:rule(len(images))] {
			chosen[i] = true
		}
	}
	var parts [2][]sample
	for i, s := range d.samples {
		part := 0
		if chosen[i] {
			part = 1
		}
		parts[part] = append(parts[part], s)
	}
	return d.with(parts[0]), d.with(parts[1])
}

// Only is the images of some classes, which are numbered in the order in which they are named.
func (d *Dataset) Only(classes ...string) (*Dataset, error) {
	number := map[int]int{}
	for i, name := range classes {
		old := slices.Index(d.classes, name)
		if old < 0 {
			return nil, fmt.Errorf("vision: data set %q: no class %q, there are %s", d.name, name, list(d.classes))
		}
		if _, twice := number[old]; twice {
			return nil, fmt.Errorf("vision: data set %q: class %q is named twice", d.name, name)
		}
		number[old] = i
	}
	var some []sample
	for _, s := range d.samples {
		if n, ok := number[s.class]; ok {
			s.class = n
			some = append(some, s)
		}
	}
	out := d.with(some)
	out.classes, out.empty = slices.Clone(classes), nil
	return out, nil
}

// checkLabels refuses a data set without images, and images of no class or of one beyond the first n.
func (d *Dataset) checkLabels(n int) error {
	if len(d.samples) == 0 {
		return fmt.Errorf("vision: data set %q: no images", d.name)
	}
	for _, s := range d.samples {
		switch {
		case s.class < 0:
			return fmt.Errorf("vision: data set %q: image %q has no class", d.name, s.name)
		case s.class >= n:
			return fmt.Errorf("vision: data set %q: image %q is of class %d, expects 0 to %d", d.name, s.name, s.class, n-1)
		}
	}
	return nil
}

// CheckTraining refuses what nothing can be learned from: no images, an image without a class, one class, a class without
// images; and, where val has images, classes that only one of the two has. val may be nil, a part of the same data set, or
// another data set.
func CheckTraining(train, val *Dataset) error {
	if err := train.checkLabels(len(train.classes)); err != nil {
		return err
	}
	fail := func(format string, args ...any) error {
		return fmt.Errorf("vision: data set %q: %w", train.name, fmt.Errorf(format, args...))
	}
	has := train.present()
	var seen map[string]bool
	if val != nil && val.Len() > 0 {
		if err := val.checkLabels(len(val.classes)); err != nil {
			return err
		}
		seen = val.present()
		if only := without(val.classes, seen, has); len(only) > 0 {
			return fail("images to validate with are of classes that those to train with lack: %s", list(only))
		}
	}
	if none := without(slices.Concat(train.classes, train.empty), nil, has); len(none) > 0 {
		return fail("classes without an image to train with: %s", list(none))
	}
	if len(train.classes) < 2 {
		return fail("one class, %s: there is nothing to tell apart; expects a folder for each of two classes at least", list(train.classes))
	}
	if seen != nil {
		if only := without(train.classes, nil, seen); len(only) > 0 {
			return fail("classes without an image to validate with: %s", list(only))
		}
		if !slices.Equal(train.classes, val.classes) {
			return fail("its classes are numbered otherwise than those of %q, which validates: %s, and %s", val.name, list(train.classes), list(val.classes))
		}
	}
	return nil
}

// present is the names of the classes that have images.
func (d *Dataset) present() map[string]bool {
	names := map[string]bool{}
	for _, s := range d.samples {
		names[d.classes[s.class]] = true
	}
	return names
}

// without is the names that are not in others and, if some is not nil, are in some.
func without(names []string, some, others map[string]bool) (rest []string) {
	for _, name := range names {
		if (some == nil || some[name]) && !others[name] {
			rest = append(rest, name)
		}
	}
	return rest
}

// maxListed bounds the names in a message.
const maxListed = 10

// list is names with quotes and commas, as many as fit a message.
func list(names []string) string {
	var b strings.Builder
	for i, name := range names[:min(len(names), maxListed)] {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", name)
	}
	if more := len(names) - maxListed; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}

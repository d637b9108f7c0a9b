package vision

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Augmentation is random changes of training images, in the order in which they are applied. The zero value changes
// nothing.
//
// Changes that only move pixels (crops, flips, rotations) are combined where they follow one another: pixels are interpolated
// once, and what one change moves out of the image another may move in again. What lies outside of an image is black: zero,
// after a Spec has inverted it.
type Augmentation struct {
	steps   []augment
	reflect bool    // outside of an image is its mirror image instead
	mixup   float64 // 0: none
	given   string
}

// augment is one change and its numbers, defaults filled in.
type augment struct {
	kind augmentKind
	args []float64
}

// augmentKind is a kind of change. place gives the matrix that maps a pixel of the w×h result to where it is read from in
// src; paint changes samples in place. A kind has one of the two; reflect and mixup, which are done elsewhere, have
// neither.
type augmentKind struct {
	name  string
	args  []augmentArg
	place func(a []float64, d *dice, src *Image, w, h float64) matrix
	paint func(a []float64, d *dice, m *Image, ground [3]byte)
}

// augmentArg is a number of an augmentation. Where it is not given it is def or, if that is NaN, the number before it.
type augmentArg struct {
	name        string
	def, lo, hi float64
	whole       bool
}

// augmentKinds is the table of them, with their numbers.
func augmentKinds() []augmentKind {
	same := math.NaN()
	return []augmentKind{
		{"resized-crop", []augmentArg{{"least area", 0.08, 0.001, 1, false}, {"greatest area", 1, 0.001, 1, false}}, placeResizedCrop, nil},
		{"crop", []augmentArg{{"padding", 4, 0, 1024, true}}, placeCrop, nil},
		{"flip", []augmentArg{{"probability", 0.5, 0, 1, false}}, placeFlip, nil},
		{"vflip", []augmentArg{{"probability", 0.5, 0, 1, false}}, placeVFlip, nil},
		{"rotate", []augmentArg{{"degrees", 10, 0, 180, false}}, placeRotation, nil},
		{"affine", []augmentArg{{"shift", 0.1, 0, 1, false}, {"scale", same, 0, 0.9, false}, {"shear in degrees", 0, 0, 80, false}}, placeAffine, nil},
		{"color", []augmentArg{{"brightness", 0.4, 0, 1, false}, {"contrast", same, 0, 1, false}, {"saturation", same, 0, 1, false}, {"hue", 0, 0, 0.5, false}}, nil, paintColor},
		{"reflect", nil, nil, nil},
		{"erase", []augmentArg{{"probability", 0.25, 0, 1, false}}, nil, paintErased},
		{"mixup", []augmentArg{{"alpha", 0.2, 0.01, 4, false}}, nil, nil},
	}
}

// AugmentationNames lists the names that ParseAugmentation knows.
func AugmentationNames() []string {
	var names []string
	for _, k := range augmentKinds() {
		names = append(names, k.name)
	}
	return names
}

// between separates the numbers of a kind in text: a dash for resized-crop, whose numbers are a range.
func (k augmentKind) between() string {
	if k.name == "resized-crop" {
		return "-"
	}
	return "/"
}

// ParseAugmentation reads augmentations with commas between them, each a name or name:numbers. Numbers may be left out
// from the right:
//
//	resized-crop:0.08-1    a box of that part of the area, of a ratio from 3:4 to 4:3, becomes the image (Szegedy 2015);
//	                       it stands first, and takes the place of the Spec's resizing
//	crop:4                 the image is padded by as many pixels on all sides, and its size cut out anywhere
//	flip:0.5, vflip:0.5    left and right, or top and bottom, are exchanged with that probability
//	rotate:10              by up to so many degrees
//	affine:0.1/0.1/5       moved by up to that part of the sides; larger or smaller by up to that part (if left out, as
//	                       the first); sheared by up to so many degrees (if left out, 0)
//	color:0.4/0.4/0.4/0.1  brightness, contrast and saturation by up to that part (if left out, as the one before), hue by
//	                       that part of the circle (if left out, 0)
//	erase:0.25             with that probability a box of 2 to 33 % of the area becomes the Spec's mean (Zhong 2017)
//	reflect                beyond an image it is mirrored, not black, whatever moves it
//	mixup:0.2              images are mixed in pairs, and their targets (Zhang 2017), with a weight of Beta(0.2, 0.2);
//	                       it stands last
//	none                   nothing; stands alone
func ParseAugmentation(text string) (Augmentation, error) {
	var a Augmentation
	text = strings.TrimSpace(text)
	if text == "" || text == "none" {
		return a, nil
	}
	var given []string
	for i, part := range strings.Split(text, ",") {
		part = strings.TrimSpace(part)
		s, err := parseAugment(part)
		switch {
		case err != nil:
		case a.mixup != 0:
			err = errors.New("mixup stands last, and once")
		case s.kind.name == "resized-crop" && i > 0:
			err = errors.New("resized-crop stands first, and once")
		}
		if err != nil {
			return Augmentation{}, fmt.Errorf("vision: augmentation %q: %w", part, err)
		}
		given = append(given, part)
		switch s.kind.name {
		case "mixup":
			a.mixup = s.args[0]
		case "reflect":
			a.reflect = true
		default:
			a.steps = append(a.steps, s)
		}
	}
	a.given = strings.Join(given, ",")
	return a, nil
}

func parseAugment(text string) (augment, error) {
	name, numbers, some := strings.Cut(text, ":")
	for _, k := range augmentKinds() {
		if k.name != name {
			continue
		}
		var given []string
		if some {
			given = strings.Split(numbers, k.between())
		}
		if len(given) > len(k.args) {
			return augment{}, fmt.Errorf("%d numbers, expects %d at most", len(given), len(k.args))
		}
		s := augment{k, make([]float64, len(k.args))}
		for i, arg := range k.args {
			if s.args[i] = arg.def; math.IsNaN(arg.def) {
				s.args[i] = s.args[i-1]
			}
			if i < len(given) {
				v, err := strconv.ParseFloat(given[i], 64)
				if err != nil || !(v >= arg.lo && v <= arg.hi) || arg.whole && v != math.Trunc(v) {
					return augment{}, fmt.Errorf("%s %q: expects a number from %v to %v", arg.name, given[i], arg.lo, arg.hi)
				}
				s.args[i] = v
			}
		}
		for i, arg := range k.args { // a number taken from the one before it may be out of range
			s.args[i] = min(s.args[i], arg.hi)
		}
		if name == "resized-crop" && s.args[0] > s.args[1] {
			return augment{}, fmt.Errorf("the least area, %v, exceeds the greatest, %v", s.args[0], s.args[1])
		}
		return s, nil
	}
	return augment{}, fmt.Errorf("unknown, expects some of %s, or none", strings.Join(AugmentationNames(), ", "))
}

// String is what ParseAugmentation reads.
func (a Augmentation) String() string {
	if a.given == "" {
		return "none"
	}
	return a.given
}

// apply changes an image at random, to w×h pixels. ground is the colour of what is erased. The result is img itself or
// belongs to the canvas, which writes to it at the next call.
func (a Augmentation) apply(img *Image, w, h int, d *dice, c *canvas, ground [3]byte) *Image {
	m := img
	c.reflect = a.reflect
	for i := 0; i < len(a.steps); {
		if a.steps[i].kind.place == nil {
			if m == img {
				m = c.next(w, h, img.Channels)
				copy(m.Pix, img.Pix)
			}
			a.steps[i].kind.paint(a.steps[i].args, d, m, ground)
			i++
			continue
		}
		at := identity()
		for ; i < len(a.steps) && a.steps[i].kind.place != nil; i++ {
			at = at.times(a.steps[i].kind.place(a.steps[i].args, d, m, float64(w), float64(h)))
		}
		m = c.warp(m, w, h, at)
	}
	return m
}

// resizedCrop is the range of areas of a resized crop.
func (a Augmentation) resizedCrop() (lo, hi float64, ok bool) {
	if len(a.steps) == 0 || a.steps[0].kind.name != "resized-crop" {
		return 0, 0, false
	}
	return a.steps[0].args[0], a.steps[0].args[1], true
}

// placeResizedCrop finds a box as torchvision's RandomResizedCrop does: ten tries, then the largest in the middle.
func placeResizedCrop(a []float64, d *dice, src *Image, w, h float64) matrix {
	sw, sh := float64(src.Width), float64(src.Height)
	const ratio = 4. / 3
	bw, bh := min(sw, sh*ratio), min(sh, sw*ratio)
	x, y := (sw-bw)/2, (sh-bh)/2
	for range 10 {
		area, r := sw*sh*d.between(a[0], a[1]), math.Exp(d.around(math.Log(ratio)))
		cw, ch := math.Round(math.Sqrt(area*r)), math.Round(math.Sqrt(area/r))
		if cw < 1 || ch < 1 || cw > sw || ch > sh {
			continue
		}
		bw, bh = cw, ch
		x, y = float64(d.below(int(sw-cw)+1)), float64(d.below(int(sh-ch)+1))
		break
	}
	return matrix{bw / w, 0, x, 0, bh / h, y}
}

func placeCrop(a []float64, d *dice, _ *Image, w, h float64) matrix {
	n := int(a[0])
	x, y := d.below(2*n+1)-n, d.below(2*n+1)-n
	return translation(float64(x), float64(y))
}

func placeFlip(a []float64, d *dice, _ *Image, w, _ float64) matrix {
	if d.unit() < a[0] {
		return matrix{-1, 0, w, 0, 1, 0}
	}
	return identity()
}

func placeVFlip(a []float64, d *dice, _ *Image, _, h float64) matrix {
	if d.unit() < a[0] {
		return matrix{1, 0, 0, 0, -1, h}
	}
	return identity()
}

func placeRotation(a []float64, d *dice, _ *Image, w, h float64) matrix {
	sin, cos := math.Sincos(d.around(a[0]) * math.Pi / 180)
	return matrix{cos, sin, 0, -sin, cos, 0}.about(w/2, h/2)
}

func placeAffine(a []float64, d *dice, _ *Image, w, h float64) matrix {
	x, y := d.around(a[0])*w, d.around(a[0])*h
	scale := 1 / (1 + d.around(a[1]))
	shear := math.Tan(d.around(a[2]) * math.Pi / 180)
	return matrix{scale, scale * shear, 0, 0, scale, 0}.about(w/2, h/2).times(translation(x, y))
}

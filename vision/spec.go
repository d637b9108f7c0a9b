package vision

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/onnxrun/onnxrun/internal/plain"
)

// Spec is how an image becomes what a model takes. As JSON it travels in the model's metadata (onnxrun.preprocess).
//
// An image is brought to Channels, resized, cut to Width×Height in the middle, inverted, and each sample v of channel c
// becomes (v·Scale - Mean[c]) / Std[c].
type Spec struct {
	// Resize is "shorter" (the shorter side becomes ResizeTo, the ratio stays, as torchvision has it), "exact" (to
	// Width×Height) or "none".
	Resize   string `json:"resize"`
	ResizeTo int    `json:"resize_to,omitempty"`
	Filter   Filter `json:"filter,omitempty"`
	Width    int    `json:"width"`
	Height   int    `json:"height"`
	Channels int    `json:"channels"` // 1 or 3
	Order    string `json:"order"`    // "rgb" or "bgr"; of no meaning for one channel
	// Invert is "never", "always", or "auto": where the border of the image is light, as that of dark ink on paper is.
	Invert string    `json:"invert,omitempty"`
	Scale  float64   `json:"scale"`
	Mean   []float64 `json:"mean,omitempty"`
	Std    []float64 `json:"std,omitempty"`
	Layout string    `json:"layout"` // "nchw" or "nhwc"
}

// maxSide bounds the sizes of a Spec.
const maxSide = 1 << 14

// maxSpec bounds the bytes of a Spec as JSON.
const maxSpec = 1 << 20

// ParseSpec reads the JSON of a Spec. What it does not know it refuses.
func ParseSpec(text string) (Spec, error) {
	var s Spec
	if len(text) > maxSpec {
		return Spec{}, fmt.Errorf("vision: preprocessing: %d bytes, expects at most %d", len(text), maxSpec)
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return Spec{}, plain.Error(fmt.Errorf("vision: preprocessing: %w", err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Spec{}, errors.New("vision: preprocessing: something stands behind the JSON object")
	}
	return s, plain.Error(s.Check())
}

// JSON is what ParseSpec reads.
func (s Spec) JSON() string {
	b, err := json.Marshal(s)
	if err != nil { // numbers that JSON lacks, which Check refuses
		panic(err)
	}
	return string(b)
}

// Check refuses what cannot be done.
func (s Spec) Check() error {
	bad := func(what string, value any) error {
		return fmt.Errorf("vision: preprocessing: %s: unsupported value %v", what, value)
	}
	oneOf := func(what, value string, known ...string) error {
		for _, k := range known {
			if value == k {
				return nil
			}
		}
		return fmt.Errorf("vision: preprocessing: %s: unsupported value %q, expects one of %s", what, value, strings.Join(known, ", "))
	}
	if err := errors.Join(oneOf("resize", s.Resize, "shorter", "exact", "none"), oneOf("order", s.Order, "rgb", "bgr"),
		oneOf("layout", s.Layout, "nchw", "nhwc"), oneOf("invert", s.Invert, "", "never", "always", "auto")); err != nil {
		return err
	}
	if _, _, ok := s.Filter.kernel(); !ok && s.Resize != "none" {
		return bad("filter", s.Filter)
	}
	if s.Channels != 1 && s.Channels != 3 {
		return bad("channels", s.Channels)
	}
	if min(s.Width, s.Height) < 1 || max(s.Width, s.Height, s.ResizeTo) > maxSide || s.Resize == "shorter" && s.ResizeTo < 1 {
		return bad("size", fmt.Sprintf("%d×%d, resized to %d", s.Width, s.Height, s.ResizeTo))
	}
	if !finite(s.Scale) || s.Scale == 0 {
		return bad("scale", s.Scale)
	}
	for i, list := range [...][]float64{s.Mean, s.Std} {
		name := [...]string{"mean", "std"}[i]
		if n := len(list); n != 0 && n != 1 && n != s.Channels {
			return fmt.Errorf("vision: preprocessing: %s: %d numbers for %d channels", name, n, s.Channels)
		}
		for _, v := range list {
			if !finite(v) || name == "std" && v == 0 {
				return bad(name, list)
			}
		}
	}
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// String is one line for a person to read.
func (s Spec) String() string {
	var b strings.Builder
	switch s.Resize {
	case "shorter":
		fmt.Fprintf(&b, "shorter side to %d (%s), centre %d×%d", s.ResizeTo, s.Filter, s.Width, s.Height)
	case "exact":
		fmt.Fprintf(&b, "resized to %d×%d (%s)", s.Width, s.Height, s.Filter)
	default:
		fmt.Fprintf(&b, "centre %d×%d", s.Width, s.Height)
	}
	if s.Channels == 1 {
		b.WriteString(", grey")
	} else {
		b.WriteString(", " + s.Order)
	}
	if s.Invert == "auto" || s.Invert == "always" {
		b.WriteString(", inverted")
		if s.Invert == "auto" {
			b.WriteString(" if the border is light")
		}
	}
	fmt.Fprintf(&b, ", scaled by %.4g", s.Scale)
	if len(s.Mean) > 0 {
		fmt.Fprintf(&b, ", mean %v", s.Mean)
	}
	if len(s.Std) > 0 {
		fmt.Fprintf(&b, ", std %v", s.Std)
	}
	return b.String() + ", " + s.Layout
}

package ops

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/onnxrun/onnxrun/tensor"
)

// formatNumber writes integers plainly, and floats with as many digits as tell them from their neighbours: in
// scientific notation below 1e-4 and from 1e16 on, else with at least one digit after the point.
func formatNumber[S tensor.Real](x S) string {
	bits := 64
	switch any(x).(type) {
	case float32:
		bits = 32
	case float64:
	case uint64:
		return strconv.FormatUint(uint64(x), 10)
	default:
		return strconv.FormatInt(int64(x), 10)
	}
	v := float64(x)
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 0):
		return map[bool]string{true: "-INF", false: "INF"}[v < 0]
	case v != 0 && (math.Abs(v) < 1e-4 || math.Abs(v) >= 1e16):
		return strconv.FormatFloat(v, 'e', -1, bits)
	}
	text := strconv.FormatFloat(v, 'f', -1, bits)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// parse sets out from decimal numbers, INF, +INF, -INF and NaN, in any case.
func (v converter) parse(out *tensor.Tensor, src []string) error {
	if integerTypes.Has(out.DType()) || out.DType() == tensor.Int4 || out.DType() == tensor.Uint4 {
		if ints, ok := parseIntegers(src); ok {
			return convertFrom(v, out, ints)
		}
	}
	numbers := make([]float64, len(src))
	for i, s := range src {
		n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err != nil && math.IsInf(n, 0) { // out of range
			err = nil
		}
		if err != nil {
			return fmt.Errorf("element %d: %q is not a number", i, s)
		}
		numbers[i] = n
	}
	return convertFrom(v, out, numbers)
}

// parseIntegers parses integers, those of uint64 as the int64 of the same bits.
func parseIntegers(src []string) ([]int64, bool) {
	out := make([]int64, len(src))
	for i, s := range src {
		s = strings.TrimSpace(s)
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			u, err := strconv.ParseUint(s, 10, 64)
			if err != nil {
				return nil, false
			}
			n = int64(u)
		}
		out[i] = n
	}
	return out, true
}

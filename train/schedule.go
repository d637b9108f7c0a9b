package train

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Schedule is how the learning rate goes over a run, as a factor of its peak. The zero value is constant.
type Schedule struct {
	kind   string
	factor float64   // step: what each of the drops multiplies by
	at     []float64 // step: where they are; one-cycle: where the peak is; shares of the run
}

// The figures of OneCycleLR of PyTorch: what the rate begins and ends at.
const (
	cycleStart = 1.0 / 25
	cycleEnd   = cycleStart * 1e-4
)

// ParseSchedule reads "constant", "cosine" (down to 0: Loshchilov and Hutter 2017), "one-cycle" or "one-cycle:0.3" (up from
// 1/25 of the peak to it at that share of the run, then down to nearly 0, both along half a cosine: Smith 2018), or
// "step:0.1@0.5,0.75" (times 0.1 after half and after three quarters of the run).
func ParseSchedule(text string) (Schedule, error) {
	kind, rest, more := strings.Cut(text, ":")
	bad := func(why string) (Schedule, error) {
		return Schedule{}, fmt.Errorf("train: schedule %q: %s (constant, cosine, one-cycle, one-cycle:0.3, step:0.1@0.5,0.75)", text, why)
	}
	s := Schedule{kind: kind}
	switch {
	case kind == "constant" || kind == "cosine":
		if more {
			return bad("takes no numbers")
		}
	case kind == "one-cycle":
		if !more {
			rest = "0.3"
		}
		at, ok := share(rest)
		if !ok {
			return bad("the peak's place is a share of the run between 0 and 1")
		}
		s.at = []float64{at}
	case kind == "step":
		factor, places, _ := strings.Cut(rest, "@")
		var err error
		if s.factor, err = strconv.ParseFloat(factor, 64); err != nil || !(s.factor > 0 && s.factor <= 1) {
			return bad("the factor is a number above 0, up to 1")
		}
		for _, p := range strings.Split(places, ",") {
			at, ok := share(p)
			if !ok {
				return bad("places are shares of the run between 0 and 1")
			}
			s.at = append(s.at, at)
		}
		slices.Sort(s.at)
	default:
		return bad("unknown")
	}
	return s, nil
}

// share reads a share of the run, its ends excluded.
func share(text string) (float64, bool) {
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return v, err == nil && v > 0 && v < 1
}

// Factor is what the peak rate is multiplied by in a step, the first being 0, of a run of total steps, of which the first
// warmup go up in a straight line to what the schedule has there.
func (s Schedule) Factor(step, warmup, total int) float64 {
	if step < warmup {
		return s.shape(float64(warmup)/float64(total)) * float64(step+1) / float64(warmup+1)
	}
	return s.shape(float64(step) / float64(max(total, 1)))
}

// shape is the factor at a share of the run.
func (s Schedule) shape(at float64) float64 {
	half := func(from, to, share float64) float64 { return to + (from-to)*(1+math.Cos(math.Pi*min(share, 1)))/2 }
	switch s.kind {
	case "cosine":
		return half(1, 0, at)
	case "one-cycle":
		if peak := s.at[0]; at < peak {
			return half(cycleStart, 1, at/peak)
		}
		return half(1, cycleEnd, (at-s.at[0])/(1-s.at[0]))
	case "step":
		f := 1.0
		for _, place := range s.at {
			if at >= place {
				f *= s.factor
			}
		}
		return f
	}
	return 1
}

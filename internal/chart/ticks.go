package chart

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// step is the least of 1, 2 and 5 times a power of ten that cuts a span into at most n parts.
func step(span float64, n int) float64 {
	power := math.Pow(10, math.Floor(math.Log10(span/float64(n))))
	for _, m := range []float64{1, 2, 5} {
		if span/(m*power) <= float64(n)*(1+1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// evenTicks marks an axis at even numbers of the decimal system, at most at about n of them; whole ones on request.
type evenTicks struct {
	n     int
	whole bool
}

func (e evenTicks) Ticks(lo, hi float64) (ticks []plot.Tick) {
	d := step(hi-lo, e.n)
	if e.whole {
		d = max(1, d)
	}
	digits := max(0, int(-math.Floor(math.Log10(d)+1e-9)))
	for i := math.Ceil(lo/d - 1e-9); i*d <= hi+d*1e-9; i++ {
		v := i * d
		ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v+0, 'f', digits, 64)})
	}
	return ticks
}

// roomy is a range that reaches to the ticks around lo and hi.
func roomy(lo, hi float64, n int) (float64, float64) {
	if hi-lo <= 1e-12*max(math.Abs(lo), math.Abs(hi)) {
		pad := max(math.Abs(lo)*0.1, 1e-3)
		lo, hi = lo-pad, hi+pad
	}
	d := step(hi-lo, n)
	return math.Floor(lo/d+1e-9) * d, math.Ceil(hi/d-1e-9) * d
}

// logTicks marks the powers of ten, and 3 times each (2 and 5 times, where there are few of them) of a logarithmic axis.
type logTicks struct{}

func (logTicks) Ticks(lo, hi float64) (ticks []plot.Tick) {
	between := []float64{1}
	switch decades := math.Log10(hi / lo); {
	case decades < 1.5:
		between = []float64{1, 2, 5}
	case decades < 4:
		between = []float64{1, 3}
	}
	for e := math.Floor(math.Log10(lo)); e <= math.Log10(hi); e++ {
		for _, m := range between {
			v := m * math.Pow(10, e)
			if v < lo*(1-1e-9) || v > hi*(1+1e-9) {
				continue
			}
			label := strconv.FormatFloat(v, 'f', max(0, -int(e)), 64)
			if v < 1e-3 || v >= 1e6 {
				label = strconv.FormatFloat(m, 'f', 0, 64) + "e" + strconv.Itoa(int(math.Round(e)))
			}
			ticks = append(ticks, plot.Tick{Value: v, Label: label})
		}
	}
	return ticks
}

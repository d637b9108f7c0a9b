package train_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/onnxrun/onnxrun/train"
)

func schedule(t testing.TB, text string) train.Schedule {
	s, err := train.ParseSchedule(text)
	require.NoError(t, err)
	return s
}

// Schedules are PyTorch's CosineAnnealingLR, OneCycleLR and MultiStepLR.
func TestSchedulesArePyTorchs(t *testing.T) {
	want := figures(t).Schedules
	for name, text := range map[string]string{"cosine": "cosine", "one-cycle": "one-cycle:0.25", "step": "step:0.1@0.75,0.5"} {
		s := schedule(t, text)
		require.Len(t, want[name], 40)
		for i, v := range want[name] {
			require.InDelta(t, v, s.Factor(i, 0, 40), 1e-7, "%s, step %d", text, i)
		}
	}
}

func TestSchedules(t *testing.T) {
	for _, c := range []struct {
		text   string
		warmup int
		want   map[int]float64 // of 100 steps
	}{
		{"constant", 0, map[int]float64{0: 1, 50: 1, 99: 1}},
		{"constant", 4, map[int]float64{0: 0.2, 1: 0.4, 2: 0.6, 3: 0.8, 4: 1, 99: 1}},
		{"cosine", 0, map[int]float64{0: 1, 50: 0.5, 100: 0}},
		{"cosine", 50, map[int]float64{0: 0.5 / 51, 49: 0.5 * 50 / 51, 50: 0.5}},
		{"one-cycle", 0, map[int]float64{0: 0.04, 15: 0.52, 30: 1, 65: 0.500002, 100: 4e-6}},
		{"one-cycle: 0.5", 0, map[int]float64{0: 0.04, 25: 0.52, 50: 1}},
		{"step:0.5@0.3", 0, map[int]float64{29: 1, 30: 0.5, 99: 0.5}},
		{"step:0.1@0.75, 0.5", 10, map[int]float64{9: 10.0 / 11, 10: 1, 49: 1, 50: 0.1, 75: 0.01}},
	} {
		for step, want := range c.want {
			require.InDelta(t, want, schedule(t, c.text).Factor(step, c.warmup, 100), 1e-9, "%s, step %d", c.text, step)
		}
	}
	require.Equal(t, 1.0, train.Schedule{}.Factor(7, 0, 10), "the zero value is constant")
}

func TestScheduleErrors(t *testing.T) {
	known := " (constant, cosine, one-cycle, one-cycle:0.3, step:0.1@0.5,0.75)"
	for text, why := range map[string]string{
		"":                "unknown",
		"linear":          "unknown",
		"constant:1":      "takes no numbers",
		"cosine:":         "takes no numbers",
		"one-cycle:":      "the peak's place is a share of the run between 0 and 1",
		"one-cycle:1":     "the peak's place is a share of the run between 0 and 1",
		"one-cycle:NaN":   "the peak's place is a share of the run between 0 and 1",
		"step":            "the factor is a number above 0, up to 1",
		"step:2@0.5":      "the factor is a number above 0, up to 1",
		"step:0@0.5":      "the factor is a number above 0, up to 1",
		"step:0.1":        "places are shares of the run between 0 and 1",
		"step:0.1@":       "places are shares of the run between 0 and 1",
		"step:0.1@0.5,30": "places are shares of the run between 0 and 1",
	} {
		_, err := train.ParseSchedule(text)
		require.EqualError(t, err, fmt.Sprintf("train: schedule %q: %s%s", text, why, known))
	}
}

// Whatever the run, the factor is above 0 and never above 1, rises all through the warm-up, and goes on from it without a
// jump: in even steps up to what the schedule has there.
func TestSchedulesProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		share := rapid.Float64Range(0.01, 0.99)
		text := rapid.SampledFrom([]string{"constant", "cosine", fmt.Sprint("one-cycle:", share.Draw(rt, "peak")),
			fmt.Sprintf("step:%v@%v,%v", share.Draw(rt, "factor"), share.Draw(rt, "at"), share.Draw(rt, "at"))}).Draw(rt, "schedule")
		s, total := schedule(t, text), rapid.IntRange(1, 3000).Draw(rt, "total")
		warmup := rapid.IntRange(0, total-1).Draw(rt, "warmup")
		for i := range total {
			f := s.Factor(i, warmup, total)
			require.True(rt, f > 0 && f <= 1, "factor %v", f)
			if i < warmup {
				require.InDelta(rt, s.Factor(warmup, warmup, total)/float64(warmup+1), s.Factor(i+1, warmup, total)-f, 1e-12)
			}
			require.Equal(rt, f, s.Factor(i, warmup, total))
		}
	})
}

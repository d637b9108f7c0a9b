package compress

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/passes"
)

// PassesKey is the metadata key under which a model records what Optimize did to it: the JSON of a list of Step.
const PassesKey = "onnxrun.passes"

// Step is what one Optimize did to a model.
type Step struct {
	Level    string           `json:"level"`
	Passes   []StepPass       `json:"passes,omitempty"` // those that changed something
	Rewrites []passes.Rewrite `json:"rewrites,omitempty"`
}

// StepPass is a pass and how often it changed something.
type StepPass struct {
	Pass string `json:"pass"`
	Hits int    `json:"hits"`
}

// History is what was done to a model, the first first; nil if it does not say.
func History(g *ir.Graph) ([]Step, error) {
	text, ok := g.Meta(PassesKey)
	if !ok {
		return nil, nil
	}
	return ParseHistory(text)
}

// maxHistory bounds the bytes of a history.
const maxHistory = 16 << 20

// ParseHistory reads the metadata of PassesKey.
func ParseHistory(text string) ([]Step, error) {
	var steps []Step
	if len(text) > maxHistory {
		return nil, fmt.Errorf("onnxrun: metadata %q: %d bytes, expects at most %d", PassesKey, len(text), maxHistory)
	}
	if err := json.Unmarshal([]byte(text), &steps); err != nil {
		return nil, plain.Error(fmt.Errorf("onnxrun: metadata %q: %w", PassesKey, err))
	}
	return steps, nil
}

// record appends to a model's history.
func record(g *ir.Graph, opts Options, stats []passes.Stat) error {
	steps, err := History(g)
	if err != nil {
		steps = nil // it makes no sense to us: begin anew
	}
	s := Step{Level: opts.Level.String()}
	for _, st := range stats {
		if st.Hits > 0 {
			s.Passes = append(s.Passes, StepPass{st.Pass, st.Hits})
		}
		for _, rw := range st.Rewrites {
			if rw.Skipped == "" {
				s.Rewrites = append(s.Rewrites, rw)
			}
		}
	}
	if len(s.Passes) == 0 {
		return nil
	}
	text, err := json.Marshal(append(steps, s))
	if err != nil {
		return fmt.Errorf("onnxrun: metadata %q: %w", PassesKey, err)
	}
	g.SetMeta(PassesKey, string(text))
	return nil
}

// errorText writes an error; what has no distance is ∞.
func errorText(e float64) string {
	if e == math.MaxFloat64 {
		return "∞"
	}
	return fmt.Sprintf("%.3g", e)
}

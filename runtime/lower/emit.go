package lower

import (
	"context"

	"github.com/onnxrun/onnxrun/internal/kernel"
)

// emit makes the kernels that hold weights, and with them the phases of their steps.
func (p *Program) emit(ctx context.Context) error {
	for _, st := range p.Steps {
		if st.make == nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if st.lies() {
			st.Kernel, st.Algorithm, st.Cost, st.make = "alias", "alias", kernel.Cost{}, nil
			continue
		}
		k, task, err := st.make(st)
		if err != nil {
			if stopped := ctx.Err(); stopped != nil {
				return stopped
			}
			return at(st.Node(), err)
		}
		st.Algorithm, st.Phases, st.make = algorithm(k), []Phase{{Tasks: k.Tasks(), Task: task}}, nil
		p.Scratch = max(p.Scratch, k.ScratchSize())
	}
	return nil
}

// lies reports whether all that a step would write lies where it is already.
func (st *Step) lies() bool {
	for _, v := range st.Views {
		if v.Kind != Part || !v.Done {
			return false
		}
	}
	return len(st.Views) > 0
}

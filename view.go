package onnxrun

import (
	"github.com/onnxrun/onnxrun/internal/mapped"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/view"
)

// Draw describes a graph for package view, which draws it: with what Inspect counts and, where steps is not nil, with
// what a profiled run of it took. Nodes that depend on no input are left out unless all is true.
func Draw(g *ir.Graph, title string, steps []runtime.StepProfile, all bool) (_ *view.Model, err error) {
	defer mapped.Of(g.Backing()).Guard(&err)()
	info, err := Inspect(g)
	if err != nil {
		return nil, err
	}
	costs := make(map[string]view.Cost, len(info.Nodes))
	for _, n := range info.Nodes {
		costs[n.Name] = view.Cost{Parameters: n.Parameters, MACs: n.MACs}
	}
	m := view.Describe(g, title, costs, !all)
	m.Uncounted = info.Uncounted
	list := make([]view.Step, 0, len(steps))
	for _, s := range steps {
		step := view.Step{Node: s.Node.Name, Op: s.Node.OpName(), Algorithm: s.Algorithm, Micros: s.Time.Seconds() * 1e6}
		if v := s.Node.Out(0); v != nil {
			step.Value = v.Name()
		}
		list = append(list, step)
	}
	m.SetProfile(list)
	return m, nil
}

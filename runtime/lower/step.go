package lower

import (
	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Layout is how the elements of a value lie in memory.
type Layout uint8

const (
	Plain   Layout = iota // row-major
	Blocked               // of N×C×H×W: [N][⌈C/16⌉][H][W][16], zeros in the channels beyond C
	Rows                  // the same of a value whose channels are its last dimension: its pixels with the channels second
)

func (l Layout) String() string { return [...]string{"plain", "blocked", "rows"}[l] }

// Array is the elements of a value in a layout, or numbers that steps hand to each other.
type Array struct {
	Value  *ir.Value // nil where it is of no value
	Role   string    // what it is then: "sums", "packed weights" …
	Layout Layout
	DType  tensor.DType
	Len    int // elements, padding included; 0 where it is not known
	Slot   int // -1 before it is placed

	made bool // by a step, while steps are looked at in order
}

// Step computes nodes, or prepares what a step that does so reads.
type Step struct {
	Nodes     []*ir.Node // the first one names it
	Kernel    string     // the family: "conv", "pool", "convert" …, "alias" where there is nothing to do, or "reference"
	Algorithm string
	DType     tensor.DType // that the kernel computes in
	Reads     []*Array
	Writes    []*Array
	Cost      kernel.Cost // as it is estimated
	// Helper says that another step computes the nodes, and this one prepares or completes its work.
	Helper bool
	Views  []View
	Phases []Phase // what a Run does, one after the other; none for "alias" and "reference"

	split int // how many tasks to ask kernels for that it needs beside its own
	// make prepares a kernel that holds weights; nil where Phases stand from the beginning.
	make func(st *Step) (tasked, Task, error)
}

// Node is the node that a step is named by.
func (st *Step) Node() *ir.Node { return st.Nodes[0] }

// View is an array that may lie in another one of its step.
type View struct {
	Of, In *Array
	At     int // byte
	Kind   ViewKind
	Done   bool // it does
}

// ViewKind says when an array may lie in another.
type ViewKind uint8

const (
	Part      ViewKind = iota // Of is just a part of In, or all of it by another name: where In lies in memory of the program's own
	Whole                     // Of has been written, and is a part of In from now on: where nobody else wants it elsewhere
	Overwrite                 // Of is written where In lies: where nobody else reads that
)

// Memory is what steps of a Run work on.
type Memory struct {
	Values  []*tensor.Tensor // by slot
	Scratch [][]float32      // by worker
}

// F32 is the elements of an array; nil for an absent one.
func (m *Memory) F32(a *Array) []float32 { return elements[float32](m, a) }

// elements is the elements of an array of any type.
func elements[T tensor.Elem](m *Memory, a *Array) []T {
	if a == nil {
		return nil
	}
	return tensor.Data[T](m.Values[a.Slot])
}

// Task is one of a phase's tasks, which may run at the same time.
type Task func(m *Memory, task, worker int)

// Phase is tasks, or Once, which one goroutine does.
type Phase struct {
	Tasks int
	Task  Task
	Once  func(m *Memory) error
}

// tasked is what prepared kernels have in common.
type tasked interface {
	Tasks() int
	ScratchSize() int
}

// arrays is those of a list that are present.
func arrays(list ...*Array) []*Array {
	out := make([]*Array, 0, len(list))
	for _, a := range list {
		if a != nil {
			out = append(out, a)
		}
	}
	return out
}

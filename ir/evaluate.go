package ir

import (
	"context"
	"fmt"
	"math"
	"unsafe"

	"github.com/onnxrun/onnxrun/tensor"
)

// DefaultMemory is the bytes that an evaluation may hold where its Host does not count them.
const DefaultMemory = 1 << 30

// MemoryError says that intermediate results would take more memory than they may.
type MemoryError struct{ Need, Limit int }

func (e *MemoryError) Error() string {
	return fmt.Sprintf("intermediate results need %d bytes, more than the limit of %d (Options.MaxMemory)", e.Need, e.Limit)
}

// evaluate computes c.Out by the operator's reference. A node whose outputs have no elements is not computed, so that
// no reference loops over large dimensions of an empty tensor. Outputs whose sizes follow from the inputs alone are
// checked against the memory limit before anything is computed.
func (c *EvalCtx) evaluate() error {
	if c.Node == nil {
		return c.Op.Def().Eval(c)
	}
	types, err := c.outputTypes()
	if err != nil {
		return err
	}
	need, empty := 0, len(types) > 0
	for o, t := range types {
		if !c.Wants(o) {
			continue
		}
		shape, known := t.Shape.Ints()
		if !known {
			empty = false
			continue
		}
		n, err := tensor.Count(t.DType, shape)
		if err != nil {
			return err
		}
		empty = empty && n == 0
		if Shares(c.Node) {
			continue
		}
		if _, planned := c.Node.outputs[o].typ.Shape.Ints(); !planned { // else there may be a place for it already
			need = saturated(need, n, max(t.DType.Size(), 1))
		}
	}
	if err := c.Hold(need); err != nil {
		return err
	}
	if err := c.Hold(-need); err != nil {
		return err
	}
	if !empty {
		return c.Op.Def().Eval(c)
	}
	for o, t := range types {
		if shape, _ := t.Shape.Ints(); c.Wants(o) {
			if _, err := c.Output(o, t.DType, shape...); err != nil {
				return err
			}
		}
	}
	return nil
}

// outputTypes is the types of the node's outputs, inferred again from the actual inputs where the graph does not tell
// all of them. Nodes with bodies are left out: their outputs have the types that the bodies compute.
func (c *EvalCtx) outputTypes() ([]Type, error) {
	types := make([]Type, len(c.Node.outputs))
	known := true
	for o, v := range c.Node.outputs {
		if v != nil {
			types[o] = v.typ
			_, ok := v.typ.Shape.Ints()
			known = known && ok
		}
	}
	if known {
		return types, nil
	}
	for range Bodies(c.Op) {
		return types, nil
	}
	n := &Node{Name: c.Node.Name, Op: c.Op, inputs: make([]*Value, len(c.In))}
	for i, t := range c.In {
		if t != nil {
			n.inputs[i] = &Value{typ: TensorType(t), konst: t, dims: constDims(t)}
		}
	}
	types, _, err := inferNode(n, len(types))
	return types, err
}

// saturated is sum + n·size, or the greatest int.
func saturated(sum, n, size int) int {
	if n > (math.MaxInt-sum)/max(size, 1) {
		return math.MaxInt
	}
	return sum + n*size
}

// Reserve holds n elements of size bytes.
func (c *EvalCtx) Reserve(n, size int) error {
	if n < 0 {
		return fmt.Errorf("size %d is negative", n)
	}
	return c.Hold(saturated(0, n, size))
}

// Part is an evaluation of op that is part of this one: the same Host counts it. Its outputs are tensors of its own.
func (c *EvalCtx) Part(op Op, in ...*tensor.Tensor) *EvalCtx {
	p := &EvalCtx{Ctx: c.Ctx, Op: op, In: in, Host: c.Host}
	p.Host.Alloc = nil
	return p
}

// Scratch is zeroed memory for the product of sizes, which may come from a file, that an evaluation asks for.
func Scratch[T any](c *EvalCtx, sizes ...int) ([]T, error) {
	n := 1
	for _, d := range sizes {
		if n = saturated(0, n, d); d < 0 || n == math.MaxInt {
			return nil, fmt.Errorf("sizes %v are negative or too large", sizes)
		}
	}
	var zero T
	if err := c.Reserve(n, int(unsafe.Sizeof(zero))); err != nil {
		return nil, err
	}
	return make([]T, n), nil
}

// Eval runs a node's reference on tensors, on no arena: for constant folding and tests.
func Eval(ctx context.Context, n *Node, in []*tensor.Tensor, host Host) (out []*tensor.Tensor, err error) {
	c := &EvalCtx{Ctx: ctx, Node: n, Op: n.Op, In: in, Host: host}
	if err := c.Evaluate(); err != nil {
		return nil, &Error{Node: n.Name, Op: n.OpName(), Err: err}
	}
	for len(c.Out) < len(n.outputs) {
		c.Out = append(c.Out, nil)
	}
	return c.Out[:len(n.outputs)], nil
}

package ir

import "errors"

// ErrBudget says that an evaluation would take more than its Budget.
var ErrBudget = errors.New("takes more than is set aside for it")

// Budget is what evaluations may take together; they count it down.
type Budget struct {
	Work  int // about as many operations on elements
	Bytes int // of outputs
}

// spendStep is how much work is done between two looks at the context: some milliseconds.
const spendStep = 1 << 16

// Spend counts work, in operations on elements, roughly. Once the context has ended or the budget is spent it ends the
// evaluation, by a panic from which Evaluate makes an error. References call it in every loop that may be long, ahead
// of the work.
func (c *EvalCtx) Spend(work int) {
	if c.spent += work; c.spent >= spendStep || c.spent < 0 {
		c.settle()
	}
}

// interrupt is what Spend panics with.
type interrupt struct{ err error }

// Interrupt ends the evaluation, as Spend does, if the context has ended: for loops whose steps are long.
func (c *EvalCtx) Interrupt() {
	if c.Ctx != nil {
		if err := c.Ctx.Err(); err != nil {
			panic(interrupt{err})
		}
	}
}

func (c *EvalCtx) settle() {
	work := c.spent
	c.spent = 0
	c.Interrupt()
	if b := c.Host.Budget; b != nil {
		if b.Work -= work; b.Work < 0 || work < 0 {
			panic(interrupt{ErrBudget})
		}
	}
}

// Steps calls f for parts of 0 … n-1, in order, and spends each element of a part as work, times the work for each.
func (c *EvalCtx) Steps(n, work int, f func(from, to int)) {
	step := max(1, spendStep/max(1, work))
	for from := 0; from < n; from += step {
		to := min(n, from+step)
		c.Spend((to - from) * work)
		f(from, to)
	}
}

// Evaluate runs the operator's reference: every evaluation goes through it or a reference that does.
func (c *EvalCtx) Evaluate() (err error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case interrupt:
			err = v.err
		default:
			panic(v)
		}
	}()
	return c.evaluate()
}

// Hold counts bytes that the evaluation keeps beside its outputs; a negative number gives some back. Where the Host
// does not count, the limit is DefaultMemory.
func (c *EvalCtx) Hold(bytes int) error {
	if c.Host.Hold != nil {
		return c.Host.Hold(bytes)
	}
	if bytes > DefaultMemory-c.held {
		return &MemoryError{saturated(c.held, bytes, 1), DefaultMemory}
	}
	c.held += bytes
	return nil
}

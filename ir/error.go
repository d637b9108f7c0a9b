package ir

import (
	"errors"
	"fmt"

	"github.com/onnxrun/onnxrun/internal/plain"
)

// ErrUnsupported is what is valid and this project does not have; errors.Is finds it.
var ErrUnsupported = errors.New("not supported")

// Error is a fault found at a node. Its text has the form of all errors of the project without the package's name,
// which the caller's package puts before it: `node "conv1" (Conv): attribute "dilations": unsupported value [2 2]`.
type Error struct {
	Node string // the node's name
	Op   string // the operator
	Err  error
}

func (e *Error) Error() string {
	return "node " + plain.Quote(e.Node, plain.Name) + " (" + plain.Text(e.Op, plain.Name) + "): " + plain.Text(e.Err.Error(), plain.Line)
}

func (e *Error) Unwrap() error { return e.Err }

// AttrError is a fault of an attribute; it stands in an Error.
type AttrError struct {
	Attr string
	Msg  string
}

func (e *AttrError) Error() string {
	return "attribute " + plain.Quote(e.Attr, plain.Name) + ": " + plain.Text(e.Msg, plain.Line)
}

// Unsupported is the fault of an attribute whose value is not supported.
func Unsupported(attr string, value any) error {
	return &AttrError{attr, fmt.Sprintf("unsupported value %v", value)}
}

// OpsetError says that an opset lacks something that a node needs; it stands in an Error.
type OpsetError struct {
	What  string // is lacking
	Opset int    // that was asked for
	Needs int    // the oldest that will do
}

func (e *OpsetError) Error() string {
	return fmt.Sprintf("%s needs opset %d or newer, %d is asked for", plain.Text(e.What, plain.Name), e.Needs, e.Opset)
}

package plain

import (
	"fmt"
	"io"
)

// Fprintf is fmt.Fprintf for a format that is ours and arguments that are not: what they are printed as is Text, cut to
// Line characters.
func Fprintf(w io.Writer, format string, args ...any) (int, error) {
	for i, arg := range args {
		args[i] = data(arg, Line)
	}
	return fmt.Fprintf(w, format, args...)
}

// Cells is Fprintf for rows of tables, whose cells have less room.
func Cells(w io.Writer, format string, args ...any) (int, error) {
	for i, arg := range args {
		args[i] = data(arg, Cell)
	}
	return fmt.Fprintf(w, format, args...)
}

// data is an argument that is printed as Text. Numbers stay themselves: they may be widths.
func data(arg any, max int) any {
	switch arg := arg.(type) {
	case int, int32, int64, uint8, uint64, float32, float64, bool:
		return arg
	case string:
		return Text(arg, max)
	}
	return formatted{arg, max}
}

// formatted prints a value as Text.
type formatted struct {
	value any
	max   int
}

func (f formatted) Format(s fmt.State, verb rune) {
	io.WriteString(s, Text(fmt.Sprintf(fmt.FormatString(s, verb), f.value), f.max))
}

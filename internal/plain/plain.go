// Package plain makes text that comes from files fit for terminals and logs: whatever a file holds, what is printed of it is
// short, stays on its line and moves no cursor.
package plain

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The lengths, in characters, that text is cut to.
const (
	Name = 200  // a name within a sentence
	Cell = 120  // a cell of a table
	Line = 2000 // a line of an error, or a text that is printed alone
)

// ellipsis stands for what was cut.
const ellipsis = "…"

// Text is s on one line, with what is no visible character or space escaped as in Go's strings, cut to max characters.
// What it gives it leaves as it is: a backslash that s has stays single.
func Text(s string, max int) string {
	if isPlain(s) && (len(s) <= max || utf8.RuneCountInString(s) <= max) {
		return s
	}
	var b strings.Builder
	for n := 0; s != ""; n++ {
		r, size := utf8.DecodeRuneInString(s)
		if n >= max-1 && !(n == max-1 && size == len(s)) {
			b.WriteString(ellipsis)
			break
		}
		appendRune(&b, r, s[:size], textEscape)
		s = s[size:]
	}
	return b.String()
}

// Quote is Text between quotation marks, as strconv.Quote has it where nothing is cut.
func Quote(s string, max int) string {
	head := cut(s, max)
	if len(head) == len(s) {
		return strconv.Quote(s)
	}
	return strconv.Quote(head) + ellipsis
}

// cut is the first max characters of s.
func cut(s string, max int) string {
	if len(s) <= max {
		return s
	}
	for i := range s {
		if max == 0 {
			return s[:i]
		}
		max--
	}
	return s
}

// List is quoted names, separated by commas; of more than max the first, and how many there are.
func List(names []string, max int) string {
	parts := make([]string, 0, min(len(names), max)+1)
	for _, s := range names[:min(len(names), max)] {
		parts = append(parts, Quote(s, Name))
	}
	if n := len(names); n > max {
		parts = append(parts, ellipsis+" ("+strconv.Itoa(n)+" in all)")
	}
	return strings.Join(parts, ", ")
}

// Join is values as they print themselves, as Text, separated by commas; of more than max the first, and how many there are.
func Join[T fmt.Stringer](values []T, max int) string {
	parts := make([]string, 0, min(len(values), max)+1)
	for _, v := range values[:min(len(values), max)] {
		parts = append(parts, Text(v.String(), Name))
	}
	if n := len(values); n > max {
		parts = append(parts, ellipsis+" ("+strconv.Itoa(n)+" in all)")
	}
	return strings.Join(parts, ", ")
}

// Lines is Text for each line of s, of which at most max are left.
func Lines(s string, max int) string {
	var b strings.Builder
	for n := 0; ; n++ {
		line, rest, more := strings.Cut(s, "\n")
		b.WriteString(Text(line, Line))
		switch {
		case !more:
			return b.String()
		case n+1 == max:
			return b.String() + "\n" + ellipsis
		}
		b.WriteByte('\n')
		s = rest
	}
}

// Message is what an error says, as Lines of a bounded number.
func Message(err error) string { return Lines(err.Error(), maxLines) }

// maxLines is more than the text of any error of this project has.
const maxLines = 40

// isPlain reports whether there is nothing to escape.
func isPlain(s string) bool {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c < ' ' || c == 0x7f {
				return false
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if !visible(r, size) {
			return false
		}
		i += size
	}
	return true
}

// visible reports whether a character is printed as itself: those of Unicode's categories L, M, N, P, S and Zs. Controls, line
// separators, format characters, which turn the direction of writing, and bytes that are no character are not.
func visible(r rune, size int) bool {
	if r == utf8.RuneError && size <= 1 {
		return false
	}
	return unicode.IsGraphic(r)
}

func appendRune(b *strings.Builder, r rune, raw string, escape func(rune) string) {
	switch {
	case visible(r, len(raw)):
		b.WriteString(raw)
	case r == utf8.RuneError && len(raw) == 1:
		b.WriteString(`\x` + hex(uint32(raw[0]), 2))
	default:
		b.WriteString(escape(r))
	}
}

// textEscape is how Go writes a character in a string.
func textEscape(r rune) string {
	q := strconv.QuoteRuneToASCII(r)
	return q[1 : len(q)-1]
}

func hex(n uint32, digits int) string {
	s := strconv.FormatUint(uint64(n), 16)
	return strings.Repeat("0", max(0, digits-len(s))) + s
}

// Error is err with its Message as text; errors.Is and errors.As find in it what they find in err. It is for what leaves a
// package, and nil for nil.
func Error(err error) error {
	if err == nil {
		return nil
	}
	if text := err.Error(); Lines(text, maxLines) == text {
		return err
	}
	return &messageError{err}
}

type messageError struct{ err error }

func (e *messageError) Error() string { return Message(e.err) }

func (e *messageError) Unwrap() error { return e.err }

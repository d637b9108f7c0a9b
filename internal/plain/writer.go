package plain

import (
	"io"
	"strings"
	"unicode/utf8"
)

// Writer passes text on with what is no visible character escaped, but for newlines and tabs. It keeps the first error: after
// it, nothing is written. It is the last line of defence; what stands on a line is for Text to say.
type Writer struct {
	to     io.Writer
	escape func(rune) string
	rest   []byte // the beginning of a character whose end is not yet written
	err    error
}

// NewWriter makes a Writer of text.
func NewWriter(to io.Writer) *Writer { return &Writer{to: to, escape: textEscape} }

// NewJSONWriter makes a Writer of JSON, in which such characters stand in strings only: they are escaped as JSON has it, and
// the values stay what they are.
func NewJSONWriter(to io.Writer) *Writer { return &Writer{to: to, escape: jsonEscape} }

// Err is the first error of what is written to.
func (w *Writer) Err() error { return w.err }

func (w *Writer) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	text := p
	if len(w.rest) > 0 {
		text = append(w.rest, p...)
	}
	if len(text) == 0 {
		return 0, nil
	}
	keep := unfinished(text)
	w.rest = append([]byte(nil), text[len(text)-keep:]...)
	if err := w.write(string(text[:len(text)-keep])); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush writes what is left of a character that never came to its end.
func (w *Writer) Flush() error {
	rest := string(w.rest)
	w.rest = nil
	if w.err == nil && rest != "" {
		w.write(rest)
	}
	return w.err
}

func (w *Writer) write(s string) error {
	var b strings.Builder
	for s != "" {
		r, size := utf8.DecodeRuneInString(s)
		if r == '\n' || r == '\t' {
			b.WriteByte(byte(r))
		} else {
			appendRune(&b, r, s[:size], w.escape)
		}
		s = s[size:]
	}
	if b.Len() > 0 {
		_, w.err = io.WriteString(w.to, b.String())
	}
	return w.err
}

// unfinished is the length of the beginning of a character at the end of p.
func unfinished(p []byte) int {
	for n := 1; n <= min(len(p), utf8.UTFMax-1); n++ {
		if tail := p[len(p)-n:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}

// jsonEscape is how JSON writes a character in a string.
func jsonEscape(r rune) string {
	if r < 0x10000 {
		return `\u` + hex(uint32(r), 4)
	}
	r -= 0x10000
	return `\u` + hex(uint32(0xd800+r>>10), 4) + `\u` + hex(uint32(0xdc00+r&0x3ff), 4)
}

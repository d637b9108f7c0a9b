package ir

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/onnxrun/onnxrun/internal/plain"
)

// ParseError is a fault in a text.
type ParseError struct {
	Line, Col int // from 1; columns count bytes
	Err       error
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("ir: %d:%d: %s", e.Line, e.Col, plain.Text(e.Err.Error(), plain.Line))
}

func (e *ParseError) Unwrap() error { return e.Err }

type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokIdent
	tokNumber // begins with a digit or -
	tokString // text is unquoted
	tokValue  // %name; text is the name
	tokPunct  // one character, -> or ...
)

type token struct {
	kind tokenKind
	text string
	pos  int
}

func (t token) String() string {
	switch t.kind {
	case tokEOF:
		return "the end"
	case tokString:
		return shorten(strconv.Quote(t.text))
	case tokValue:
		return "%" + shorten(t.text)
	}
	return shorten(t.text)
}

func shorten(s string) string { return plain.Text(s, 40) }

// lexer cuts a text into tokens; // begins a comment.
type lexer struct {
	src string
	pos int
}

func (l *lexer) errorAt(pos int, err error) error {
	before := l.src[:pos]
	return &ParseError{1 + strings.Count(before, "\n"), pos - strings.LastIndexByte(before, '\n'), err}
}

func (l *lexer) next() (token, error) {
	l.skipSpace()
	start := l.pos
	if start == len(l.src) {
		return token{tokEOF, "", start}, nil
	}
	c := rune(l.src[start])
	switch {
	case c == '"':
		s, err := l.quoted()
		return token{tokString, s, start}, err
	case c == '%':
		l.pos++
		s := l.run(isNameRune)
		var err error
		if s == "" && strings.HasPrefix(l.src[l.pos:], `"`) {
			s, err = l.quoted()
		}
		if err == nil && s == "" {
			err = l.errorAt(start, fmt.Errorf("a value name is empty"))
		}
		return token{tokValue, s, start}, err
	case strings.HasPrefix(l.src[start:], "->"):
		l.pos += 2
	case strings.HasPrefix(l.src[start:], "..."):
		l.pos += 3
	case c == '-' || isDigit(c):
		l.number()
		return token{tokNumber, l.src[start:l.pos], start}, nil
	case isIdentRune(c):
		return token{tokIdent, l.run(isIdentRune), start}, nil
	default:
		_, size := utf8.DecodeRuneInString(l.src[start:])
		l.pos += size
	}
	return token{tokPunct, l.src[start:l.pos], start}, nil
}

func (l *lexer) skipSpace() {
	for l.pos < len(l.src) {
		switch {
		case strings.IndexByte(" \t\r\n", l.src[l.pos]) >= 0:
			l.pos++
		case strings.HasPrefix(l.src[l.pos:], "//"):
			end := strings.IndexByte(l.src[l.pos:], '\n')
			if end < 0 {
				end = len(l.src) - l.pos
			}
			l.pos += end
		default:
			return
		}
	}
}

// run takes characters, all ASCII, as long as they are wanted.
func (l *lexer) run(wanted func(rune) bool) string {
	start := l.pos
	for l.pos < len(l.src) && wanted(rune(l.src[l.pos])) {
		l.pos++
	}
	return l.src[start:l.pos]
}

// number takes 12, -1.5e-07, 0x7fc0 and -inf.
func (l *lexer) number() {
	start := l.pos
	bits := strings.HasPrefix(l.src[start:], "0x")
	for l.pos++; l.pos < len(l.src); l.pos++ {
		c := l.src[l.pos]
		sign := (c == '-' || c == '+') && l.src[l.pos-1] == 'e' && !bits
		if c == '_' || !isIdentRune(rune(c)) && !sign {
			return
		}
	}
}

func (l *lexer) quoted() (string, error) {
	start := l.pos
	for l.pos++; l.pos < len(l.src) && l.src[l.pos] != '"' && l.src[l.pos] != '\n'; l.pos++ {
		if l.src[l.pos] == '\\' {
			l.pos++
		}
	}
	if l.pos >= len(l.src) || l.src[l.pos] != '"' {
		l.pos = min(l.pos, len(l.src))
		return "", l.errorAt(start, fmt.Errorf("a string does not end"))
	}
	l.pos++
	s, err := strconv.Unquote(l.src[start:l.pos])
	if err != nil {
		return "", l.errorAt(start, fmt.Errorf("%s is not a string", shorten(l.src[start:l.pos])))
	}
	return s, nil
}

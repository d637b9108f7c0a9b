package plain

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// hostile has one of each kind of what a terminal must not see.
const hostile = "\x1b[31mred\x00\a\b\r\x7f\u0085\u009b31m\u200b\u200e\u202e\u2066\u2028\u2029\ufeff\xff\xc3\U000e0001"

func TestText(t *testing.T) {
	require.Equal(t, `\x1b[31mred\x00\a\b\r\x7f\u0085\u009b31m\u200b\u200e\u202e\u2066\u2028\u2029\ufeff\xff\xc3\U000e0001`, Text(hostile, 1000))
	require.Equal(t, `a\nb\tc`, Text("a\nb\tc", 1000))
	for _, same := range []string{"", "conv1", `C:\models\"new"`, "naïve ✓ 日本語 e\u0301", "a\u00a0b\u3000c"} {
		require.Equal(t, same, Text(same, 100))
	}
	require.Equal(t, "abc…", Text("abcdef", 4))
	require.Equal(t, "abcdef", Text("abcdef", 6))
	require.Equal(t, "日本語", Text("日本語", 3))
	require.Equal(t, `\x1b\x1b…`, Text("\x1b\x1b\x1b\x1b", 3))
}

func TestQuote(t *testing.T) {
	require.Equal(t, strconv.Quote(hostile), Quote(hostile, 1000))
	require.Equal(t, `"日本"…`, Quote("日本語", 2))
	require.Equal(t, `"日本語"`, Quote("日本語", 3))
	require.Equal(t, `"a", "\n", … (3 in all)`, List([]string{"a", "\n", "b"}, 2))
	require.Equal(t, `"a"`, List([]string{"a"}, 2))
}

func TestLines(t *testing.T) {
	require.Equal(t, "2 problems:\n  a\\x1b\n  b", Lines("2 problems:\n  a\x1b\n  b", 10))
	require.Equal(t, "a\nb\n…", Lines("a\nb\nc", 2))
	require.Less(t, len(Message(errors.New(strings.Repeat(strings.Repeat("\xff", 1<<20)+"\n", 100)))), 4*Line*maxLines+1000)
}

func TestFormat(t *testing.T) {
	var b bytes.Buffer
	Fprintf(&b, "%s|%5d|%*s|%-4s|%v|%q|%.1f\n", "a\nb", 7, 3, "x", "y", errors.New("bad\x1b"), "q\"", 1.25)
	require.Equal(t, "a\\nb|    7|  x|y   |bad\\x1b|\"q\\\"\"|1.2\n", b.String())
	b.Reset()
	Cells(&b, "%s\t%v\n", strings.Repeat("x", 1000), []string{"a\tb", "\u202e"})
	require.Equal(t, strings.Repeat("x", Cell-1)+"…\t[a\\tb \\u202e]\n", b.String())
}

// Whatever comes, what is printed has nothing but visible characters, is cut, and is left alone the next time.
func TestTextIsSafe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + rapid.String().Draw(t, "text")
		max := rapid.IntRange(1, 40).Draw(t, "max")
		got := Text(s, max)
		require.True(t, isPlain(got), "%q", got)
		require.LessOrEqual(t, utf8.RuneCountInString(got), 10*max)
		whole := Text(s, 1<<20)
		require.Equal(t, whole, Text(whole, 1<<20))
	})
}

// The writer writes the same however its input is cut up, and JSON stays what it says.
func TestWriter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + rapid.String().Draw(t, "text") + "ü"
		var whole, parts bytes.Buffer
		w, v := NewWriter(&whole), NewWriter(&parts)
		io.WriteString(w, s)
		require.NoError(t, w.Flush())
		_, err := io.Copy(v, iotest.OneByteReader(strings.NewReader(s)))
		require.NoError(t, err)
		require.NoError(t, v.Flush())
		require.Equal(t, whole.String(), parts.String())
		require.True(t, isPlain(strings.NewReplacer("\n", "", "\t", "").Replace(whole.String())))

		var text bytes.Buffer
		enc := json.NewEncoder(NewJSONWriter(&text))
		enc.SetEscapeHTML(false)
		require.NoError(t, enc.Encode(map[string]string{s: s}))
		require.True(t, isPlain(strings.TrimSuffix(text.String(), "\n")), "%q", text.String())
		var back map[string]string
		require.NoError(t, json.Unmarshal(text.Bytes(), &back))
		valid := string([]rune(s)) // what is no UTF-8 is lost
		require.Equal(t, map[string]string{valid: valid}, back)
	})
}

// fullDisk takes n bytes.
type fullDisk struct{ n int }

var errFull = errors.New("no space left")

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.n -= len(p); d.n < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriterKeepsTheFirstError(t *testing.T) {
	w := NewWriter(&fullDisk{3})
	_, err := io.WriteString(w, "ab")
	require.NoError(t, err)
	_, err = io.WriteString(w, "cd")
	require.ErrorIs(t, err, errFull)
	_, err = io.WriteString(w, "c")
	require.ErrorIs(t, err, errFull)
	require.ErrorIs(t, w.Flush(), errFull)
	require.ErrorIs(t, w.Err(), errFull)
}

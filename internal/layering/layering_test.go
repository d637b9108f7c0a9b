// Package layering has the tests of how the repository is laid out.
package layering

import (
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	module = "github.com/onnxrun/onnxrun"
	root   = "../.."
	// maxLines is where a file is to be cut into two.
	maxLines = 600
)

// place is the folder of the table that dir lies in, the deepest of them, and its row.
func place(t *testing.T, rows [][]string, dir string) (folder string, row int) {
	row = -1
	for i, names := range rows {
		for _, name := range names {
			in := dir == name || name != "." && strings.HasPrefix(dir, name+"/")
			if in && (row < 0 || len(name) > len(folder)) {
				folder, row = name, i
			}
		}
	}
	require.GreaterOrEqual(t, row, 0, "folder %s is in no row of the table in docs/architecture.md", dir)
	return folder, row
}

// table reads the folders that each row of the table names.
func table(t *testing.T) [][]string {
	doc, err := os.ReadFile(filepath.Join(root, "docs/architecture.md"))
	require.NoError(t, err)
	_, after, found := strings.Cut(string(doc), "\n| package |")
	require.True(t, found, "docs/architecture.md has no table of packages")
	var rows [][]string
	folder := regexp.MustCompile("`([a-z0-9/]+)/`")
	for _, line := range strings.Split(after, "\n")[2:] {
		if !strings.HasPrefix(line, "|") {
			break
		}
		cell := strings.Split(line, "|")[1]
		var row []string
		for _, m := range folder.FindAllStringSubmatch(cell, -1) {
			row = append(row, m[1])
		}
		if strings.Contains(cell, "root package") {
			row = append(row, ".")
		}
		require.NotEmpty(t, row, line)
		rows = append(rows, row)
	}
	return rows
}

// goFiles calls f for every Go file that is not a test, with its path from the root of the repository. Folders with a
// go.mod of their own, and those that the go command ignores, are left out.
func goFiles(t *testing.T, tests bool, f func(path string, src []byte)) {
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if d.IsDir() && rel != "." {
			_, err := os.Stat(filepath.Join(path, "go.mod"))
			if err == nil || strings.ContainsAny(d.Name()[:1], "._") || d.Name() == "testdata" {
				return filepath.SkipDir
			}
		}
		if d.IsDir() || filepath.Ext(rel) != ".go" || !tests && strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		src, err := os.ReadFile(path)
		if err == nil {
			f(filepath.ToSlash(rel), src)
		}
		return err
	})
	require.NoError(t, err)
}

// A package imports only what stands above it in the table of docs/architecture.md. Folders of one row are strangers.
func TestImportsFollowTheTable(t *testing.T) {
	rows := table(t)
	files := 0
	goFiles(t, false, func(path string, src []byte) {
		files++
		folder, row := place(t, rows, filepath.ToSlash(filepath.Dir(path)))
		file, err := parser.ParseFile(token.NewFileSet(), path, src, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			require.NotEqual(t, "C", name, "%s uses cgo", path)
			dir, ours := strings.CutPrefix(name, module+"/")
			switch {
			case name == module:
				dir = "."
			case !ours:
				continue
			}
			if target, above := place(t, rows, dir); target != folder {
				require.Less(t, above, row, "%s imports %s, which does not stand above it in docs/architecture.md", path, name)
			}
		}
	})
	require.NotZero(t, files)
}

func TestFilesAreShort(t *testing.T) {
	goFiles(t, true, func(path string, src []byte) {
		if !regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`).Match(src) {
			require.LessOrEqual(t, bytes.Count(src, []byte("\n")), maxLines, "%s is longer than %d lines", path, maxLines)
		}
	})
}

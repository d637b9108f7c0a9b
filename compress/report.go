package compress

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/onnxrun/onnxrun/internal/atomicfile"
	"github.com/onnxrun/onnxrun/internal/plain"
)

// ReportRow is a line of a report's table.
type ReportRow struct{ What, Before, After, Change string }

// Table is the sizes before and after, for a person to read.
func (r *Report) Table() []ReportRow {
	b, a := r.Before, r.After
	rows := []ReportRow{count("nodes", int64(b.Nodes), int64(a.Nodes))}
	if a.FileNodes > 0 && a.FileNodes != a.Nodes {
		rows[0].After += fmt.Sprintf(" (%d in the file)", a.FileNodes)
	}
	rows = append(rows, count("parameters", b.Parameters, a.Parameters), count("MACs", b.MACs, a.MACs))
	if b.FileBytes > 0 || a.FileBytes > 0 {
		rows = append(rows, count("file, bytes", b.FileBytes, a.FileBytes))
	}
	if b.Time > 0 {
		rows = append(rows, ReportRow{"time, ms", fmt.Sprintf("%.4g", b.Time), fmt.Sprintf("%.4g", a.Time), change(b.Time, a.Time)})
	}
	return rows
}

func count(what string, before, after int64) ReportRow {
	return ReportRow{what, thousands(before), thousands(after), change(float64(before), float64(after))}
}

// change is after as a share of before, empty where that says nothing.
func change(before, after float64) string {
	if before <= 0 || after <= 0 || before == after {
		return ""
	}
	return fmt.Sprintf("%+.1f %%", 100*(after/before-1))
}

// thousands writes 60965224 as 60,965,224; 0, which stands for unknown, as –.
func thousands(n int64) string {
	if n == 0 {
		return "–"
	}
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Save writes the report as a file of the kind that its name ends in: .html, one page that needs nothing else, or .json.
func (r *Report) Save(path string) error {
	var write func(io.Writer) error
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".html":
		write = r.WriteHTML
	case ".json":
		write = r.WriteJSON
	default:
		return fmt.Errorf("onnxrun: %s: unknown kind of file %q, expects .html or .json", plain.Text(path, plain.Name), ext)
	}
	if err := atomicfile.Write(path, write); err != nil {
		return fmt.Errorf("onnxrun: report: %w", err)
	}
	return nil
}

// WriteJSON writes the report as JSON.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

//go:embed report.html
var reportPage string

// WriteHTML writes the report as a page.
func (r *Report) WriteHTML(w io.Writer) error {
	page, err := template.New("report").Funcs(template.FuncMap{
		"number":  func(n any) string { return thousands(toInt64(n)) },
		"error":   errorText,
		"percent": func(v float64) string { return fmt.Sprintf("%.3g %%", 100*v) },
	}).Parse(reportPage)
	if err != nil {
		return err
	}
	return page.Execute(w, r)
}

func toInt64(n any) int64 {
	switch n := n.(type) {
	case int:
		return int64(n)
	case int64:
		return n
	}
	return 0
}

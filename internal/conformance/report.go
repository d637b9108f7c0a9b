package conformance

import (
	"fmt"
	"slices"
	"strings"
)

// Suite is the results of one collection of cases.
type Suite struct {
	Title, Command string
	Results        []Result
	Models         bool // real models: every case has a row with its worst error
}

// Report is docs/conformance.md.
func Report(suites []Suite) string {
	var b strings.Builder
	b.WriteString("# Conformance\n\nWritten by `go run ./internal/conformance/report`; `go test ./internal/conformance` keeps ONNX's own cases\nas they are listed in `testdata/conformance.txt`.\n")
	for _, s := range suites {
		passed, failed, skipped, _ := Summary(s.Results)
		fmt.Fprintf(&b, "\n## %s\n\n`%s`\n\n%d cases: **%d pass, %d fail, %d are skipped.**\n", s.Title, s.Command, len(s.Results), passed, failed, skipped)
		if s.Models {
			b.WriteString("\n| model | result | worst absolute error |\n|---|---|---|\n")
			for _, r := range s.Results {
				fmt.Fprintf(&b, "| %s | %s | %.2g |\n", r.Name, strings.TrimSpace(r.Status.String()+" "+oneLine(r.Reason)), r.Worst)
			}
			continue
		}
		writeReasons(&b, s.Results, Fail, "Failures")
		writeReasons(&b, s.Results, Skip, "Skipped, by reason")
	}
	return b.String()
}

func writeReasons(b *strings.Builder, results []Result, status Status, title string) {
	count := map[string]int{}
	for _, r := range results {
		if r.Status == status {
			count[oneLine(r.Reason)]++
		}
	}
	if len(count) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s:\n\n| cases | reason |\n|---|---|\n", title)
	reasons := make([]string, 0, len(count))
	for r := range count {
		reasons = append(reasons, r)
	}
	slices.SortFunc(reasons, func(x, y string) int {
		if count[x] != count[y] {
			return count[y] - count[x]
		}
		return strings.Compare(x, y)
	})
	for _, r := range reasons {
		fmt.Fprintf(b, "| %d | %s |\n", count[r], r)
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

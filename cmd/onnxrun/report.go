package main

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/onnxrun/onnxrun/compress"
	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/passes"
)

// printPasses prints the table of passes.
func (a *app) printPasses() error {
	type row struct {
		Pass string `json:"pass"`
		Kind string `json:"kind"`
		Doc  string `json:"does"`
	}
	var rows []row
	for _, p := range passes.Table() {
		rows = append(rows, row{p.Name, p.Kind.String(), p.Doc})
	}
	if a.json {
		return a.printJSON(rows)
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	plain.Cells(w, "PASS\tKIND\tDOES\n")
	for _, r := range rows {
		plain.Cells(w, "%s\t%s\t%s\n", r.Pass, r.Kind, r.Doc)
	}
	return w.Flush()
}

// printReport prints what optimize did.
func (a *app) printReport(r *compress.Report) {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	plain.Cells(w, "\tBEFORE\tAFTER\t\n")
	for _, row := range r.Table() {
		plain.Cells(w, "%s\t%s\t%s\t%s\n", row.What, row.Before, row.After, row.Change)
	}
	w.Flush()
	if !a.quiet {
		plain.Cells(w, "\nPASS\tHITS\tLEFT ALONE\n")
		for _, s := range r.Passes {
			if s.Hits > 0 || len(s.Misses) > 0 {
				plain.Cells(w, "%s\t%d\t%s\n", s.Pass, s.Hits, missText(s))
			}
		}
		w.Flush()
	}
	a.printRewrites(r)
	if r.CalibratedOn != "" {
		plain.Fprintf(a.out, "\nfitted to %s\n", r.CalibratedOn)
	}
	if r.Verification != nil {
		plain.Fprintf(a.out, "\n")
		plain.Fprintf(a.out, "on %s: %v\n", r.VerifiedOn, r.Verification)
	}
	for _, n := range r.Notes {
		a.note("note: %s", n)
	}
}

// printRewrites prints what approximate passes did, layer by layer, and what they left alone.
func (a *app) printRewrites(r *compress.Report) {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	first := true
	for _, s := range r.Passes {
		for _, rw := range s.Rewrites {
			if rw.Skipped == "" {
				if first {
					plain.Cells(w, "\nLAYER\tPASS\tFORM\tRANKS\tERROR\tMACS\n")
				}
				first = false
				plain.Cells(w, "%s\t%s\t%s\t%s\t%s\t%s\n", rw.Node, s.Pass, rw.Form, ranksText(rw.Ranks), rw.ErrorText(), macsText(rw))
			}
		}
	}
	w.Flush()
	for _, s := range r.Passes {
		for _, rw := range s.Rewrites {
			if rw.Skipped != "" && !a.quiet {
				plain.Fprintf(a.out, "%s left %s alone: %s\n", s.Pass, rw.Node, rw.Skipped)
			}
		}
	}
}

func macsText(r passes.Rewrite) string {
	if r.MACsBefore == 0 && r.MACsAfter == 0 {
		return ""
	}
	return grouped(r.MACsBefore) + " → " + grouped(r.MACsAfter)
}

// missText is why a pass left places alone; those of passes that tell layer by layer stand there.
func missText(s passes.Stat) string {
	if len(s.Rewrites) > 0 {
		return ""
	}
	var parts []string
	for _, reason := range sortedKeys(s.Misses) {
		parts = append(parts, fmt.Sprintf("%d: %s", s.Misses[reason], reason))
	}
	return strings.Join(parts, "; ")
}

func ranksText(ranks []int) string {
	parts := make([]string, len(ranks))
	for i, r := range ranks {
		parts[i] = strconv.Itoa(r)
	}
	return strings.Join(parts, ", ")
}

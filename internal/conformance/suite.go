package conformance

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// RunAll runs the cases below root, several at once, and returns the results in the order of the names.
func RunAll(ctx context.Context, root string, names []string, opts Options) []Result {
	results := make([]Result, len(names))
	var wg sync.WaitGroup
	next := make(chan int)
	workers := opts.AtOnce
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	for range workers {
		wg.Go(func() {
			for i := range next {
				results[i] = Run(ctx, filepath.Join(root, filepath.FromSlash(names[i])), names[i], opts)
			}
		})
	}
	for i := range names {
		next <- i
	}
	close(next)
	wg.Wait()
	return results
}

// Check compares results with a manifest and returns what is wrong: listed cases that do not pass, passing or skipped
// cases that are listed otherwise, and unlisted ones.
func Check(results []Result, manifest map[string]Result) []string {
	var wrong []string
	seen := map[string]bool{}
	for _, r := range results {
		seen[r.Name] = true
		want, listed := manifest[r.Name]
		switch {
		case !listed:
			wrong = append(wrong, fmt.Sprintf("%s is not in the manifest: %s %s", r.Name, r.Status, r.Reason))
		case r.Status == Fail:
			wrong = append(wrong, fmt.Sprintf("%s fails: %s", r.Name, r.Reason))
		case r.Status != want.Status:
			wrong = append(wrong, fmt.Sprintf("%s is listed as %s, but: %s %s", r.Name, want.Status, r.Status, r.Reason))
		}
	}
	for name := range manifest {
		if !seen[name] {
			wrong = append(wrong, name+" is in the manifest, but there is no such case")
		}
	}
	slices.Sort(wrong)
	return wrong
}

// FormatManifest is the inverse of ParseManifest. Failures are left out: they have no place in a manifest.
func FormatManifest(header string, results []Result) string {
	var b strings.Builder
	for line := range strings.Lines(header) {
		b.WriteString("# " + line)
	}
	b.WriteString("\n")
	for _, r := range results {
		switch r.Status {
		case Pass:
			fmt.Fprintf(&b, "pass %s\n", r.Name)
		case Skip:
			fmt.Fprintf(&b, "skip %s: %s\n", r.Name, strings.Join(strings.Fields(r.Reason), " "))
		}
	}
	return b.String()
}

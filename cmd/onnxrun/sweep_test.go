package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Any file may be given as MODEL or IMAGE: the program says what it is not, in a few lines of text, and soon.
// ONNXRUN_SWEEP names other folders than /usr/include and /usr/bin, separated by colons:
//
//	ONNXRUN_LONG=1 ONNXRUN_SWEEP=/etc:/proc go test ./cmd/onnxrun -run TestEveryFileOfTheSystem -v -timeout 2h
func TestEveryFileOfTheSystem(t *testing.T) {
	if os.Getenv("ONNXRUN_LONG") == "" {
		t.Skip("takes minutes: ONNXRUN_LONG=1 runs it")
	}
	roots := os.Getenv("ONNXRUN_SWEEP")
	if roots == "" {
		roots = "/usr/include:/usr/bin"
	}
	for _, root := range filepath.SplitList(roots) {
		if _, err := os.Stat(root); err != nil {
			t.Logf("%s: left out: %v", root, err)
			continue
		}
		start := time.Now()
		s := sweep{counts: map[string]int{}}
		s.folder(t, root)
		for _, what := range slices.Sorted(maps.Keys(s.counts)) {
			t.Logf("%s: %s: %d", root, what, s.counts[what])
		}
		t.Logf("%s: %d files in %v; the slowest: %s, %v", root, s.files, time.Since(start).Round(time.Second), s.slowest, s.slow.Round(time.Millisecond))
		require.NotZero(t, s.files, root)
	}
}

// sweep counts what commands make of files.
type sweep struct {
	mu      sync.Mutex
	files   int
	counts  map[string]int // by command and exit code
	slowest string
	slow    time.Duration
}

// folder gives each file below a folder, whatever it is, to each command.
func (s *sweep) folder(t *testing.T, root string) {
	own := fmt.Sprintf("/proc/%d/", os.Getpid()) // this process changes as it looks at itself
	var wg sync.WaitGroup
	slots := make(chan struct{}, 2)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil: // a folder that cannot be read, a process that has ended
			return nil
		case d.IsDir() && strings.HasPrefix(path+"/", own):
			return filepath.SkipDir
		case d.IsDir():
			return nil
		}
		s.files++
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			for _, args := range [][]string{{"check", path}, {"info", path}, {path, seven}, {lenet, path}} {
				s.command(t, args, path)
			}
		})
		return nil
	})
	wg.Wait()
	require.NoError(t, err)
}

// command runs a command line within its time, which does not count what it says itself it was told to stop at.
func (s *sweep) command(t *testing.T, args []string, path string) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	hangs := time.AfterFunc(2*time.Minute, func() { panic(fmt.Sprintf("waits for ever: %q", args)) })
	defer hangs.Stop()
	var out, errOut bytes.Buffer
	start := time.Now()
	code := execute(ctx, append([]string{"--threads", "1"}, args...), strings.NewReader(""), &out, &errOut)
	took := time.Since(start)
	requirePlain(t, out.String(), args)
	requirePlain(t, errOut.String(), args)
	if code != exitDone && code != exitNo && code != exitBad || strings.Contains(errOut.String(), "internal fault") || errOut.Len() > 100_000 {
		t.Errorf("%q: exit code %d, %.1000s", args, code, errOut.String())
	}
	name := args[0]
	switch name {
	case path:
		name = "MODEL"
	case lenet:
		name = "IMAGE"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[fmt.Sprintf("%s ends with %d", name, code)]++
	if took > s.slow {
		s.slow, s.slowest = took, strings.Join(args, " ")
	}
}

// Package systematic has the tests that go through every operator: in every form that it had, with inputs and outputs left
// out, with attributes at the ends of their ranges, and with shapes that have no elements and huge dimensions. Nothing may
// panic, hang, or take memory that the elements do not need; most of what is tried is invalid, and errors are right.
package systematic

import (
	"fmt"
	"os"
	goruntime "runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	maxAllocated = 256 << 20
	maxTime      = 3 * time.Second
	// hopeless is where a case is given up, which ends the process: a loop cannot be stopped from outside.
	hopeless = 30 * time.Second
	// memory is what a Run may take.
	memory = 64 << 20
)

// long reports whether all is to be tried.
func long() bool { return os.Getenv("ONNXRUN_LONG") != "" }

// watch runs cases and reports those that panic, take long or allocate much.
type watch struct {
	t      *testing.T
	cases  int
	faults map[string]int // by text, so that one fault is told once or twice

	mu    sync.Mutex
	name  string
	start time.Time
}

func newWatch(t *testing.T) *watch {
	w := &watch{t: t, faults: map[string]int{}}
	done := make(chan struct{})
	go w.guard(done)
	t.Cleanup(func() {
		close(done)
		t.Logf("%d cases", w.cases)
	})
	return w
}

// guard ends the process when a case does not end.
func (w *watch) guard(done chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-time.After(time.Second):
		}
		w.mu.Lock()
		name, since := w.name, time.Since(w.start)
		w.mu.Unlock()
		if name != "" && since > hopeless {
			stacks := make([]byte, 1<<20)
			fmt.Fprintf(os.Stderr, "%s: does not end\n%s\n", name, stacks[:goruntime.Stack(stacks, true)])
			os.Exit(1)
		}
	}
}

// fault reports what is wrong with a case, twice at most for each kind.
func (w *watch) fault(kind, name, text string) {
	if w.faults[kind]++; w.faults[kind] <= 2 {
		lines := strings.Split(text, "\n")
		w.t.Errorf("%s: %s", name, strings.Join(lines[:min(len(lines), 12)], "\n"))
	}
}

// run runs a case. What it returns is an error that it ended with, nil if it ended well.
func (w *watch) run(op, name string, f func() error) {
	w.cases++
	w.mu.Lock()
	w.name, w.start = name, time.Now()
	w.mu.Unlock()
	before := allocated()
	start := time.Now()
	defer func() {
		if v := recover(); v != nil {
			w.fault(op+"/panic", name, fmt.Sprintf("panic: %v\n%s", v, debug.Stack()))
		}
		w.mu.Lock()
		w.name = ""
		w.mu.Unlock()
		if d := time.Since(start); d > maxTime {
			w.fault(op+"/time", name, fmt.Sprintf("took %v", d))
		}
		if n := allocated() - before; n > maxAllocated {
			w.fault(op+"/memory", name, fmt.Sprintf("allocated %d MB", n>>20))
		}
	}()
	if err := f(); err != nil && strings.Contains(err.Error(), "internal fault") {
		w.fault(op+"/fault", name, err.Error())
	}
}

func allocated() uint64 {
	var m goruntime.MemStats
	goruntime.ReadMemStats(&m)
	return m.TotalAlloc
}

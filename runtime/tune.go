package runtime

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/onnxrun/onnxrun/internal/atomicfile"
	"github.com/onnxrun/onnxrun/internal/hostfile"
	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/runtime/lower"
)

// TuneDir is where Options.Tune usually points: the user's cache folder.
func TuneDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("runtime: no place to keep measurements: %w", err)
	}
	return filepath.Join(dir, "onnxrun"), nil
}

// tuner chooses algorithms by measuring them once for each model and processor. Its file may be deleted at any time; what
// cannot be read or makes no sense is measured again.
type tuner struct {
	path string

	mu      sync.Mutex
	choices map[string]string // convolution → algorithm
	changed bool
}

// maxTuneFile bounds the file of measurements: some ten bytes for each convolution.
const maxTuneFile = 16 << 20

// newTuner reads what is known of a graph on this machine.
func newTuner(dir string, g *ir.Graph, set *kernel.Set) *tuner {
	h := sha256.New()
	fmt.Fprintln(h, kernel.Processor(), set)
	if err := ir.Print(h, g, ir.PrintOptions{Elide: 1}); err != nil {
		fmt.Fprintln(h, err)
	}
	t := &tuner{path: filepath.Join(dir, "tune-"+hex.EncodeToString(h.Sum(nil)[:12])+".json"), choices: map[string]string{}}
	if data, err := hostfile.Read(t.path, maxTuneFile); err == nil {
		if json.Unmarshal(data, &t.choices) != nil || t.choices == nil {
			t.choices = map[string]string{}
		}
	}
	return t
}

// choose is lower.Options.Choose of a session that measures.
func (s *Session) choose(ctx context.Context, key string, candidates []lower.Candidate) (int, error) {
	t := s.tuner
	t.mu.Lock()
	known := t.choices[key]
	t.mu.Unlock()
	best, least := 0, time.Duration(math.MaxInt64)
	for i, c := range candidates {
		if c.Name == known {
			return i, nil
		}
	}
	for i, c := range candidates {
		k, err := c.Make(c.Spec)
		if err != nil {
			return 0, err
		}
		d, err := s.timeConv(ctx, k, c.Spec)
		if err != nil {
			return 0, err
		}
		if d < least {
			best, least = i, d
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.choices[key], t.changed = candidates[best].Name, true
	return best, nil
}

// timeConv is the least time of some runs of a kernel on the session's threads.
func (s *Session) timeConv(ctx context.Context, k lower.ConvKernel, spec kernel.BlockedConvSpec) (time.Duration, error) {
	f := &frame{plan: &plan{session: s}}
	x := make([]float32, lower.BlockedLen(spec.N, spec.C, spec.In[0]*spec.In[1]))
	y := make([]float32, lower.BlockedLen(spec.N, spec.OutC, spec.Out[0]*spec.Out[1]))
	run := func(m *lower.Memory, task, worker int) { k.Run(task, y, x, nil, m.Scratch[worker]) }
	if spec.Packed {
		packed := make([]float32, k.PackedSize())
		run = func(m *lower.Memory, task, worker int) { k.RunPacked(task, y, x, packed, nil, m.Scratch[worker]) }
	}
	for i := range x {
		x[i] = float32(i%17)/16 - 0.5
	}
	for range s.opts.Threads {
		f.Scratch = append(f.Scratch, make([]float32, k.ScratchSize()))
	}
	f.job.done = ctx.Done()
	s.pool.begin(&f.job, s.opts.Threads)
	defer s.pool.end(&f.job)
	least := time.Duration(math.MaxInt64)
	for start, runs := time.Now(), 0; runs < 3 || time.Since(start) < 10*time.Millisecond; runs++ {
		begin := time.Now()
		err := f.parallel(k.Tasks(), run)
		if err != nil {
			return 0, err
		}
		least = min(least, time.Since(begin))
	}
	return least, nil
}

// save writes new choices. That it fails is no reason not to run: they are measured again another time.
func (t *tuner) save() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.changed || os.MkdirAll(filepath.Dir(t.path), 0o755) != nil {
		return
	}
	atomicfile.SweepFolder(filepath.Dir(t.path))
	err := atomicfile.Write(t.path, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(t.choices)
	})
	t.changed = err != nil
}

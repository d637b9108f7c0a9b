package systematic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/exporter"
	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/passes"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/stretchr/testify/require"
)

// Every operator, in every form that it had, with inputs and outputs left out and attributes at the ends of their ranges,
// goes from a file through the importer, the passes of each level, a run and the exporter, and comes back. A sample, unless
// ONNXRUN_LONG asks for all, which takes minutes.
func TestEveryFormOfEveryOperator(t *testing.T) {
	w := newWatch(t)
	check, err := passes.ParseDebug("check", io.Discard)
	require.NoError(t, err)
	p := &road{check: check, path: filepath.Join(t.TempDir(), "model.onnx"), pool: runtime.NewPool(2)}
	defer p.pool.Close()
	found := map[string]bool{}
	n, share, forms, every := 0, 41, 0, 5
	if long() {
		share, every = 1, 1
	}
	for _, def := range ops.All() {
		for _, opset := range def.Since {
			if forms++; opset > ops.Opset || forms%every != 0 {
				continue
			}
			f, ok := base(def, opset)
			found[def.Name] = found[def.Name] || ok
			for what, v := range variants(def, f) {
				if n++; n%share == 0 {
					w.run(def.Name, fmt.Sprintf("%s: %v", what, v), func() error { return p.travel(v) })
				}
			}
		}
	}
	for _, def := range ops.All() {
		if long() && !found[def.Name] {
			t.Errorf("no form of %s was valid", def.Name)
		}
	}
	if p.written == 0 {
		t.Error("no model was valid")
	}
	t.Logf("%d models were valid, %d ran, %d were written and read again", p.valid, p.ran, p.written)
}

// road is the way that models go.
type road struct {
	path                string
	check               *passes.Debug
	pool                *runtime.Pool
	valid, ran, written int
}

func (p *road) travel(f form) error {
	data := f.model()
	if err := os.WriteFile(p.path, data, 0o600); err != nil {
		return err
	}
	problems, err := importer.Check(p.path)
	if err != nil {
		return err
	}
	faulty := slices.ContainsFunc(problems, func(p importer.Problem) bool { return p.Severity == importer.Fault })
	g, err := importer.Read(bytes.NewReader(data))
	if (err != nil) != faulty {
		return fmt.Errorf("internal fault: Check finds %v, Read gives %v", problems, err)
	}
	if err != nil {
		return err
	}
	p.valid++
	if err := ir.Verify(g); err != nil {
		return fmt.Errorf("internal fault: after the import: %w", err)
	}
	for _, n := range g.Nodes() {
		if macs := n.Op.Def().MACs; macs != nil && macs(n) < 0 {
			return fmt.Errorf("internal fault: %d multiply-accumulates", macs(n))
		}
	}
	fault := p.runs(g, f)
	for _, opset := range []int{7, 9, 11, 13, 18, 21, ops.Opset} {
		if err := p.exports(g, opset); err != nil {
			return err
		}
	}
	return fault
}

// runs runs the model at each level. Whether a result is right is for other tests to say.
func (p *road) runs(g *ir.Graph, f form) error {
	ctx, cancel := context.WithTimeout(context.Background(), maxTime/2)
	defer cancel()
	var fault error
	for _, level := range []passes.Level{passes.O0, passes.O1, passes.O2} {
		c := g.Clone()
		_, err := passes.Optimize(ctx, c, passes.Options{Level: level})
		if err == nil {
			if err := ir.Verify(c); err != nil {
				return fmt.Errorf("internal fault: after the passes of %v: %w", level, err)
			}
		} else if fault = err; isFault(err) {
			return err
		}
		s, err := runtime.Compile(ctx, g, runtime.Options{Passes: &passes.Options{Level: level, Debug: p.check}, MaxMemory: memory, Pool: p.pool, Threads: 2})
		if err == nil {
			_, err = s.Run(ctx, f.given()...)
		}
		if err == nil {
			p.ran++
		} else if fault = err; isFault(err) {
			return err
		}
	}
	return fault
}

// exports writes the model as one of an opset and reads it again.
func (p *road) exports(g *ir.Graph, opset int) error {
	var file bytes.Buffer
	err := exporter.Write(&file, g, exporter.Options{Opset: opset})
	var lacks *ir.OpsetError
	switch {
	case errors.As(err, &lacks):
		return nil
	case err != nil:
		return err
	}
	if _, err := importer.Read(&file); err != nil {
		return fmt.Errorf("internal fault: what was written in opset %d cannot be read: %w", opset, err)
	}
	p.written++
	return nil
}

func isFault(err error) bool { return strings.Contains(err.Error(), "internal fault") }

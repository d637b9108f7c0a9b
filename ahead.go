package onnxrun

import (
	"context"
	"fmt"
	stdruntime "runtime"
	"sync"

	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/vision"
)

// prepared is a batch for a model's input.
type prepared struct {
	x      *tensor.Tensor
	index  []int   // the images of its rows; a model of a fixed batch may have rows of zeros beyond
	broken []error // images that cannot be read, found since the last batch
	done   int     // images gone through
	err    error   // ends it
}

// ahead decodes and prepares a data set in order, on all cores, some batches ahead of the reader. Every batch but the last
// is full. The channel is closed at the end, or soon after ctx is.
func (m *Model) ahead(ctx context.Context, data *vision.Dataset, opts EvaluateOptions) <-chan prepared {
	size, fixed := m.batchSize()
	if !fixed {
		size = DefaultEvaluateBatch
		if opts.Batch > 0 {
			size = opts.Batch
		}
	}
	out := make(chan prepared, 2)
	go func() {
		defer close(out)
		var rows [][]float32
		var b prepared
		send := func() bool {
			if len(rows) > 0 {
				n := len(rows)
				if fixed {
					n = size
				}
				b.x, b.err = m.stack(rows, n)
			}
			select {
			case out <- b:
			case <-ctx.Done():
				return false
			}
			ok := b.err == nil
			rows, b = nil, prepared{}
			return ok
		}
		for at := 0; at < data.Len() && ctx.Err() == nil; {
			n := min(size-len(rows), data.Len()-at)
			found, errs := m.rows(data, at, n)
			for i, row := range found {
				if errs[i] != nil {
					b.broken = append(b.broken, errs[i])
					continue
				}
				rows, b.index = append(rows, row), append(b.index, at+i)
			}
			at += n
			b.done = at
			if len(rows) == size && !send() {
				return
			}
		}
		if len(rows)+len(b.broken) > 0 {
			send()
		}
	}()
	return out
}

// rows prepares images at … at+n of a data set, each by itself.
func (m *Model) rows(data *vision.Dataset, at, n int) (rows [][]float32, errs []error) {
	rows, errs = make([][]float32, n), make([]error, n)
	workers := m.opts.Runtime.Threads
	if workers < 1 {
		workers = stdruntime.GOMAXPROCS(0)
	}
	workers = min(workers, n)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				img, err := data.Image(at + i)
				if err != nil {
					errs[i] = err
					continue
				}
				x, err := m.spec.Apply(img)
				if err != nil {
					errs[i] = &vision.DecodeError{Name: data.ImageName(at + i), Err: err}
					continue
				}
				rows[i] = tensor.Data[float32](x)
			}
		})
	}
	wg.Wait()
	return rows, errs
}

// stack makes a batch of n images, zeros where there is no row, for the model's input.
func (m *Model) stack(rows [][]float32, n int) (*tensor.Tensor, error) {
	shape := []int{n, m.spec.Channels, m.spec.Height, m.spec.Width}
	if m.spec.Layout == "nhwc" {
		shape = []int{n, m.spec.Height, m.spec.Width, m.spec.Channels}
	}
	if count, err := tensor.Count(tensor.Float32, shape); err != nil || 4*count > runtime.DefaultMaxMemory {
		return nil, fmt.Errorf("onnxrun: a batch of %d images takes more than %d bytes", n, runtime.DefaultMaxMemory)
	}
	x := tensor.New(tensor.Float32, shape...)
	for i, row := range rows {
		copy(tensor.Data[float32](x)[i*len(row):], row)
	}
	return modelinfo.Convert(x, m.input.Type().DType)
}

package vision

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/onnxrun/onnxrun/tensor"
)

// slot is a batch that is being made, and its memory.
type slot struct {
	Batch
	samples, shares []float32      // of as many images as a batch has at most: what X and Targets are made of
	x               *tensor.Tensor // X as float32
	n               int            // rows that the epoch has an image for
	left            atomic.Int32
	done            chan struct{}
	mu              sync.Mutex
	failed          []failure
}

// failure is a broken image by its number.
type failure struct {
	image int
	err   error
}

func (st *Stream) newSlot() *slot {
	n := st.o.Batch
	s := &slot{samples: tensor.Data[float32](tensor.New(tensor.Float32, n*st.size)), done: make(chan struct{}, 1)}
	if k := st.o.Classes; k > 0 {
		s.shares = tensor.Data[float32](tensor.New(tensor.Float32, n*k))
	}
	s.Images, s.Classes, s.Names = make([]int, n), make([]int, n), make([]string, n)
	return s
}

// spareSlot is one that nobody uses.
func (st *Stream) spareSlot() *slot {
	st.mu.Lock()
	defer st.mu.Unlock()
	n := len(st.spare)
	if n == 0 {
		return st.newSlot()
	}
	s := st.spare[n-1]
	st.spare = st.spare[:n-1]
	return s
}

// recycle keeps the slots that the reader does not hold, when all goroutines have ended.
func (st *Stream) recycle(free, ready chan *slot) {
	st.mu.Lock()
	defer st.mu.Unlock()
	close(free)
	for _, c := range []chan *slot{free, ready} {
		for s := range c {
			if s != nil {
				select {
				case <-s.done:
				default:
				}
				st.spare = append(st.spare, s)
			}
		}
	}
}

// begin makes a slot that of a batch.
func (st *Stream) begin(s *slot, batch int) {
	s.Index, s.Broken, s.failed = batch, nil, s.failed[:0]
	s.n = min(st.o.Batch, st.data.Len()-batch*st.o.Batch)
	s.left.Store(int32(s.n))
	b := st.o.Batch
	s.Images, s.Classes, s.Names = s.Images[:b], s.Classes[:b], s.Names[:b]
	clear(s.shares)
}

// complete makes X and Targets of the rows that are there.
func (st *Stream) complete(s *slot) {
	rows := s.n
	if st.o.Rest == RestFilled {
		rows = st.o.Batch
	}
	s.Images, s.Classes, s.Names = s.Images[:rows], s.Classes[:rows], s.Names[:rows]
	for i := s.n; i < rows; i++ {
		s.blank(i, st.size, "")
	}
	if s.x == nil || s.x.Dim(0) != rows {
		shape := slices.Clone(st.shape)
		shape[0] = rows
		s.x = tensor.FromSlice(s.samples[:rows*st.size], shape...)
		if k := st.o.Classes; k > 0 {
			s.Targets = tensor.FromSlice(s.shares[:rows*k], rows, k)
		}
	}
	s.X = castSamples(s.x, st.o.Type)
}

// blank makes row i one without an image.
func (s *slot) blank(i, size int, name string) {
	clear(s.samples[i*size : (i+1)*size])
	s.Images[i], s.Classes[i], s.Names[i] = -1, -1, name
}

// copyRow appends row i of another slot.
func (s *slot) copyRow(from *slot, i, size, classes int) {
	n := s.n
	copy(s.samples[n*size:(n+1)*size], from.samples[i*size:])
	copy(s.shares[n*classes:(n+1)*classes], from.shares[i*classes:])
	s.Images[n], s.Classes[n], s.Names[n] = from.Images[i], from.Classes[i], from.Names[i]
	s.n++
}

// streamTask is images lo … hi of a batch.
type streamTask struct {
	slot   *slot
	lo, hi int
}

// start lets goroutines make batches until there are no more or the context ends.
func (st *Stream) start(ctx context.Context, wg *sync.WaitGroup, epoch, from int, free, ready chan *slot) {
	order := Order(st.data.Len(), st.o.Shuffle, st.o.Seed, epoch)
	chunk := max(1, st.o.Batch/(4*st.o.Workers))
	tasks := make(chan streamTask, 4*st.o.Workers)
	wg.Go(func() {
		defer close(ready)
		defer close(tasks)
		for b := from; b < st.Steps(); b++ {
			var s *slot
			select {
			case s = <-free:
			case <-ctx.Done():
				return
			}
			if s == nil {
				s = st.spareSlot()
			}
			st.begin(s, b)
			ready <- s
			for lo := 0; lo < s.n; lo += chunk {
				tasks <- streamTask{s, lo, min(lo+chunk, s.n)}
			}
		}
	})
	for range st.o.Workers {
		wg.Go(func() {
			var c canvas
			var d dice // here, as it is not to be allocated for every image
			for t := range tasks {
				if ctx.Err() != nil {
					continue
				}
				for i := t.lo; i < t.hi; i++ {
					st.fill(t.slot, i, epoch, order, &c, &d)
				}
				if t.slot.left.Add(int32(t.lo-t.hi)) == 0 {
					st.mix(t.slot, epoch)
					st.complete(t.slot)
					t.slot.done <- struct{}{}
				}
			}
		})
	}
}

// fill makes row i of a batch.
func (st *Stream) fill(s *slot, i, epoch int, order []int32, c *canvas, d *dice) {
	place, tries := s.Index*st.o.Batch+i, 1
	if st.o.Broken == BrokenReplaced {
		tries = len(order)
	}
	for k := range tries {
		n := int(order[(place+k)%len(order)])
		m, err := st.images.get(n)
		if err != nil {
			s.mu.Lock()
			s.failed = append(s.failed, failure{n, err})
			s.mu.Unlock()
			continue
		}
		*d = newDice(st.o.Seed, epoch, uint64(place))
		m = st.o.Augment.apply(m, st.o.Spec.Width, st.o.Spec.Height, d, c, st.ground)
		st.o.Spec.write(s.samples[i*st.size:(i+1)*st.size], m, st.tables)
		s.Images[i], s.Classes[i], s.Names[i] = n, st.data.Class(n), st.data.ImageName(n)
		if st.o.Classes > 0 {
			s.shares[i*st.o.Classes+s.Classes[i]] = 1
		}
		return
	}
	s.blank(i, st.size, st.data.ImageName(int(order[place])))
}

// mix is mixup (Zhang et al. 2017) in pairs: the first image of the batch with the last, the second with the last but one, and
// so on. Both of a pair have the same λ, of at least ½, so that the greater share of each row is that of its own image.
func (st *Stream) mix(s *slot, epoch int) {
	if st.o.Augment.mixup == 0 {
		return
	}
	size, k := st.size, st.o.Classes
	for i, j := 0, s.n-1; i < j; i, j = i+1, j-1 {
		d := newDice(st.o.Seed, epoch, 1<<63+uint64(s.Index*st.o.Batch+i))
		share := d.beta(st.o.Augment.mixup)
		share = max(share, 1-share)
		blend(s.samples[i*size:(i+1)*size], s.samples[j*size:(j+1)*size], float32(share))
		blend(s.shares[i*k:(i+1)*k], s.shares[j*k:(j+1)*k], float32(share))
	}
}

func blend(a, b []float32, share float32) {
	rest := 1 - share
	b = b[:len(a)]
	for i, v := range a {
		a[i], b[i] = v*share+b[i]*rest, b[i]*share+v*rest
	}
}

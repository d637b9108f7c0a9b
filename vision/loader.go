package vision

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/onnxrun/onnxrun/tensor"
)

// LoaderOptions says which batches a Loader makes.
type LoaderOptions struct {
	Batch    int    // images of a batch
	Seed     uint64 // of order and augmentation
	Shuffle  bool   // every epoch has an order of its own; else that of the data set
	DropLast bool   // leaves out a last batch that is not full, unless it is the only one
	Augment  Augmentation
	Spec     Spec
	Classes  int // columns of the targets; 0: as many as the data set has classes
	// CacheBytes bounds the decoded images that are kept, a byte a sample, in the Spec's size (or up to twice that, where
	// the augmentation is a resized crop). 0 keeps none.
	CacheBytes int64
	Workers    int  // goroutines; 0: one for each processor
	Strict     bool // a broken image is an error
	Blank      bool // nothing takes the place of a broken image: its class is -1, its samples and targets are zeros
}

// Loader makes batches ready for training: decoded, augmented, prepared, ahead of the reader, on several cores.
//
// Batch b of epoch e is a function of the data set, the options but CacheBytes and Workers, e and b: to the bit, wherever
// an epoch is entered. The place of a broken image is taken by the next readable one of the epoch's order.
type Loader struct {
	data   *Dataset
	o      LoaderOptions
	tables [][256]float32
	ground [3]byte // what erased pixels are
	shape  []int   // of X
	size   int     // samples of an image
	cache  *imageCache

	mu     sync.Mutex
	told   map[int]bool // broken images, by number
	broken []error
	spare  []*loaderSlot
}

// LoadedBatch is X, images as the Spec prepares them (float32, N×C×H×W or N×H×W×C), and Targets (float32, N×classes):
// rows that sum to one. Classes and Names are by image; of images that are mixed, of the one with the greater share.
//
// The memory of a batch is used again: it holds when the reader asks for the next batch, and no longer when it asks for the
// one after that. The last two batches of a loop hold for good.
type LoadedBatch struct {
	Index      int // in the epoch
	X, Targets *tensor.Tensor
	Classes    []int
	Names      []string
	Broken     []error // found since the batch before, each a *DecodeError; every image is told once
}

// NewLoader refuses a data set without images, images without a class, and classes beyond those of the options.
func NewLoader(d *Dataset, o LoaderOptions) (*Loader, error) {
	if err := o.Spec.Check(); err != nil {
		return nil, err
	}
	if o.Classes == 0 {
		o.Classes = len(d.classes)
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Batch < 1 {
		return nil, fmt.Errorf("vision: a batch of %d images: expects 1 at least", o.Batch)
	}
	if err := d.checkLabels(o.Classes); err != nil {
		return nil, err
	}
	o.Batch = min(o.Batch, d.Len())
	s := o.Spec
	l := &Loader{data: d, o: o, tables: s.tables(), size: s.Channels * s.Height * s.Width, told: map[int]bool{}}
	l.shape = []int{o.Batch, s.Channels, s.Height, s.Width}
	if s.Layout == "nhwc" {
		l.shape = []int{o.Batch, s.Height, s.Width, s.Channels}
	}
	for _, shape := range [][]int{l.shape, {o.Batch, o.Classes}} {
		if _, err := tensor.Count(tensor.Float32, shape); err != nil {
			return nil, fmt.Errorf("vision: %w", err)
		}
	}
	for c := range s.Channels {
		from := c
		if s.Order == "bgr" && s.Channels == 3 {
			from = 2 - c
		}
		l.ground[from] = byte(math.Round(min(max(at(s.Mean, c, 0)/s.Scale, 0), 255)))
	}
	l.cache = newImageCache(d, s, o.Augment, o.CacheBytes)
	return l, nil
}

// Steps is the batches of an epoch.
func (l *Loader) Steps() int {
	if l.o.DropLast {
		return max(1, l.data.Len()/l.o.Batch)
	}
	return (l.data.Len() + l.o.Batch - 1) / l.o.Batch
}

// Broken is the images that no batch could have so far, in the order in which they were told.
func (l *Loader) Broken() []error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.broken)
}

// Order is the order in which a Loader's epoch goes through n images.
func Order(n int, shuffled bool, seed uint64, epoch int) []int32 {
	order := make([]int32, n)
	for i := range order {
		order[i] = int32(i)
	}
	if shuffled {
		d := newDice(seed, epoch, math.MaxUint64)
		shuffle(&d, order)
	}
	return order
}

// loaderSlot is a batch that is being made.
type loaderSlot struct {
	LoadedBatch
	x, targets []float32
	n          int // images
	left       atomic.Int32
	done       chan struct{}
	mu         sync.Mutex
	failed     []failure
	err        error // nothing can be read
}

// failure is a broken image by its number.
type failure struct {
	image int
	err   error
}

// slot is one that nobody uses.
func (l *Loader) slot() *loaderSlot {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.spare); n > 0 {
		s := l.spare[n-1]
		l.spare = l.spare[:n-1]
		return s
	}
	x, t := tensor.New(tensor.Float32, l.shape...), tensor.New(tensor.Float32, l.o.Batch, l.o.Classes)
	s := &loaderSlot{x: tensor.Data[float32](x), targets: tensor.Data[float32](t), done: make(chan struct{}, 1)}
	s.X, s.Targets = x, t
	s.Classes, s.Names = make([]int, l.o.Batch), make([]string, l.o.Batch)
	return s
}

// begin makes a slot that of a batch.
func (l *Loader) begin(s *loaderSlot, batch int) {
	s.Index, s.Broken, s.err, s.failed = batch, nil, nil, s.failed[:0]
	n := min(l.o.Batch, l.data.Len()-batch*l.o.Batch)
	if n != s.n {
		shape := slices.Clone(l.shape)
		shape[0] = n
		s.n = n
		s.X = tensor.FromSlice(s.x[:n*l.size], shape...)
		s.Targets = tensor.FromSlice(s.targets[:n*l.o.Classes], n, l.o.Classes)
		s.Classes, s.Names = s.Classes[:n], s.Names[:n]
	}
	s.left.Store(int32(n))
	clear(s.targets)
}

// ahead is how many batches are made while the reader holds two.
const ahead = 3

// loaderTask is images lo … hi of a batch.
type loaderTask struct {
	slot   *loaderSlot
	lo, hi int
}

// Epoch is the batches of an epoch, from the given one on. It ends at the first error: the context's, a broken image's if
// the options are strict, or that no image can be read.
func (l *Loader) Epoch(ctx context.Context, epoch, from int) iter.Seq2[*LoadedBatch, error] {
	return func(yield func(*LoadedBatch, error) bool) {
		inner, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		free, ready := make(chan *loaderSlot, ahead+2), make(chan *loaderSlot, ahead+2)
		for range cap(free) {
			free <- nil // made when it is needed
		}
		l.start(inner, &wg, epoch, max(from, 0), free, ready)
		var held *loaderSlot
		defer func() {
			cancel()
			wg.Wait()
			l.recycle(free, ready)
		}()
		for s := range ready {
			select {
			case <-s.done:
			case <-ctx.Done():
			}
			err := ctx.Err()
			if err == nil {
				err = l.tell(s)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(&s.LoadedBatch, nil) {
				return
			}
			if held != nil {
				free <- held
			}
			held = s
		}
		if err := ctx.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// recycle keeps the slots that the reader does not hold, when all goroutines have ended.
func (l *Loader) recycle(free, ready chan *loaderSlot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(free)
	for _, c := range []chan *loaderSlot{free, ready} {
		for s := range c {
			if s != nil {
				select {
				case <-s.done:
				default:
				}
				l.spare = append(l.spare, s)
			}
		}
	}
}

// start lets goroutines make batches until there are no more or the context ends.
func (l *Loader) start(ctx context.Context, wg *sync.WaitGroup, epoch, from int, free, ready chan *loaderSlot) {
	order := Order(l.data.Len(), l.o.Shuffle, l.o.Seed, epoch)
	chunk := max(1, l.o.Batch/(4*l.o.Workers))
	tasks := make(chan loaderTask, 4*l.o.Workers)
	wg.Go(func() {
		defer close(ready)
		defer close(tasks)
		for b := from; b < l.Steps(); b++ {
			var s *loaderSlot
			select {
			case s = <-free:
			case <-ctx.Done():
				return
			}
			if s == nil {
				s = l.slot()
			}
			l.begin(s, b)
			ready <- s
			for lo := 0; lo < s.n; lo += chunk {
				tasks <- loaderTask{s, lo, min(lo+chunk, s.n)}
			}
		}
	})
	for range l.o.Workers {
		wg.Go(func() {
			var c canvas
			var d dice // here, as it is not to be allocated for every image
			for t := range tasks {
				if ctx.Err() != nil {
					continue
				}
				for i := t.lo; i < t.hi; i++ {
					l.fill(t.slot, i, epoch, order, &c, &d)
				}
				if t.slot.left.Add(int32(t.lo-t.hi)) == 0 {
					l.mix(t.slot, epoch)
					t.slot.done <- struct{}{}
				}
			}
		})
	}
}

// fill makes image i of a batch.
func (l *Loader) fill(s *loaderSlot, i, epoch int, order []int32, c *canvas, d *dice) {
	place := s.Index*l.o.Batch + i
	for k := range order {
		n := int(order[(place+k)%len(order)])
		m, err := l.cache.get(n)
		if err != nil {
			s.mu.Lock()
			s.failed = append(s.failed, failure{n, err})
			s.mu.Unlock()
			if l.o.Strict {
				return
			}
			if l.o.Blank {
				clear(s.x[i*l.size : (i+1)*l.size])
				s.Classes[i], s.Names[i] = -1, l.data.ImageName(n)
				return
			}
			continue
		}
		*d = newDice(l.o.Seed, epoch, uint64(place))
		m = l.o.Augment.apply(m, l.o.Spec.Width, l.o.Spec.Height, d, c, l.ground)
		l.o.Spec.write(s.x[i*l.size:(i+1)*l.size], m, l.tables)
		s.Classes[i], s.Names[i] = l.data.Class(n), l.data.ImageName(n)
		s.targets[i*l.o.Classes+s.Classes[i]] = 1
		return
	}
	s.mu.Lock()
	s.err = fmt.Errorf("vision: data set %q: none of %d images can be read", l.data.name, len(order))
	s.mu.Unlock()
}

// mix is mixup (Zhang et al. 2017) in pairs: the first image of the batch with the last, the second with the last but one, and
// so on. Both of a pair have the same λ, of at least ½, so that the greater share of each place is that of its own image.
func (l *Loader) mix(s *loaderSlot, epoch int) {
	if l.o.Augment.mixup == 0 {
		return
	}
	for i, j := 0, s.n-1; i < j; i, j = i+1, j-1 {
		d := newDice(l.o.Seed, epoch, 1<<63+uint64(s.Index*l.o.Batch+i))
		share := d.beta(l.o.Augment.mixup)
		share = max(share, 1-share)
		blend(s.x[i*l.size:(i+1)*l.size], s.x[j*l.size:(j+1)*l.size], float32(share))
		k := l.o.Classes
		blend(s.targets[i*k:(i+1)*k], s.targets[j*k:(j+1)*k], float32(share))
	}
}

func blend(a, b []float32, share float32) {
	rest := 1 - share
	b = b[:len(a)]
	for i, v := range a {
		a[i], b[i] = v*share+b[i]*rest, b[i]*share+v*rest
	}
}

// tell notes the broken images of a batch that no other told.
func (l *Loader) tell(s *loaderSlot) error {
	slices.SortFunc(s.failed, func(a, b failure) int { return cmp.Compare(a.image, b.image) })
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range s.failed {
		if !l.told[f.image] {
			l.told[f.image] = true
			s.Broken = append(s.Broken, f.err)
		}
	}
	l.broken = append(l.broken, s.Broken...)
	if s.err == nil && l.o.Strict && len(s.failed) > 0 {
		return s.failed[0].err
	}
	if s.err != nil && len(s.failed) > 0 {
		return fmt.Errorf("%w; the first: %w", s.err, s.failed[0].err)
	}
	return s.err
}

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

	"github.com/onnxrun/onnxrun/tensor"
)

// StreamOptions says which batches a Stream makes. Batch and Spec must be there; the zero value of all else is good.
type StreamOptions struct {
	Batch  int    // images of a batch
	Rest   Rest   // what becomes of a last batch that is not full
	Broken Broken // what becomes of an image that cannot be read
	Spec   Spec
	Type   tensor.DType // of the samples: a floating-point type or uint8; 0: float32
	// Classes is how many columns the targets have: every image must have a class, one of these. 0: there are no targets, and
	// classes do not matter.
	Classes int
	Shuffle bool   // every epoch has an order of its own; else that of the data set
	Seed    uint64 // of order and augmentation
	Augment Augmentation
	Cache   *Cache // keeps decoded images; nil: each is decoded whenever it is needed
	Workers int    // goroutines; 0: one for each processor
	Keep    bool   // batches belong to who reads them; else they are written to again, see Batch
}

// Rest is what becomes of the last images of an epoch where they do not fill a batch.
type Rest int

const (
	RestShort   Rest = iota // the last batch is smaller
	RestFilled              // rows of zeros fill the last batch
	RestDropped             // they are left out, unless there is no other batch; broken images that are left out count as images
)

// Broken is what becomes of images that cannot be read.
type Broken int

const (
	BrokenLeftOut  Broken = iota // the images after it move up
	BrokenBlank                  // its row has zeros and no class
	BrokenReplaced               // the next readable image of the epoch's order stands in its place as well
	BrokenRefused                // it is an error, which ends the epoch
)

// Batch is what a Stream gives. X is images as the Spec prepares them, N×C×H×W or N×H×W×C. Images, Classes and Names say of
// each row of X which image of the data set it is, by number, its class, and its name; rows without an image have the number
// and the class -1. Targets, float32 N×classes, is how much of each class a row has: 1 for its class, or, of two images that
// were mixed, a share for each of their classes; Images, Classes and Names are then those of the greater share.
//
// Unless the options say Keep, the memory of a batch is used again: it holds when the reader asks for the next batch, and no
// longer when it asks for the one after that. The last two batches of a loop hold for good.
type Batch struct {
	Index      int // in the epoch
	X, Targets *tensor.Tensor
	Images     []int
	Classes    []int
	Names      []string
	Broken     []error // images found since the batch before that cannot be read, each a *DecodeError; each is told once
}

// Stream makes batches of the images of a data set: decoded, augmented and prepared on several cores, ahead of the reader, in
// an order that does not depend on the number of cores.
//
// What a batch holds, to the bit, follows from the data set, the options (but for Cache, Workers and Keep), the number of the
// epoch and that of the batch, no matter which batches were read before it.
type Stream struct {
	data   *Dataset
	o      StreamOptions
	tables [][256]float32
	ground [3]byte // what erased pixels become
	shape  []int   // of X
	size   int     // samples of an image
	images *imageReader

	mu     sync.Mutex
	told   map[int]bool // broken images, by number
	broken []error
	spare  []*slot
}

// NewStream refuses images without a class and classes beyond those of the options, if these have any.
func NewStream(d *Dataset, o StreamOptions) (*Stream, error) {
	if err := o.Spec.Check(); err != nil {
		return nil, err
	}
	if o.Batch < 1 {
		return nil, fmt.Errorf("vision: a batch of %d images: expects 1 at least", o.Batch)
	}
	if o.Type = cmp.Or(o.Type, tensor.Float32); !isSampleType(o.Type) {
		return nil, fmt.Errorf("vision: element type %s is not supported for images", o.Type)
	}
	if o.Classes > 0 {
		if err := d.checkLabels(o.Classes); err != nil {
			return nil, err
		}
	}
	if o.Rest != RestFilled {
		o.Batch = max(1, min(o.Batch, d.Len()))
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	o.Workers = max(1, min(o.Workers, d.Len()))
	s := o.Spec
	st := &Stream{data: d, o: o, tables: s.tables(), shape: s.batchShape(o.Batch), size: s.Channels * s.Height * s.Width, told: map[int]bool{}}
	for _, shape := range [][]int{st.shape, {o.Batch, o.Classes}} {
		if _, err := tensor.Count(tensor.Float32, shape); err != nil {
			return nil, fmt.Errorf("vision: %w", err)
		}
	}
	for c := range s.Channels {
		st.ground[s.source(c)] = byte(math.Round(min(max(at(s.Mean, c, 0)/s.Scale, 0), 255)))
	}
	st.images = newImageReader(d, s, o.Augment, o.Cache)
	return st, nil
}

// Steps is how many batches an epoch has, at most that many where broken images are left out.
func (st *Stream) Steps() int {
	if st.o.Rest == RestDropped {
		return min(st.data.Len(), max(1, st.data.Len()/st.o.Batch))
	}
	return (st.data.Len() + st.o.Batch - 1) / st.o.Batch
}

// Broken is the images found so far that cannot be read, in the order in which batches told them.
func (st *Stream) Broken() []error {
	st.mu.Lock()
	defer st.mu.Unlock()
	return slices.Clone(st.broken)
}

// Order is the order in which a Stream's epoch goes through n images.
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

// Epoch is the batches of an epoch, from the given one on. It ends at the first error: that of the context, that of a broken
// image if these are refused, or that there is no image to replace broken ones. Its goroutines have ended when it has.
func (st *Stream) Epoch(ctx context.Context, epoch, from int) iter.Seq2[*Batch, error] {
	from = max(from, 0)
	slots := st.slots(ctx, epoch, from)
	if st.o.Broken == BrokenLeftOut { // what a batch holds depends on all before it
		slots = st.packed(st.slots(ctx, epoch, 0), from)
	}
	return func(yield func(*Batch, error) bool) {
		for s, err := range slots {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(&s.Batch, nil) {
				return
			}
		}
	}
}

// ahead is how many batches are made while the reader holds two.
const ahead = 3

// slots makes the batches of an epoch, broken images still in their places.
func (st *Stream) slots(ctx context.Context, epoch, from int) iter.Seq2[*slot, error] {
	return func(yield func(*slot, error) bool) {
		if st.data.Len() == 1 && from == 0 {
			yield(st.single(ctx, epoch))
			return
		}
		inner, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		free, ready := make(chan *slot, ahead+2), make(chan *slot, ahead+2)
		for range cap(free) {
			free <- nil // made when it is needed
		}
		st.start(inner, &wg, epoch, from, free, ready)
		var held *slot
		defer func() {
			cancel()
			wg.Wait()
			st.recycle(free, ready)
		}()
		for s := range ready {
			select {
			case <-s.done:
			case <-ctx.Done():
			}
			err := ctx.Err()
			if err == nil {
				err = st.tell(s)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(s, nil) {
				return
			}
			switch {
			case st.o.Keep:
				free <- nil
			case held != nil:
				free <- held
			}
			held = s
		}
		if err := ctx.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// single makes the batch of a data set of one image, for which goroutines would take more time than they save.
func (st *Stream) single(ctx context.Context, epoch int) (*slot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := st.newSlot()
	st.begin(s, 0)
	st.fill(s, 0, epoch, []int32{0}, &canvas{}, &dice{})
	st.complete(s)
	return s, st.tell(s)
}

// packed lets images move up to the rows of broken ones before them, so that all batches but the last are full. Until there
// is a broken image, batches are passed on as they are.
func (st *Stream) packed(slots iter.Seq2[*slot, error], from int) iter.Seq2[*slot, error] {
	return func(yield func(*slot, error) bool) {
		var out *slot // the batch that images move to; nil: none has moved
		index := 0
		give := func(s *slot) bool {
			s.Index = index
			index++
			return s.Index < from || yield(s, nil)
		}
		for s, err := range slots {
			if err != nil {
				yield(nil, err)
				return
			}
			if out == nil && len(s.failed) == 0 {
				if !give(s) {
					return
				}
				continue
			}
			if out == nil {
				out = st.newSlot()
			}
			out.Broken = append(out.Broken, s.Broken...)
			for i, image := range s.Images {
				if image < 0 {
					continue
				}
				if out.copyRow(s, i, st.size, st.o.Classes); out.n == st.o.Batch {
					if st.complete(out); !give(out) {
						return
					}
					out = st.newSlot()
				}
			}
		}
		if out != nil && out.n+len(out.Broken) > 0 {
			st.complete(out)
			give(out)
		}
	}
}

// tell notes the broken images of a batch that no other told.
func (st *Stream) tell(s *slot) error {
	slices.SortFunc(s.failed, func(a, b failure) int { return cmp.Compare(a.image, b.image) })
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, f := range s.failed {
		if !st.told[f.image] {
			st.told[f.image] = true
			s.Broken = append(s.Broken, f.err)
		}
	}
	st.broken = append(st.broken, s.Broken...)
	switch {
	case len(s.failed) == 0:
		return nil
	case st.o.Broken == BrokenRefused:
		return s.failed[0].err
	case st.o.Broken == BrokenReplaced && slices.Contains(s.Images[:s.n], -1):
		return fmt.Errorf("vision: data set %q: none of %d images can be read; the first: %w", st.data.name, st.data.Len(), s.failed[0].err)
	}
	return nil
}

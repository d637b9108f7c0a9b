package vision

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
)

// Cache keeps decoded images in memory, up to a number of bytes, for all Streams that have it: those of the same Dataset,
// and of parts taken of it, decode an image once if they need it in the same size and channels. What a Stream gives does
// not depend on what is kept. It is safe for concurrent use.
type Cache struct {
	left   atomic.Int64 // bytes
	mu     sync.Mutex
	tables map[cacheKey]cacheTable
}

// cacheKey is what images are kept apart by: where they were opened, and what was made of them. An image's place in the table
// is its number there.
type cacheKey struct {
	origin *origin
	form   string
}

type cacheTable []atomic.Pointer[cachedImage]

// cachedImage is an image or why there is none.
type cachedImage struct {
	image *Image
	err   error
}

// NewCache is a Cache of images of so many bytes in all, a byte a sample.
func NewCache(bytes int64) *Cache {
	c := &Cache{tables: map[cacheKey]cacheTable{}}
	c.left.Store(bytes)
	return c
}

// table is where images of one form are kept.
func (c *Cache) table(key cacheKey) cacheTable {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tables[key]
	if t == nil {
		t = make(cacheTable, key.origin.images)
		c.tables[key] = t
	}
	return t
}

// imageReader gives the images of a data set in the form from which augmentation starts.
type imageReader struct {
	data  *Dataset
	spec  Spec
	limit int // of the shorter side, for a resized crop; 0: images are brought to the Spec's frame
	cache *Cache
	kept  cacheTable
}

// maxReserve bounds how much larger than the Spec's size images are for a resized crop: finer detail of smaller boxes is
// lost.
const maxReserve = 2

// newImageReader is a reader that keeps images in a cache, or keeps none where that is nil.
func newImageReader(d *Dataset, s Spec, a Augmentation, c *Cache) *imageReader {
	r := &imageReader{data: d, spec: s, cache: c}
	if lo, _, ok := a.resizedCrop(); ok {
		r.limit = int(math.Ceil(float64(max(s.Width, s.Height)) * min(maxReserve, 1/math.Sqrt(lo))))
	}
	if c != nil {
		form := fmt.Sprintln(r.limit, s.Resize, s.ResizeTo, s.Filter, s.Width, s.Height, s.Channels, s.Invert)
		r.kept = c.table(cacheKey{d.origin, form})
	}
	return r
}

// get is image i, which must not be written to, or its *DecodeError.
func (r *imageReader) get(i int) (*Image, error) {
	if r.cache == nil {
		return r.read(i)
	}
	place := &r.kept[r.data.samples[i].number]
	if k := place.Load(); k != nil {
		return k.image, k.err
	}
	m, err := r.read(i)
	if err != nil {
		place.Store(&cachedImage{nil, err})
		return nil, err
	}
	n := int64(len(m.Pix))
	if r.cache.left.Add(-n) < 0 || !place.CompareAndSwap(nil, &cachedImage{m, nil}) {
		r.cache.left.Add(n)
	}
	return m, nil
}

// read decodes image i.
func (r *imageReader) read(i int) (*Image, error) {
	m, err := r.data.Image(i)
	if err != nil {
		return nil, err
	}
	return r.base(m), nil
}

// base is what augmentation starts from.
func (r *imageReader) base(m *Image) *Image {
	if r.limit == 0 {
		return r.spec.shape(m)
	}
	m = limited(r.spec.channels(m))
	invert := r.spec.Invert == "always" || r.spec.Invert == "auto" && lightBorder(r.spec.frame(m))
	if min(m.Width, m.Height) > r.limit {
		f := r.spec.Filter
		if f == "" {
			f = Bilinear
		}
		m = m.shorter(r.limit, f)
	}
	if invert {
		m = m.inverted()
	}
	return m
}

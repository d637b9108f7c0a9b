package vision

import (
	"math"
	"sync/atomic"
)

// imageCache gives the images of a data set in the form from which augmentation starts, and keeps them while they fit.
// What it gives does not depend on what it keeps.
type imageCache struct {
	data  *Dataset
	spec  Spec
	limit int // of the shorter side, for a resized crop; 0: images are brought to the Spec's frame
	kept  []atomic.Pointer[cachedImage]
	left  atomic.Int64 // bytes
}

// cachedImage is an image or why there is none.
type cachedImage struct {
	image *Image
	err   error
}

// maxReserve bounds how much larger than the Spec's size images are kept for a resized crop: finer detail of smaller
// boxes is lost.
const maxReserve = 2

func newImageCache(d *Dataset, s Spec, a Augmentation, bytes int64) *imageCache {
	c := &imageCache{data: d, spec: s, kept: make([]atomic.Pointer[cachedImage], d.Len())}
	if lo, _, ok := a.resizedCrop(); ok {
		c.limit = int(math.Ceil(float64(max(s.Width, s.Height)) * min(maxReserve, 1/math.Sqrt(lo))))
	}
	c.left.Store(bytes)
	return c
}

// get is image i, which must not be written to, or its *DecodeError.
func (c *imageCache) get(i int) (*Image, error) {
	if k := c.kept[i].Load(); k != nil {
		return k.image, k.err
	}
	m, err := c.data.Image(i)
	if err != nil {
		c.kept[i].Store(&cachedImage{nil, err})
		return nil, err
	}
	m = c.base(m)
	n := int64(len(m.Pix))
	if c.left.Add(-n) < 0 || !c.kept[i].CompareAndSwap(nil, &cachedImage{m, nil}) {
		c.left.Add(n)
	}
	return m, nil
}

// base is what augmentation starts from.
func (c *imageCache) base(m *Image) *Image {
	if c.limit == 0 {
		return c.spec.shape(m)
	}
	m = limited(c.spec.channels(m))
	invert := c.spec.Invert == "always" || c.spec.Invert == "auto" && lightBorder(c.spec.frame(m))
	if min(m.Width, m.Height) > c.limit {
		f := c.spec.Filter
		if f == "" {
			f = Bilinear
		}
		m = m.shorter(c.limit, f)
	}
	if invert {
		m = m.inverted()
	}
	return m
}

package kernel

import (
	"sync"
	"unsafe"
	"weak"
)

// Packs keeps packed weights, each form of them once, for as long as a kernel uses it: kernels for several shapes of one
// network's input then have one copy. It is safe for concurrent use, and nil keeps nothing.
type Packs struct {
	mu    sync.Mutex
	forms map[packKey]packedForm
	most  int // forms before those that nobody uses are looked for
}

// packKey is what packed weights follow from: the arrays, which do not change, and all that says how they are packed.
type packKey struct {
	weights, bias *float32
	form          string
}

// packedForm is packed weights for as long as they are in use.
type packedForm struct {
	first weak.Pointer[float32]
	n     int
}

// get is the packed form of weights and a bias, which may be nil; pack makes it where there is none. form names the kernel and
// tells everything of its spec that pack depends on.
func (p *Packs) get(weights, bias []float32, form string, pack func() []float32) []float32 {
	if p == nil || len(weights) == 0 {
		return pack()
	}
	key := packKey{unsafe.SliceData(weights), unsafe.SliceData(bias), form}
	if packed := p.find(key); packed != nil {
		return packed
	}
	packed := pack()
	if len(packed) == 0 {
		return packed
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if other := p.forms[key].slice(); other != nil { // packed by somebody else meanwhile
		return other
	}
	p.sweep()
	p.forms[key] = packedForm{weak.Make(&packed[0]), len(packed)}
	return packed
}

func (p *Packs) find(key packKey) []float32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.forms[key].slice()
}

// sweep forgets what nobody uses any more, each time that there is twice as much as was left the last time.
func (p *Packs) sweep() {
	if p.forms == nil {
		p.forms = map[packKey]packedForm{}
	}
	if len(p.forms) < p.most {
		return
	}
	for key, f := range p.forms {
		if f.first.Value() == nil {
			delete(p.forms, key)
		}
	}
	p.most = 2*len(p.forms) + 16
}

// slice is the weights, nil where they are gone.
func (f packedForm) slice() []float32 {
	if f.n == 0 {
		return nil
	}
	if first := f.first.Value(); first != nil {
		return unsafe.Slice(first, f.n)
	}
	return nil
}

// Bytes is how much memory packed weights take that are in use.
func (p *Packs) Bytes() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, f := range p.forms {
		n += len(f.slice()) * floatBytes
	}
	return n
}

package kernel

import "unsafe"

// Block is how many channels lie together in the blocked layout NCHW16c: N×C×H×W is stored as [N][⌈C/16⌉][H][W][16],
// with zeros for the channels beyond C.
const Block = 16

// Blocks is the number of blocks of c channels.
func Blocks(c int) int { return ceilDiv(c, Block) }

const (
	floatBytes = 4
	blockBytes = Block * floatBytes
)

// blockAt is the block that lies so many bytes from p.
func blockAt(p *float32, bytes int) *[Block]float32 {
	return (*[Block]float32)(unsafe.Add(unsafe.Pointer(p), bytes))
}

// tileArgs describes the product that all fast convolutions and matrix products are made of: p pixels by nb blocks of
// output channels,
//
//	y[i][b] = clamp(bias[b] + Σ_t Σ_c x[t.off + i·px + 4c] · w[t][c][b] + res[i][b])
//
// where t goes over taps, c over t.depth consecutive input channels, b over nb·16 output channels. Distances are in bytes.
// _gen/tile knows the offsets of the fields.
type tileArgs struct {
	x     unsafe.Pointer
	taps  *tileTap
	w     *float32
	y     unsafe.Pointer
	bias  *float32 // nb·16
	res   unsafe.Pointer
	count int // of taps, ≥ 1
	px    int // from one pixel of x to the next
	ypx   int // the same of y and res
	yb    int // from one block of y and res to the next
	wstep int // from the weights of one input channel to the next
	shape int // p + 16·nb
	clamp int // 0: lo and hi are not read
	lo    float32
	hi    float32
}

// tileTap is a run of input channels: where they lie, in bytes from x, and how many, ≥ 1.
type tileTap struct{ off, depth int }

// tileKernel computes tileArgs.
type tileKernel struct {
	run    func(a *tileArgs)
	pixels int // at most, in one tile
	blocks int // of output channels: the weights of so many are packed together
}

// setActivation sets the clamp.
func (a *tileArgs) setActivation(act Activation) {
	a.clamp = 1
	switch act.Kind {
	case Relu:
		a.lo, a.hi = 0, inf
	case Clip:
		a.lo, a.hi = act.Min, act.Max
	default:
		a.clamp = 0
	}
}

// tileGeneric is the reference.
func tileGeneric(a *tileArgs) {
	p, nb := a.shape%16, a.shape/16
	if p == 0 { // 16 pixels do not occur
		return
	}
	taps := unsafe.Slice(a.taps, a.count)
	bias := unsafe.Slice(a.bias, nb*Block)
	for i := range p {
		for b := range nb {
			var acc [Block]float32
			for j := 0; j < Block; j += 4 { // as many sums as there are registers for
				s0, s1, s2, s3 := bias[b*Block+j], bias[b*Block+j+1], bias[b*Block+j+2], bias[b*Block+j+3]
				w := unsafe.Add(unsafe.Pointer(a.w), b*blockBytes+j*floatBytes)
				for _, t := range taps {
					for _, v := range unsafe.Slice((*float32)(unsafe.Add(a.x, t.off+i*a.px)), t.depth) {
						u := (*[4]float32)(w)
						s0 += v * u[0]
						s1 += v * u[1]
						s2 += v * u[2]
						s3 += v * u[3]
						w = unsafe.Add(w, a.wstep)
					}
				}
				*(*[4]float32)(acc[j:]) = [4]float32{s0, s1, s2, s3}
			}
			at := i*a.ypx + b*a.yb
			if a.res != nil {
				res := (*[Block]float32)(unsafe.Add(a.res, at))
				for j := range acc {
					acc[j] += res[j]
				}
			}
			if a.clamp != 0 {
				for j := range acc {
					acc[j] = limit(acc[j], a.lo, a.hi)
				}
			}
			*(*[Block]float32)(unsafe.Add(a.y, at)) = acc
		}
	}
}

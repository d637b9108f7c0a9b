package kernel

import "fmt"

// PoolKind is the function that a pooling window computes.
type PoolKind uint8

const (
	MaxPool     PoolKind = iota // greatest element; NaN if there is one, -Inf where the window meets no input
	AveragePool                 // mean; 0 where the window meets nothing
)

// PoolSpec describes pooling over one to three spatial axes, plane by plane: input Planes×In, output Planes×Out, where
// Planes is images × channels. A global pool is a Reduce.
type PoolSpec struct {
	Kind   PoolKind
	Planes int
	Spatial
	// CountIncludePad makes an average count the padding too, which ends PadsEnd (empty: 0) behind the input.
	CountIncludePad bool
	PadsEnd         []int
	Split           int
}

// Pool is a prepared pooling.
type Pool struct {
	kind   PoolKind
	win    window
	counts [3][]int // by axis and output: the taps that an average counts
	chunks
}

// NewPool prepares a pooling.
func NewPool(spec PoolSpec) (*Pool, error) {
	if err := spec.complete("pool"); err != nil {
		return nil, err
	}
	if spec.Kind > AveragePool {
		return nil, fmt.Errorf("kernel: pool: unknown kind %d", spec.Kind)
	}
	if len(spec.PadsEnd) == 0 {
		spec.PadsEnd = make([]int, len(spec.In))
	}
	if len(spec.PadsEnd) != len(spec.In) {
		return nil, fmt.Errorf("kernel: pool: pads %v for %d spatial axes", spec.PadsEnd, len(spec.In))
	}
	for _, sizes := range [][]int{spec.In, spec.Out} {
		if _, err := count("pool", append([]int{spec.Planes}, sizes...)...); err != nil {
			return nil, err
		}
	}
	p := &Pool{kind: spec.Kind, win: spec.window(), chunks: newChunks(spec.Planes, spec.Split, 1)}
	if p.win.outputs() == 0 {
		p.chunks = chunks{}
	}
	if spec.Kind == AveragePool {
		end := fill3(spec.PadsEnd, 0)
		for d := range p.win {
			p.counts[d] = p.win[d].counts(spec.CountIncludePad, end[d])
		}
	}
	return p, nil
}

// counts returns for each output how many of its taps are counted.
func (a *axis) counts(includePad bool, padEnd int) []int {
	n := make([]int, a.out)
	least, past := 0, a.in
	if includePad {
		least, past = min(0, a.off[0]), a.in+padEnd
	}
	step := 1
	if len(a.off) > 1 {
		step = a.off[1] - a.off[0]
	}
	for o := range n {
		at := o*a.stride + a.off[0]
		first := min(len(a.off), ceilDiv(max(0, least-at), step))
		n[o] = max(0, min(len(a.off), ceilDiv(max(0, past-at), step))-first)
	}
	return n
}

// Run pools some planes of x into y.
func (p *Pool) Run(task int, y, x []float32) {
	in, out := p.win.inputs(), p.win.outputs()
	lo, hi := p.bounds(task)
	for i := lo; i < hi; i++ {
		p.plane(y[i*out:(i+1)*out], x[i*in:(i+1)*in])
	}
}

func (p *Pool) plane(y, x []float32) {
	d, h, l := &p.win[0], &p.win[1], &p.win[2]
	for oz := range d.out {
		for oy := range h.out {
			line := y[(oz*h.out+oy)*l.out:][:l.out]
			p.begin(line)
			for _, fz := range d.off {
				iz := oz*d.stride + fz
				if uint(iz) >= uint(d.in) {
					continue
				}
				for _, fy := range h.off {
					iy := oy*h.stride + fy
					if uint(iy) < uint(h.in) {
						p.line(line, x[(iz*h.in+iy)*l.in:][:l.in])
					}
				}
			}
			if p.kind == AveragePool {
				p.divide(line, p.counts[0][oz]*p.counts[1][oy])
			}
		}
	}
}

func (p *Pool) begin(y []float32) {
	if p.kind == AveragePool {
		clear(y)
		return
	}
	for i := range y {
		y[i] = -inf
	}
}

// line takes one line of inputs into a line of outputs.
func (p *Pool) line(y, x []float32) {
	l := &p.win[2]
	for t, f := range l.off {
		lo, hi := l.lo[t], l.hi[t]
		if lo >= hi {
			continue
		}
		out, in := y[lo:hi], x[lo*l.stride+f:]
		if p.kind == AveragePool {
			for i, j := 0, 0; i < len(out) && j < len(in); i, j = i+1, j+l.stride {
				out[i] += in[j]
			}
			continue
		}
		for i, j := 0, 0; i < len(out) && j < len(in); i, j = i+1, j+l.stride {
			out[i] = max(out[i], in[j])
		}
	}
}

func (p *Pool) divide(y []float32, lines int) {
	for i, n := range p.counts[2] {
		if n *= lines; n > 0 {
			y[i] /= float32(n)
		}
	}
}

package kernel

import (
	"fmt"
	"slices"
)

// ConvTransposeSpec describes a transposed convolution as ONNX's ConvTranspose does: input N×C×spatial, weights
// C×(OutC/Group)×kernel, output N×OutC×spatial. In Spatial, In is the size of the input and Out that of the output; Pads
// are cut off the beginning of the output.
type ConvTransposeSpec ConvSpec

// ConvTranspose is a prepared transposed convolution. Outputs whose positions are alike modulo the strides form a phase;
// each phase is an ordinary convolution of stride 1 with its own subset of the taps, so no product with zero is computed
// and no two outputs share a sum.
type ConvTranspose struct {
	spec    ConvSpec
	images  int // images × groups
	inputs  int
	outputs int
	ep      epilogue
	phases  []*phase
	starts  []int // first task of each phase, and the number of tasks
	scratch int
}

// phase is the outputs at first + stride·i on every axis.
type phase struct {
	win    window
	gemm   blocked
	first  [3]int
	whole  bool // the only phase: its outputs lie one after the other
	packed [][]float32
}

// maxPhases bounds the number of phases, the product of the strides.
const maxPhases = 1 << 14

// NewConvTranspose prepares a transposed convolution. Constant weights are copied in packed form.
func NewConvTranspose(t ConvTransposeSpec) (*ConvTranspose, error) {
	spec := ConvSpec(t)
	if err := spec.complete("transposed convolution"); err != nil {
		return nil, err
	}
	if err := spec.check("transposed convolution"); err != nil {
		return nil, err
	}
	c := &ConvTranspose{spec: spec, images: spec.N * spec.Group, ep: epilogue{set: Best(), alpha: 1, beta: 1, act: spec.Act}}
	if spec.Bias {
		c.ep.bias = BiasPerRow
	}
	out, stride := fill3(spec.Out, 1), fill3(spec.Strides, 1)
	c.outputs, c.inputs = product(spec.Out), product(spec.In)
	count := 1
	for d := range out {
		if count *= min(stride[d], max(1, out[d])); count > maxPhases {
			return nil, fmt.Errorf("kernel: transposed convolution: unsupported strides %v", spec.Strides)
		}
	}
	want := ceilDiv(max(1, spec.Split), max(1, c.images*count))
	c.starts = []int{0}
	for z := range min(stride[0], out[0]) {
		for y := range min(stride[1], out[1]) {
			for x := range min(stride[2], out[2]) {
				p := &phase{first: [3]int{z, y, x}, whole: count == 1}
				p.prepare(&spec, want)
				c.phases = append(c.phases, p)
			}
		}
	}
	for i, p := range c.phases {
		c.starts = append(c.starts, c.starts[i]+c.images*p.gemm.tasks())
		c.scratch = max(c.scratch, p.gemm.scratchSize()+p.block())
	}
	c.spec.Weights = nil
	return c, nil
}

// prepare finds the taps that reach the phase's outputs, and packs their weights.
func (p *phase) prepare(s *ConvSpec, want int) {
	var taps [3][]int
	d := -1
	p.win = s.axes(func(in, out, kernel, stride, dilation, pad int) axis {
		d++
		var off []int
		for t := range kernel {
			if at := p.first[d] + pad - t*dilation; at%stride == 0 {
				off, taps[d] = append(off, at/stride), append(taps[d], t)
			}
		}
		return newAxis(in, ceilDiv(out-p.first[d], stride), 1, off)
	})
	kernel := fill3(s.Kernel, 1)
	var index []int
	for _, z := range taps[0] {
		for _, y := range taps[1] {
			for _, x := range taps[2] {
				index = append(index, (z*kernel[1]+y)*kernel[2]+x)
			}
		}
	}
	m, k := s.OutC/s.Group, s.C/s.Group*len(index)
	kern := genericKernel()
	p.gemm = blocked{kern: kern, m: m, n: p.win.outputs(), k: k,
		packA: packTaps(kern.mr, m, product(s.Kernel), index), packB: packWindow(kern.nr, &p.win)}
	if p.win.pointwise() {
		p.gemm.packB = packRows(kern.nr, p.gemm.n)
	}
	if s.Weights != nil {
		group := len(s.Weights) / s.Group
		for g := range s.Group {
			p.packed = append(p.packed, p.gemm.packAll(s.Packs, fmt.Sprint("taps", s.Kernel, index), p.gemm.packA, s.Weights[g*group:], kern.mr, m))
		}
		p.gemm.packA = nil
	}
	p.gemm.split(want)
}

// packTaps packs weights C×m×kernel, of which the taps of index are used: element (c·len(index)+t, i) is the weight from
// input channel c to output channel i at tap index[t].
func packTaps(p, m, kernel int, index []int) packFunc {
	return func(dst, src []float32, k0, k1, i0, i1 int, _ []float32) {
		for i := i0; i < i1; i += p {
			panel := dst[(i-i0)*(k1-k0):][:(k1-k0)*p]
			if i1-i < p {
				clear(panel)
			}
			for k := k0; k < k1; k++ {
				from := (k/len(index)*m+i)*kernel + index[k%len(index)]
				for q := range min(p, i1-i) {
					panel[(k-k0)*p+q] = src[from+q*kernel]
				}
			}
		}
	}
}

// block is the size of the part of a phase's result that is computed before it is spread over the output.
func (p *phase) block() int {
	if p.whole {
		return 0
	}
	return min(p.gemm.kern.mc, p.gemm.m) * min(p.gemm.kern.nc, p.gemm.n)
}

// Tasks returns the number of tasks.
func (c *ConvTranspose) Tasks() int {
	if c.spec.OutC == 0 {
		return 0
	}
	return c.starts[len(c.phases)]
}

// ScratchSize returns the number of float32 of scratch that Run needs.
func (c *ConvTranspose) ScratchSize() int { return c.scratch }

// Run computes one task of y. w is ignored where the spec has the weights; bias may be nil where the spec has none.
func (c *ConvTranspose) Run(task int, y, x, w, bias, scratch []float32) {
	i, found := slices.BinarySearch(c.starts, task)
	if !found {
		i--
	}
	for c.starts[i+1] == task { // phases without tasks
		i++
	}
	p := c.phases[i]
	task -= c.starts[i]
	image := task % c.images
	group := image % c.spec.Group
	m, cg := c.spec.OutC/c.spec.Group, c.spec.C/c.spec.Group
	o := operands{b: x[image*cg*c.inputs:][:cg*c.inputs]}
	if p.packed != nil {
		o.a = p.packed[group]
	} else {
		size := cg * m * product(c.spec.Kernel)
		o.a = w[group*size:][:size]
	}
	if c.spec.Bias {
		o.bias = bias[group*m:][:m]
	}
	y = y[image*m*c.outputs:][:m*c.outputs]
	t := p.gemm.tile(task / c.images)
	if p.whole {
		o.c, o.ldc = y, c.outputs
		p.gemm.run(t, &o, &c.ep, scratch)
		return
	}
	block, scratch := scratch[:p.block()], scratch[p.block():]
	for i := t.i0; i < t.i1; i += p.gemm.kern.mc {
		for j := t.j0; j < t.j1; j += p.gemm.kern.nc {
			b := tile{i, min(i+p.gemm.kern.mc, t.i1), j, min(j+p.gemm.kern.nc, t.j1)}
			o.c, o.ldc, o.i0, o.j0 = block, b.j1-b.j0, i, j
			p.gemm.run(b, &o, &c.ep, scratch)
			for r := b.i0; r < b.i1; r++ {
				c.spread(y[r*c.outputs:][:c.outputs], o.row(r, b.j0, b.j1), p, j)
			}
		}
	}
}

// spread writes outputs j, j+1 … of a phase to their places in one output channel.
func (c *ConvTranspose) spread(y, values []float32, p *phase, j int) {
	out, stride := fill3(c.spec.Out, 1), fill3(c.spec.Strides, 1)
	line, x := j/p.win[2].out, j%p.win[2].out
	for len(values) > 0 {
		oz, oy := line/p.win[1].out*stride[0]+p.first[0], line%p.win[1].out*stride[1]+p.first[1]
		dst := y[(oz*out[1]+oy)*out[2]:][:out[2]]
		n := min(p.win[2].out-x, len(values))
		for i, v := range values[:n] {
			dst[(x+i)*stride[2]+p.first[2]] = v
		}
		values, x = values[n:], 0
		line++
	}
}

// fill3 returns sizes filled up to three axes, missing leading ones with fill.
func fill3(sizes []int, fill int) [3]int {
	v := [3]int{fill, fill, fill}
	copy(v[3-len(sizes):], sizes)
	return v
}

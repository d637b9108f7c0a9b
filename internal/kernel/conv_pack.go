package kernel

// weightOrder says how a group's weights are stored: that of output channel m, input channel c and tap t is element
// m·out + c·in + taps[t], where taps are some of a window's area elements.
type weightOrder struct {
	out, in int
	taps    []int
	area    int
}

// outputOrder is the order OutC×(C/Group)×Kernel, or C×OutC if InputMajor.
func outputOrder(s *BlockedConvSpec) weightOrder {
	area := product(s.Kernel)
	o := weightOrder{out: s.C / s.Group * area, in: area, area: area}
	if s.InputMajor {
		o.out, o.in = 1, s.OutC
	}
	for t := range area {
		o.taps = append(o.taps, t)
	}
	return o
}

// gather writes the weights from input channel c to output channels m…m+n-1: dst is taps×width, with zeros beyond n.
// tmp holds area×width elements.
func (o *weightOrder) gather(set *Set, dst, w []float32, c, m, n, width int, tmp []float32) {
	w = w[m*o.out+c*o.in:]
	if n < width {
		clear(dst[:len(o.taps)*width])
	}
	if 2*len(o.taps) < o.area || o.out < o.area {
		for t, tap := range o.taps {
			row := dst[t*width:][:n]
			for j := range row {
				row[j] = w[j*o.out+tap]
			}
		}
		return
	}
	transpose(set, tmp, w, n, o.area, width, o.out)
	for t, tap := range o.taps {
		copy(dst[t*width:][:n], tmp[tap*width:])
	}
}

// packUnits is what the packing of weights is divided into: blocks of input channels of groups of output blocks.
func packUnits(s *BlockedConvSpec, outBlocks int, kern tileKernel) chunks {
	units := s.Group * ceilDiv(outBlocks, kern.blocks) * Blocks(s.C/s.Group)
	work := kern.blocks * Block * min(Block, s.C/s.Group) * product(s.Kernel)
	return newChunks(units, s.Split, ceilDiv(grain, max(1, work)))
}

// packUnit is input channels c0…c1-1 of width/16 output blocks from b on, of a group.
type packUnit struct{ group, b, width, c0, c1 int }

func newPackUnit(i int, s *BlockedConvSpec, outBlocks int, kern tileKernel) packUnit {
	channels := s.C / s.Group
	inBlocks, panels := Blocks(channels), ceilDiv(outBlocks, kern.blocks)
	b, c := i/inBlocks%panels*kern.blocks, i%inBlocks*Block
	return packUnit{i / inBlocks / panels, b, min(kern.blocks, outBlocks-b) * Block, c, min(c+Block, channels)}
}

// packBias puts the bias, nil or of OutC elements, into whole blocks for each group.
func packBias(dst, bias []float32, s *BlockedConvSpec) {
	clear(dst)
	if mg := s.OutC / s.Group; bias != nil {
		for g := range s.Group {
			copy(dst[g*len(dst)/s.Group:], bias[g*mg:(g+1)*mg])
		}
	}
}

func (c *BlockedConv) groupWeights() int {
	return c.outBlocks * Block * (c.spec.C / c.spec.Group) * len(c.order.taps)
}

// PackedSize returns the number of float32 of packed weights and bias.
func (c *BlockedConv) PackedSize() int { return c.spec.Group * (c.groupWeights() + c.outBlocks*Block) }

// PackTasks returns the number of tasks of Pack.
func (c *BlockedConv) PackTasks() int {
	return max(1, packUnits(&c.spec, c.outBlocks, c.kern).tasks)
}

// PackScratchSize returns the number of float32 of scratch that Pack needs.
func (c *BlockedConv) PackScratchSize() int { return 2 * c.order.area * c.kern.blocks * Block }

// Pack computes one task of packed weights and bias, which may be nil.
func (c *BlockedConv) Pack(task int, packed, weights, bias, scratch []float32) {
	s := &c.spec
	if task == 0 {
		packBias(packed[s.Group*c.groupWeights():c.PackedSize()], bias, s)
	}
	units := packUnits(s, c.outBlocks, c.kern)
	if units.tasks == 0 {
		return
	}
	lo, hi := units.bounds(task)
	for i := lo; i < hi; i++ {
		c.packUnit(newPackUnit(i, s, c.outBlocks, c.kern), packed, weights, scratch)
	}
}

func (c *BlockedConv) packUnit(u packUnit, packed, weights, scratch []float32) {
	s, taps := &c.spec, len(c.order.taps)
	cg, mg := s.C/s.Group, s.OutC/s.Group
	n, depth := min(u.width, mg-u.b*Block), u.c1-u.c0
	to := packed[u.group*c.groupWeights()+u.b*Block*cg*taps:][:u.width*cg*taps]
	w := weights[u.group*mg*cg*c.order.area:][:mg*cg*c.order.area]
	if c.order.area == 1 && !s.Plain {
		to = to[u.c0*u.width:][:depth*u.width]
		c.packPointwise(to, w, u, n)
		return
	}
	rows, tmp := scratch[:taps*u.width], scratch[c.order.area*u.width:]
	for ch := u.c0; ch < u.c1; ch++ {
		c.order.gather(c.spec.Set, rows, w, ch, u.b*Block, n, u.width, tmp)
		at, step := ch*taps, 1
		if !s.Plain {
			at, step = u.c0*taps+ch-u.c0, depth
		}
		for t := range taps {
			copy(to[(at+t*step)*u.width:][:u.width], rows[t*u.width:])
		}
	}
}

// packPointwise packs the weights of a 1×1 convolution, which are a matrix.
func (c *BlockedConv) packPointwise(to, w []float32, u packUnit, n int) {
	if n < u.width {
		clear(to)
	}
	m, o := u.b*Block, &c.order
	if o.in == 1 {
		transpose(c.spec.Set, to, w[m*o.out+u.c0:], n, u.c1-u.c0, u.width, o.out)
		return
	}
	for ch := u.c0; ch < u.c1; ch++ { // o.out is 1
		copy(to[(ch-u.c0)*u.width:][:n], w[ch*o.in+m:])
	}
}

func (c *Winograd) groupWeights() int {
	return c.form.t * c.form.t * c.inChannels * c.outBlocks * Block
}

// PackedSize returns the number of float32 of packed weights and bias.
func (c *Winograd) PackedSize() int { return c.spec.Group * (c.groupWeights() + c.outBlocks*Block) }

// PackTasks returns the number of tasks of Pack.
func (c *Winograd) PackTasks() int { return max(1, packUnits(&c.spec, c.outBlocks, c.kern).tasks) }

// PackScratchSize returns the number of float32 of scratch that Pack needs.
func (c *Winograd) PackScratchSize() int {
	return 2*c.order.area*c.kern.blocks*Block + c.form.t*c.form.r*Block
}

// Pack computes one task of packed weights and bias, which may be nil.
func (c *Winograd) Pack(task int, packed, weights, bias, scratch []float32) {
	s := &c.spec
	if task == 0 {
		packBias(packed[s.Group*c.groupWeights():c.PackedSize()], bias, s)
	}
	units := packUnits(s, c.outBlocks, c.kern)
	if units.tasks == 0 {
		return
	}
	points, mg, area := c.form.t*c.form.t, s.OutC/s.Group, c.order.area
	lo, hi := units.bounds(task)
	for i := lo; i < hi; i++ {
		u := newPackUnit(i, s, c.outBlocks, c.kern)
		to := packed[u.group*c.groupWeights()+u.b*Block*c.inChannels*points:][:u.width*c.inChannels*points]
		w := weights[u.group*mg*c.inChannels*area:][:mg*c.inChannels*area]
		rows, tmp := scratch[:area*u.width], scratch[area*u.width:][:area*u.width]
		half := scratch[2*area*u.width:][:c.form.t*c.form.r*Block]
		for ch := u.c0; ch < u.c1; ch++ {
			c.order.gather(c.spec.Set, rows, w, ch, u.b*Block, min(u.width, mg-u.b*Block), u.width, tmp)
			for b := 0; b < u.width; b += Block {
				step := c.inChannels * u.width * floatBytes
				c.transforms.filters(&to[ch*u.width+b], step, &rows[b], u.width*floatBytes, &half[0])
			}
		}
	}
}

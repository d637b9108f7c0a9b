package kernel

import "unsafe"

// definition lists the taps of a tile that is computed by the definition, in the order of a direct convolution, over patches
// of all blocks.
func (c *Winograd) definition() []tileTap {
	var taps []tileTap
	r, t := c.form.r, c.form.t
	for b := range c.inBlocks {
		for i := range r {
			for j := range r {
				taps = append(taps, tileTap{((b*t+i)*t + j) * blockBytes, min(Block, c.inChannels-b*Block)})
			}
		}
	}
	return taps
}

// filterSize is the number of weights of a block of output channels.
func (c *Winograd) filterSize() int { return c.inChannels * c.order.area * Block }

// makeTile makes the tile that a describes, of block b of the group.
func (c *Winograd) makeTile(r *winogradRun, a *winogradOut, b, tile int) {
	if c.transforms.output(noescape(a)); a.bad == 0 {
		return
	}
	a.bad = 0
	c.gatherFilters(r, b)
	h, w, t := &c.win[1], &c.win[2], c.form.t
	image, row, col := c.place(tile)
	for i := range c.inBlocks {
		plane := r.x[((image*c.spec.Group+r.group)*c.inBlocks+i)*h.in*w.in*Block:][:h.in*w.in*Block]
		copyPatch(r.around[i*t*t*Block:][:t*t*Block], plane, t, t, row+h.off[0], col+w.off[0], h.in, w.in)
	}
	line := tileArgs{taps: &c.near[0], count: len(c.near), w: &r.filters[0], wstep: blockBytes, px: blockBytes, ypx: blockBytes, shape: c.form.m + 16}
	line.bias, line.clamp, line.lo, line.hi = a.bias, a.clamp, a.lo, a.hi
	for i := range c.form.m {
		line.x, line.y = unsafe.Pointer(&r.around[i*t*Block]), unsafe.Add(a.dst, i*a.row)
		if a.res != nil {
			line.res = unsafe.Add(a.res, i*a.row)
		}
		c.kern.run(noescape(&line))
	}
}

// gatherFilters puts the weights of block b of the group into filters, [blocks][taps][channels][16].
func (c *Winograd) gatherFilters(r *winogradRun, b int) {
	if r.filtered == b {
		return
	}
	r.filtered = b
	area, outputs := c.order.area, c.spec.OutC/c.spec.Group
	weights := c.weights[r.group*outputs*c.inChannels*area:][:outputs*c.inChannels*area]
	var rows [25 * Block]float32
	for ch := range c.inChannels {
		first := ch / Block * Block
		depth := min(Block, c.inChannels-first)
		c.order.gather(c.spec.Set, rows[:area*Block], weights, ch, b*Block, min(Block, outputs-b*Block), Block, r.column)
		for t := range area {
			copy(r.filters[(first*area+t*depth+ch-first)*Block:][:Block], rows[t*Block:])
		}
	}
}

package kernel

// runDirect computes some output channels of a convolution whose groups have one input channel each.
func (c *Conv) runDirect(task int, y, x, w, bias, residual []float32) {
	perGroup := c.spec.OutC / c.spec.Group
	taps, inputs := c.win.taps(), c.win.inputs()
	lo, hi := c.chunks.bounds(task)
	for ch := lo; ch < hi; ch++ {
		out := ch % c.spec.OutC
		o := operands{c: y[ch*c.outputs : (ch+1)*c.outputs], ldc: c.outputs}
		if residual != nil {
			o.residual = residual[ch*c.outputs : (ch+1)*c.outputs]
		}
		if c.spec.Bias {
			o.bias = bias[out : out+1]
		}
		c.win.direct(o.c, x[ch/perGroup*inputs:][:inputs], w[out*taps:][:taps])
		c.ep.run(&o, 0, 1, 0, c.outputs)
	}
}

// direct convolves one channel with one filter. Every output is summed in order of the taps that lie inside the image.
func (w *window) direct(y, x, filter []float32) {
	d, h, l := &w[0], &w[1], &w[2]
	clear(y)
	taps := len(l.off)
	for oz := range d.out {
		for oy := range h.out {
			line := y[(oz*h.out+oy)*l.out:][:l.out]
			for tz, fz := range d.off {
				iz := oz*d.stride + fz
				if uint(iz) >= uint(d.in) {
					continue
				}
				for ty, fy := range h.off {
					iy := oy*h.stride + fy
					if uint(iy) >= uint(h.in) {
						continue
					}
					l.direct(line, x[(iz*h.in+iy)*l.in:][:l.in], filter[(tz*len(h.off)+ty)*taps:][:taps])
				}
			}
		}
	}
}

// direct adds to a line of outputs what the taps of one line of inputs give.
func (a *axis) direct(y, x, filter []float32) {
	if len(filter) != 3 {
		for t, f := range filter {
			a.addTap(y, x, f, t, 0, a.out)
		}
		return
	}
	from := max(a.lo[0], a.lo[1], a.lo[2])
	to := max(from, min(a.hi[0], a.hi[1], a.hi[2]))
	for t, f := range filter {
		a.addTap(y, x, f, t, 0, from)
		a.addTap(y, x, f, t, to, a.out)
	}
	if from == to {
		return
	}
	first := from * a.stride
	addTaps3(y[from:to], x[first+a.off[0]:], x[first+a.off[1]:], x[first+a.off[2]:], (*[3]float32)(filter), a.stride)
}

// addTap adds one tap to the outputs from…to-1 that it reaches.
func (a *axis) addTap(y, x []float32, f float32, tap, from, to int) {
	from, to = max(from, a.lo[tap]), min(to, a.hi[tap])
	if from >= to {
		return
	}
	y, x = y[from:to], x[from*a.stride+a.off[tap]:]
	if a.stride == 1 {
		x = x[:len(y)]
		for i := range y {
			y[i] += f * x[i]
		}
		return
	}
	for i, j := 0, 0; i < len(y) && j < len(x); i, j = i+1, j+a.stride {
		y[i] += f * x[j]
	}
}

// addTaps3 is addTap for three taps at once, in the same order of addition.
func addTaps3(y, x0, x1, x2 []float32, f *[3]float32, stride int) {
	f0, f1, f2 := f[0], f[1], f[2]
	if stride == 1 {
		x0, x1, x2 = x0[:len(y)], x1[:len(y)], x2[:len(y)]
		for i := range y {
			y[i] = y[i] + f0*x0[i] + f1*x1[i] + f2*x2[i]
		}
		return
	}
	for i, j := 0, 0; i < len(y) && j < len(x0) && j < len(x1) && j < len(x2); i, j = i+1, j+stride {
		y[i] = y[i] + f0*x0[j] + f1*x1[j] + f2*x2[j]
	}
}

package kernel

// genericKernel is the micro-kernel in plain Go. A tile of 2×4 with four steps of k unrolled is the largest whose
// eight sums and operands fit the 15 vector registers that Go's compiler has on amd64; larger tiles spill.
func genericKernel() microKernel {
	return microKernel{name: "generic", mr: 2, nr: 4, kc: 256, mc: 128, nc: 256, run: micro2x4}
}

// micro2x4 multiplies a 2×kc panel by a kc×4 panel, both packed, into the 2×4 tile at c, adding to it if add is set.
func micro2x4(kc int, a, b, c []float32, ldc int, add bool) {
	var c00, c01, c02, c03, c10, c11, c12, c13 float32
	a, b = a[:2*kc], b[:4*kc]
	for len(a) >= 8 && len(b) >= 16 {
		a0, a1 := a[0], a[1]
		b0 := b[0]
		c00, c10 = c00+a0*b0, c10+a1*b0
		b1 := b[1]
		c01, c11 = c01+a0*b1, c11+a1*b1
		b2 := b[2]
		c02, c12 = c02+a0*b2, c12+a1*b2
		b3 := b[3]
		c03, c13 = c03+a0*b3, c13+a1*b3

		a0, a1 = a[2], a[3]
		b0 = b[4]
		c00, c10 = c00+a0*b0, c10+a1*b0
		b1 = b[5]
		c01, c11 = c01+a0*b1, c11+a1*b1
		b2 = b[6]
		c02, c12 = c02+a0*b2, c12+a1*b2
		b3 = b[7]
		c03, c13 = c03+a0*b3, c13+a1*b3

		a0, a1 = a[4], a[5]
		b0 = b[8]
		c00, c10 = c00+a0*b0, c10+a1*b0
		b1 = b[9]
		c01, c11 = c01+a0*b1, c11+a1*b1
		b2 = b[10]
		c02, c12 = c02+a0*b2, c12+a1*b2
		b3 = b[11]
		c03, c13 = c03+a0*b3, c13+a1*b3

		a0, a1 = a[6], a[7]
		b0 = b[12]
		c00, c10 = c00+a0*b0, c10+a1*b0
		b1 = b[13]
		c01, c11 = c01+a0*b1, c11+a1*b1
		b2 = b[14]
		c02, c12 = c02+a0*b2, c12+a1*b2
		b3 = b[15]
		c03, c13 = c03+a0*b3, c13+a1*b3
		a, b = a[8:], b[16:]
	}
	for len(a) >= 2 && len(b) >= 4 {
		a0, a1 := a[0], a[1]
		b0, b1, b2, b3 := b[0], b[1], b[2], b[3]
		c00, c01, c02, c03 = c00+a0*b0, c01+a0*b1, c02+a0*b2, c03+a0*b3
		c10, c11, c12, c13 = c10+a1*b0, c11+a1*b1, c12+a1*b2, c13+a1*b3
		a, b = a[2:], b[4:]
	}
	y0, y1 := (*[4]float32)(c), (*[4]float32)(c[ldc:])
	if add {
		c00, c01, c02, c03 = y0[0]+c00, y0[1]+c01, y0[2]+c02, y0[3]+c03
		c10, c11, c12, c13 = y1[0]+c10, y1[1]+c11, y1[2]+c12, y1[3]+c13
	}
	y0[0], y0[1], y0[2], y0[3] = c00, c01, c02, c03
	y1[0], y1[1], y1[2], y1[3] = c10, c11, c12, c13
}

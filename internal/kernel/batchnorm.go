package kernel

import (
	"fmt"
	"math"
	"unsafe"
)

// BatchNormSpec describes batch normalization of blocked data by its own mean and variance (Ioffe and Szegedy 2015):
// N images of C channels of Plane pixels, followed by max(x, 0) if Relu.
type BatchNormSpec struct {
	N, C, Plane int
	Epsilon     float32
	Relu        bool
	Split       int
	Set         *Set
}

// BatchNorm is a prepared batch normalization and its gradient. Forward it has the steps Moments, Finish, Run; backward
// GradMoments, GradFinish, GradRun. Each step begins when the one before has ended. Moments are summed by planes, with
// what planes have in common taken off, and joined in float64.
type BatchNorm struct {
	spec   BatchNormSpec
	blocks int
	planes chunks // of images × blocks: the tasks of Moments, Run, GradMoments and GradRun
	finish chunks // of blocks: the tasks of Finish and GradFinish
}

// NewBatchNorm prepares a batch normalization.
func NewBatchNorm(spec BatchNormSpec) (*BatchNorm, error) {
	if _, err := count("batch normalization", spec.N, roundUp(spec.C, Block), spec.Plane); err != nil {
		return nil, err
	}
	if !(spec.Epsilon >= 0) {
		return nil, fmt.Errorf("kernel: batch normalization: unsupported epsilon %v", spec.Epsilon)
	}
	spec.Set = spec.Set.orBest()
	k := &BatchNorm{spec: spec, blocks: Blocks(spec.C)}
	planes := spec.N * k.blocks
	if spec.Plane == 0 {
		planes = 0
	}
	k.planes = newChunks(planes, spec.Split, ceilDiv(grain, max(1, spec.Plane*Block)))
	k.finish = newChunks(k.blocks, spec.Split, 4)
	return k, nil
}

// Algorithm names how it is computed.
func (k *BatchNorm) Algorithm() string { return "batchnorm" }

// Tasks returns the number of tasks of Moments, Run, GradMoments and GradRun.
func (k *BatchNorm) Tasks() int { return k.planes.tasks }

// FinishTasks returns the number of tasks of Finish and GradFinish.
func (k *BatchNorm) FinishTasks() int { return k.finish.tasks }

// ScratchSize returns 0: the kernel needs no scratch.
func (k *BatchNorm) ScratchSize() int { return 0 }

// SumsSize returns the number of float32 of sums.
func (k *BatchNorm) SumsSize() int { return k.spec.N * k.blocks * 2 * Block }

// eachPlane calls do with the planes of a task, block by block: its number in the data, and its block.
func (k *BatchNorm) eachPlane(task int, do func(u, b int)) {
	lo, hi := k.planes.bounds(task)
	for i := lo; i < hi; i++ {
		b, image := i/k.spec.N, i%k.spec.N
		do(image*k.blocks+b, b)
	}
}

// plane is plane u of x.
func (k *BatchNorm) plane(x []float32, u int) []float32 {
	size := k.spec.Plane * Block
	return x[u*size : (u+1)*size]
}

// Moments computes one task of sums, [N][blocks][2][16]: the mean of each plane, and the sum of squared distances to it.
func (k *BatchNorm) Moments(task int, sums, x []float32) {
	k.eachPlane(task, func(u, _ int) {
		var all moments
		for plane := k.plane(x, u); len(plane) > 0; {
			strip := plane[:min(len(plane), sumStrip*Block)]
			plane = plane[len(strip):]
			var part [2 * Block]float32
			shift := (*[Block]float32)(strip)
			k.spec.Set.gradients.plane(noescape(&part[0]), &strip[0], len(strip)/Block, noescape(&shift[0]))
			n := float64(len(strip) / Block)
			for i, v := range shift {
				s := float64(part[i])
				all.join(i, n, float64(v)+s/n, max(0, float64(part[Block+i])-s*s/n))
			}
			all.n += n
		}
		to := sums[u*2*Block:][:2*Block]
		for i := range Block {
			to[i], to[Block+i] = float32(all.mean[i]), float32(all.squares[i])
		}
	})
}

// moments are those of 16 channels: how many values, their means and sums of squared distances.
type moments struct {
	n             float64
	mean, squares [Block]float64
}

// join takes n values more into channel i (Chan, Golub and LeVeque 1979); the caller adds n to m.n after all channels.
func (m *moments) join(i int, n, mean, squares float64) {
	d, total := mean-m.mean[i], m.n+n
	m.mean[i] += d * n / total
	m.squares[i] += squares + d*d*m.n*n/total
}

// Finish computes one task of mean and variance, C elements each, from sums. The variance is that of the batch itself,
// divided by its size.
func (k *BatchNorm) Finish(task int, mean, variance, sums []float32) {
	n := float64(k.spec.Plane)
	lo, hi := k.finish.bounds(task)
	for b := lo; b < hi; b++ {
		var all moments
		for image := 0; image < k.spec.N && n > 0; image++ {
			part := sums[(image*k.blocks+b)*2*Block:][:2*Block]
			for i := range Block {
				all.join(i, n, float64(part[i]), float64(part[Block+i]))
			}
			all.n += n
		}
		for c := b * Block; c < min(k.spec.C, (b+1)*Block); c++ {
			mean[c], variance[c] = float32(all.mean[c%Block]), float32(all.squares[c%Block]/max(1, all.n))
		}
	}
}

// factor is what x - mean is multiplied by.
func (k *BatchNorm) factor(variance float32) float64 {
	return 1 / math.Sqrt(float64(variance)+float64(k.spec.Epsilon))
}

// Run computes one task of y = (x-mean)·scale/√(variance+Epsilon) + shift, by any mean and variance.
func (k *BatchNorm) Run(task int, y, x, mean, variance, scale, shift []float32) {
	var a, init [Block]float32
	last := -1
	tap := windowTap{}
	w := windowArgs{taps: &tap, count: 1, rows: 1, cols: k.spec.Plane, px: blockBytes, ypx: blockBytes, hi: inf}
	if k.spec.Relu {
		w.clamp = 1
	}
	w.w, w.init = unsafe.Pointer(&a[0]), &init[0]
	k.eachPlane(task, func(u, b int) {
		if b != last {
			last, a, init = b, [Block]float32{}, [Block]float32{}
			for c := b * Block; c < min(k.spec.C, (b+1)*Block); c++ {
				f := float64(scale[c]) * k.factor(variance[c])
				a[c%Block], init[c%Block] = float32(f), float32(float64(shift[c])-float64(mean[c])*f)
			}
		}
		w.x, w.y = unsafe.Pointer(&k.plane(x, u)[0]), unsafe.Pointer(&k.plane(y, u)[0])
		k.spec.Set.slide.window[slideFMA](noescape(&w))
	})
}

// pass goes over pixels from…to-1 of a plane; y is the output of Run, which tells where Relu was at work.
func (k *BatchNorm) pass(u, from, to int, dy, x, y []float32, params *[4][Block]float32) normGrad {
	part := func(a []float32) *float32 { return &k.plane(a, u)[from*Block : to*Block][0] }
	g := normGrad{dy: part(dy), x: part(x), params: params, n: to - from}
	if k.spec.Relu {
		g.mask = part(y)
	}
	return g
}

// GradMoments computes one task of sums, [N][blocks][2][16]: for each plane the sums of dy and of dy·(x-mean). y is the
// output of Run, and not looked at without Relu.
func (k *BatchNorm) GradMoments(task int, sums, dy, x, y, mean []float32) {
	var params [4][Block]float32
	last := -1
	k.eachPlane(task, func(u, b int) {
		if b != last {
			last = b
			clear(params[0][copy(params[0][:], mean[b*Block:min(k.spec.C, (b+1)*Block)]):])
		}
		var all [2 * Block]float64
		for from := 0; from < k.spec.Plane; from += sumStrip {
			var part [2 * Block]float32
			g := k.pass(u, from, min(from+sumStrip, k.spec.Plane), dy, x, y, &params)
			g.dst = &part[0]
			k.spec.Set.gradients.moments(noescape(&g))
			for i, v := range part {
				all[i] += float64(v)
			}
		}
		to := sums[u*2*Block:][:2*Block]
		for i, v := range all {
			to[i] = float32(v)
		}
	})
}

// GradFinish computes one task of the gradients by scale and shift, C elements each, from sums.
func (k *BatchNorm) GradFinish(task int, dscale, dshift, sums, variance []float32) {
	lo, hi := k.finish.bounds(task)
	for b := lo; b < hi; b++ {
		var all [2 * Block]float64
		for image := 0; image < k.spec.N && k.spec.Plane > 0; image++ {
			for i, v := range sums[(image*k.blocks+b)*2*Block:][:2*Block] {
				all[i] += float64(v)
			}
		}
		for c := b * Block; c < min(k.spec.C, (b+1)*Block); c++ {
			dshift[c], dscale[c] = float32(all[c%Block]), float32(all[Block+c%Block]*k.factor(variance[c]))
		}
	}
}

// BatchNormGrad is what GradRun needs for each channel.
type BatchNormGrad struct {
	Mean, Variance, Scale []float32
	DScale, DShift        []float32 // of GradFinish; nil where mean and variance are constants
}

// GradRun computes one task of dx, which may be dy. y is the output of Run, and not looked at without Relu.
func (k *BatchNorm) GradRun(task int, dx, dy, x, y []float32, by BatchNormGrad) {
	var params [4][Block]float32
	last := -1
	k.eachPlane(task, func(u, b int) {
		if b != last {
			last = b
			k.gradParams(&params, b, &by)
		}
		g := k.pass(u, 0, k.spec.Plane, dy, x, y, &params)
		g.dst = &k.plane(dx, u)[0]
		k.spec.Set.gradients.affine(noescape(&g))
	})
}

func (k *BatchNorm) gradParams(p *[4][Block]float32, b int, by *BatchNormGrad) {
	*p = [4][Block]float32{}
	n := float64(k.spec.N) * float64(k.spec.Plane)
	for c := b * Block; c < min(k.spec.C, (b+1)*Block); c++ {
		f := k.factor(by.Variance[c])
		a := float64(by.Scale[c]) * f
		p[0][c%Block], p[1][c%Block] = by.Mean[c], float32(a)
		if by.DScale != nil {
			p[2][c%Block] = float32(-a * f * float64(by.DScale[c]) / n)
			p[3][c%Block] = float32(-a * float64(by.DShift[c]) / n)
		}
	}
}

//go:build !amd64 || noasm

package kernel

func planeMoments(_ Impl, y *[2 * Block]float32, x []float32, shift *[Block]float32) {
	planeMomentsGeneric(y, x, shift)
}

func gradMoments(_ Impl, g *normGrad) { gradMomentsGeneric(g) }
func gradAffine(_ Impl, g *normGrad)  { gradAffineGeneric(g) }

func gradClamp(_ Impl, dx, dy, y []float32, lo, hi float32) { gradClampGeneric(dx, dy, y, lo, hi) }

func gradPool(_ Impl, kind PoolKind, g *poolGrad) { gradPoolGeneric(kind, g) }

package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Mod is the remainder of a / b: of the sign of b, as in Python, or of the sign of a if Fmod, as in C. Floats need Fmod.
type Mod struct {
	Fmod bool `attr:"fmod,default=0"`
}

func (*Mod) Def() *ir.Def { return modOp }

var modOp = binary[Mod]("Mod", "remainder of a / b", numericTypes, []int{10, 13}, inferMod, evalMod)

func inferMod(c *ir.InferCtx) error {
	a := c.Node.Op.(*Mod)
	if floatTypes.Has(c.DType(0)) && !a.Fmod {
		return &ir.AttrError{Attr: "fmod", Msg: "must be 1 for floating-point types"}
	}
	return inferArithmetic(func(x, y ir.Dim) ir.Dim {
		if !x.IsKnown() || !y.IsKnown() || y.N == 0 {
			return ir.UnknownDim
		}
		if a.Fmod {
			return ir.Known(x.N % y.N)
		}
		return ir.Known(int(floorMod(int64(x.N), int64(y.N))))
	})(c)
}

func evalMod(c *ir.EvalCtx) error {
	if err := refuseZero(c.In[1]); err != nil {
		return err
	}
	f := arithmetic{float: math.Mod, signed: floorMod, unsigned: func(a, b uint64) uint64 { return a % b }}
	if c.Op.(*Mod).Fmod {
		f.signed = func(a, b int64) int64 { return a % b }
	}
	return f.eval(c)
}

// floorMod is the remainder that has the sign of b.
func floorMod(a, b int64) int64 {
	r := a % b
	if r != 0 && (r < 0) != (b < 0) {
		r += b
	}
	return r
}

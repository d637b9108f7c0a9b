package ops

import (
	"fmt"
	"math/bits"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// DropoutMask is 0 with the probability ratio, else 1/(1-ratio), of a shape (Srivastava et al. 2014). An element follows
// from its place, the stream, which tells layers apart, the seed and the step alone, by the counter-based generator
// Philox4x32-10 (Salmon et al. 2011), so that every division into tasks gives the same.
type DropoutMask struct {
	Stream int `attr:"stream"`
}

func (*DropoutMask) Def() *ir.Def { return dropoutMask }

var dropoutMask = &ir.Def{
	Name: "DropoutMask", Domain: fusedDomain, Doc: "what Dropout multiplies by in training", Since: []int{1},
	New: func() ir.Op { return ir.New[DropoutMask]() },
	Ins: []ir.Param{{Name: "shape", Type: "int64"}, {Name: "ratio", Type: "T"}, {Name: "seed", Type: "int64"},
		{Name: "step", Type: "int64"}},
	Outs:  []ir.Param{{Name: "mask", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": floatTypes},
	Infer: func(c *ir.InferCtx) error {
		for i := 1; i < 4; i++ {
			if s := c.Shape(i); s != nil && differ(s.Count(), ir.Known(1)) {
				return fmt.Errorf("input %d has shape %v, expects a scalar", i, s)
			}
		}
		shape, err := statedShape(c, 0)
		c.SetShape(0, shape)
		return err
	},
	Eval: viaFloat32(evalDropoutMask),
}

func evalDropoutMask(c *ir.EvalCtx) error {
	for i := 1; i < 4; i++ {
		if c.In[i].Len() != 1 {
			return fmt.Errorf("input %d has shape %v, expects a scalar", i, c.In[i].Shape())
		}
	}
	shape, _ := c.In[0].AsInts()
	if err := checkSizes("shape", ir.Dims(shape...)); err != nil {
		return err
	}
	ratio := asFloat64(c.In[1])[0]
	if !(ratio >= 0 && ratio <= 1) {
		return fmt.Errorf("ratio is %v, expects 0 to 1", ratio)
	}
	out, err := c.Output(0, c.In[1].DType(), shape...)
	if err != nil {
		return err
	}
	source := Philox{uint64(tensor.Data[int64](c.In[2])[0]), uint32(c.Op.(*DropoutMask).Stream), uint32(tensor.Data[int64](c.In[3])[0])}
	if out.DType() == tensor.Float64 {
		source.mask(ratio, func(i int, v float64) { tensor.Data[float64](out)[i] = v }, out.Len())
		return nil
	}
	data := tensor.Data[float32](out)
	source.mask(ratio, func(i int, v float64) { data[i] = float32(v) }, len(data))
	return nil
}

// mask calls set for each of n elements that is not dropped.
func (p Philox) mask(ratio float64, set func(i int, v float64), n int) {
	if ratio == 1 {
		return
	}
	limit, scale := uint64(ratio*(1<<32)), 1/(1-ratio)
	for i := 0; i < n; i += 4 {
		for j, r := range p.Block(uint64(i / 4)) {
			if i+j < n && uint64(r) >= limit {
				set(i+j, scale)
			}
		}
	}
}

// Mask is elements first, a multiple of 4, to first+len(data)-1 of what DropoutMask gives in float32 with a ratio.
func (p Philox) Mask(data []float32, first int, ratio float64) {
	clear(data)
	if ratio == 1 {
		return
	}
	limit, scale := uint64(ratio*(1<<32)), float32(1/(1-ratio))
	for i := 0; i < len(data); i += 4 {
		for j, r := range p.Block(uint64((first + i) / 4)) {
			if i+j < len(data) && uint64(r) >= limit {
				data[i+j] = scale
			}
		}
	}
}

// Philox is a sequence of Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
type Philox struct {
	Seed         uint64
	Stream, Step uint32
}

// Block is four random numbers, number i of the sequence.
func (p Philox) Block(i uint64) [4]uint32 {
	c := [4]uint32{uint32(i), uint32(i >> 32), p.Stream, p.Step}
	k0, k1 := uint32(p.Seed), uint32(p.Seed>>32)
	for range 10 {
		hi0, lo0 := bits.Mul32(0xD2511F53, c[0])
		hi1, lo1 := bits.Mul32(0xCD9E8D57, c[2])
		c = [4]uint32{hi1 ^ c[1] ^ k0, lo1, hi0 ^ c[3] ^ k1, lo0}
		k0, k1 = k0+0x9E3779B9, k1+0xBB67AE85
	}
	return c
}

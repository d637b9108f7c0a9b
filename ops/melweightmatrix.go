package ops

import (
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// MelWeightMatrix is the triangular weights that turn a spectrum of dft_length/2+1 frequencies into bands that are equally
// wide on the mel scale, from a lower to an upper frequency.
type MelWeightMatrix struct {
	OutputDatatype tensor.DType `attr:"output_datatype,default=1"`
}

func (*MelWeightMatrix) Def() *ir.Def { return melWeightMatrix }

var melWeightMatrix = &ir.Def{
	Name: "MelWeightMatrix", Doc: "weights from frequencies to mel bands", Since: []int{17},
	New: func() ir.Op { return ir.New[MelWeightMatrix]() },
	Ins: []ir.Param{{Name: "num_mel_bins", Type: "T1"}, {Name: "dft_length", Type: "T1"}, {Name: "sample_rate", Type: "T1"},
		{Name: "lower_edge_hertz", Type: "T2"}, {Name: "upper_edge_hertz", Type: "T2"}},
	Outs:  []ir.Param{{Name: "output", Type: "T3"}},
	Types: map[string]ir.TypeSet{"T1": indexTypes, "T2": floatTypes, "T3": numericTypes},
	Infer: func(c *ir.InferCtx) error {
		dt := c.Node.Op.(*MelWeightMatrix).OutputDatatype
		if !numericTypes.Has(dt) {
			return ir.Unsupported("output_datatype", dt)
		}
		c.SetDType(0, dt)
		c.SetShape(0, ir.UnknownShape(2))
		return nil
	},
	Eval: evalMelWeightMatrix,
}

func evalMelWeightMatrix(c *ir.EvalCtx) error {
	var v [5]float64
	for i, t := range c.In {
		if t.Len() != 1 {
			return fmt.Errorf("input %d has %d elements, expects one", i, t.Len())
		}
		v[i] = asFloat64(t)[0]
	}
	if !(v[0] >= 1 && v[0] <= maxRank*1024 && v[1] >= 1 && v[1] <= 1<<24 && v[2] > 0 && v[3] >= 0 && v[4] >= v[3] && v[4] <= v[2] && v[2] <= math.MaxFloat32) {
		return fmt.Errorf("%v bins, dft_length %v, sample_rate %v, edges %v and %v are not supported", v[0], v[1], v[2], v[3], v[4])
	}
	bins, rows := int(v[0]), int(v[1])/2+1
	w, err := ir.Scratch[float32](c, rows, bins)
	if err != nil {
		return err
	}
	mel := func(hz float64) float64 { return 2595 * math.Log10(1+hz/700) }
	low, high := mel(v[3]), mel(v[4])
	edges := make([]int, bins+2) // of the bands, as rows
	for i := range edges {
		m := low + float64(i)*(high-low)/float64(bins+2)
		edges[i] = int(math.Floor((v[1] + 1) * 700 * (math.Pow(10, m/2595) - 1) / v[2]))
	}
	for b := range bins {
		lower, center, upper := edges[b], edges[b+1], edges[b+2]
		if lower == center && center < rows {
			w[center*bins+b] = 1
		}
		for r := lower; r <= center && r < rows && lower != center; r++ {
			w[r*bins+b] = float32(r-lower) / float32(center-lower)
		}
		for r := center; r < upper && r < rows; r++ {
			w[r*bins+b] = float32(upper-r) / float32(upper-center)
		}
	}
	return setConverted(c, tensor.FromSlice(w, rows, bins), c.Op.(*MelWeightMatrix).OutputDatatype)
}

package train_test

import (
	"testing"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

func in(x ...*tensor.Tensor) []*tensor.Tensor { return x }

func ptr[T any](v T) *T { return &v }

// set is an operator with its defaults, and what f changes.
func set[T any](f func(*T)) *T {
	op := ir.New[T]()
	f(op)
	return op
}

func TestGradientsOfFunctions(t *testing.T) {
	x := spaced(1, 2, 3, 4)
	for name, p := range map[string]probe{
		"Abs": {op: &ops.Abs{}, in: in(x)}, "Neg": {op: &ops.Neg{}, in: in(x)}, "Relu": {op: &ops.Relu{}, in: in(x)},
		"Sign": {op: &ops.Sign{}, in: in(x)}, "Ceil": {op: &ops.Ceil{}, in: in(x)}, "Erf": {op: &ops.Erf{}, in: in(x)},
		"Exp": {op: &ops.Exp{}, in: in(x)}, "Log": {op: &ops.Log{}, in: in(positive(2, 5))},
		"Sqrt": {op: &ops.Sqrt{}, in: in(positive(2, 5))}, "Reciprocal": {op: &ops.Reciprocal{}, in: in(positive(3, 5))},
		"Sigmoid": {op: &ops.Sigmoid{}, in: in(x)}, "Tanh": {op: &ops.Tanh{}, in: in(x)},
		"Softplus": {op: &ops.Softplus{}, in: in(x)}, "Softsign": {op: &ops.Softsign{}, in: in(x)},
		"Elu": {op: &ops.Elu{Alpha: 0.7}, in: in(x)}, "Elu 0": {op: &ops.Elu{Alpha: 0}, in: in(x)},
		"Celu": {op: &ops.Celu{Alpha: 1.7}, in: in(x)}, "Selu": {op: ir.New[ops.Selu](), in: in(x)},
		"LeakyRelu": {op: &ops.LeakyRelu{Alpha: 0.1}, in: in(x)}, "ThresholdedRelu": {op: &ops.ThresholdedRelu{Alpha: 0.311}, in: in(x)},
		"HardSigmoid": {op: &ops.HardSigmoid{Alpha: 0.9, Beta: 0.4}, in: in(x)}, "HardSwish": {op: &ops.HardSwish{}, in: in(random(4, 5, 20))},
		"Mish": {op: &ops.Mish{}, in: in(x)}, "Swish": {op: &ops.Swish{Alpha: 1.3}, in: in(x)},
		"Gelu": {op: ir.New[ops.Gelu](), in: in(x)}, "Gelu tanh": {op: &ops.Gelu{Approximate: "tanh"}, in: in(x)},
		"Shrink": {op: &ops.Shrink{Bias: 0.1, Lambd: 0.307}, in: in(x)},
		"Sin":    {op: &ops.Sin{}, in: in(x)}, "Cos": {op: &ops.Cos{}, in: in(x)}, "Tan": {op: &ops.Tan{}, in: in(x)},
		"Asin": {op: &ops.Asin{}, in: in(x)}, "Acos": {op: &ops.Acos{}, in: in(x)}, "Atan": {op: &ops.Atan{}, in: in(x)},
		"Sinh": {op: &ops.Sinh{}, in: in(x)}, "Cosh": {op: &ops.Cosh{}, in: in(x)}, "Asinh": {op: &ops.Asinh{}, in: in(x)},
		"Atanh": {op: &ops.Atanh{}, in: in(x)}, "Acosh": {op: &ops.Acosh{}, in: in(floats(1.5, 2, 3))},
		"Identity": {op: &ops.Identity{}, in: in(x)}, "Dropout": {op: ir.New[ops.Dropout](), in: in(x)},
		"Cast":              {op: set(func(a *ops.Cast) { a.To = tensor.Float64 }), in: in(x)},
		"Clip":              {op: &ops.Clip{}, in: in(x, scalar(-0.402), scalar(0.513))},
		"Clip below":        {op: &ops.Clip{}, in: in(x, scalar(-0.402))},
		"Clip above":        {op: &ops.Clip{}, in: in(x, nil, scalar(0.513)), hold: []int{2}},
		"PRelu":             {op: &ops.PRelu{}, in: in(x, random(5, 1, 3, 1))},
		"Softmax":           {op: &ops.Softmax{Axis: -1}, in: in(x)},
		"Softmax inner":     {op: &ops.Softmax{Axis: 1}, in: in(x)},
		"LogSoftmax":        {op: &ops.LogSoftmax{Axis: -1}, in: in(x)},
		"LogSoftmax inner":  {op: &ops.LogSoftmax{Axis: 0}, in: in(x)},
		"a scalar":          {op: &ops.Exp{}, in: in(scalar(0.3))},
		"a scalar's Reduce": {op: ir.New[ops.ReduceSum](), in: in(scalar(0.3))},
	} {
		t.Run(name, p.run)
	}
}

func TestGradientsOfArithmetic(t *testing.T) {
	a, b := spaced(1, 2, 3, 4), positive(2, 2, 3, 4)
	row, column, one, wide := positive(3, 4), positive(4, 3, 1), positive(5, 1, 1, 1), positive(6, 2, 2, 3, 4)
	pairs := map[string][]*tensor.Tensor{
		"same": in(a, b), "row": in(a, row), "column": in(a, column), "ones": in(a, one), "rank": in(a, wide), "scalar": in(a, scalar(1.3)),
		"both": in(random(7, 1, 2, 1, 4), positive(8, 3, 1)), "left": in(random(9, 1, 4), b), "empty": in(random(9, 1, 0, 4), positive(10, 1, 4)),
	}
	for name, op := range map[string]ir.Op{"Add": &ops.Add{}, "Sub": &ops.Sub{}, "Mul": &ops.Mul{}, "Div": &ops.Div{},
		"Max": &ops.Max{}, "Min": &ops.Min{}, "Sum": &ops.Sum{}, "Mean": &ops.Mean{}} {
		for kind, pair := range pairs {
			t.Run(name+" "+kind, probe{op: op, in: pair}.run)
		}
	}
	for kind, pair := range pairs {
		x := positive(11, pair[0].Shape()...)
		t.Run("Pow "+kind, probe{op: &ops.Pow{}, in: in(x, pair[1])}.run)
	}
	condition := tensor.FromSlice([]bool{true, false, true, true}, 4)
	for name, p := range map[string]probe{
		"Pow of negatives": {op: &ops.Pow{}, in: in(a, scalar(3)), hold: []int{1}},
		"Pow by integers":  {op: &ops.Pow{}, in: in(a, ints(2))},
		"three":            {op: &ops.Sum{}, in: in(a, row, column)},
		"three Mean":       {op: &ops.Mean{}, in: in(a, row, column)},
		"three Max":        {op: &ops.Max{}, in: in(a, spaced(12, 4), spaced(13, 3, 1))},
		"one":              {op: &ops.Sum{}, in: in(a)},
		"Where":            {op: &ops.Where{}, in: in(condition, a, row)},
		"Where stretched":  {op: &ops.Where{}, in: in(condition, column, wide)},
		"Expand":           {op: &ops.Expand{}, in: in(column, ints(2, 1, 4))},
	} {
		t.Run(name, p.run)
	}
}

func TestGradientsOfReductions(t *testing.T) {
	x := spaced(1, 2, 3, 4)
	for name, op := range map[string]func(ops.Reducing) ir.Op{
		"ReduceSum":       func(r ops.Reducing) ir.Op { return &ops.ReduceSum{Reducing: r} },
		"ReduceMean":      func(r ops.Reducing) ir.Op { return &ops.ReduceMean{Reducing: r} },
		"ReduceMax":       func(r ops.Reducing) ir.Op { return &ops.ReduceMax{Reducing: r} },
		"ReduceMin":       func(r ops.Reducing) ir.Op { return &ops.ReduceMin{Reducing: r} },
		"ReduceL1":        func(r ops.Reducing) ir.Op { return &ops.ReduceL1{Reducing: r} },
		"ReduceL2":        func(r ops.Reducing) ir.Op { return &ops.ReduceL2{Reducing: r} },
		"ReduceSumSquare": func(r ops.Reducing) ir.Op { return &ops.ReduceSumSquare{Reducing: r} },
		"ReduceLogSumExp": func(r ops.Reducing) ir.Op { return &ops.ReduceLogSumExp{Reducing: r} },
		"ReduceLogSum":    func(r ops.Reducing) ir.Op { return &ops.ReduceLogSum{Reducing: r} },
	} {
		x := x
		if name == "ReduceLogSum" {
			x = positive(2, 2, 3, 4)
		}
		for kind, p := range map[string]probe{
			"all":       {op: op(ops.Reducing{KeepDims: true}), in: in(x)},
			"all gone":  {op: op(ops.Reducing{}), in: in(x)},
			"last":      {op: op(ops.Reducing{KeepDims: true}), in: in(x, ints(-1))},
			"last gone": {op: op(ops.Reducing{}), in: in(x, ints(-1))},
			"two":       {op: op(ops.Reducing{KeepDims: true}), in: in(x, ints(2, 0))},
			"two gone":  {op: op(ops.Reducing{}), in: in(x, ints(0, 1))},
			"empty":     {op: op(ops.Reducing{}), in: in(x, ints())},
			"none":      {op: op(ops.Reducing{NoopWithEmptyAxes: true}), in: in(x)},
		} {
			if kind == "none" && name != "ReduceSum" && name != "ReduceMax" && name != "ReduceMean" {
				continue
			}
			t.Run(name+" "+kind, p.run)
		}
	}
}

func TestGradientsOfMovement(t *testing.T) {
	x, y := spaced(1, 2, 3, 4), spaced(2, 2, 5, 4)
	for name, p := range map[string]probe{
		"Reshape":          {op: &ops.Reshape{}, in: in(x, ints(4, -1))},
		"Flatten":          {op: &ops.Flatten{Axis: 1}, in: in(x)},
		"Flatten all":      {op: &ops.Flatten{Axis: 0}, in: in(x)},
		"Squeeze":          {op: &ops.Squeeze{}, in: in(random(3, 1, 2, 1, 3, 1), ints(1, 3))},
		"Unsqueeze":        {op: &ops.Unsqueeze{}, in: in(x, ints(0, -1))},
		"Transpose":        {op: &ops.Transpose{Perm: []int{2, 0, 1}}, in: in(x)},
		"Transpose all":    {op: &ops.Transpose{}, in: in(x)},
		"Concat":           {op: &ops.Concat{Axis: 1}, in: in(x, y, x)},
		"Concat one":       {op: &ops.Concat{Axis: -1}, in: in(x)},
		"Split":            {op: &ops.Split{Axis: 1}, in: in(x, ints(1, 2)), outs: 2, of: []int{0, 1}},
		"Split in part":    {op: &ops.Split{Axis: 1}, in: in(x, ints(1, 0, 2)), outs: 3, of: []int{2}},
		"Split equally":    {op: &ops.Split{Axis: -1}, in: in(x), outs: 2, of: []int{1}},
		"Slice":            {op: &ops.Slice{}, in: in(y, ints(1, 0), ints(4, 3), ints(1, 2))},
		"Slice steps":      {op: &ops.Slice{}, in: in(y, ints(-1, 0), ints(-100, 100), ints(1, 2), ints(-2, 3))},
		"Slice nothing":    {op: &ops.Slice{}, in: in(y, ints(3), ints(3), ints(1))},
		"Gather":           {op: &ops.Gather{Axis: 1}, in: in(y, tensor.FromSlice([]int64{4, 0, -1, 4}, 2, 2))},
		"Gather one":       {op: &ops.Gather{Axis: 1}, in: in(y, tensor.Scalar(int64(2)))},
		"GatherElements":   {op: &ops.GatherElements{Axis: 1}, in: in(x, tensor.FromSlice([]int64{0, 2, 1, 1, 2, 2, 0, 0}, 2, 1, 4))},
		"GatherND":         {op: &ops.GatherND{}, in: in(x, tensor.FromSlice([]int64{0, 2, 1, 1}, 2, 2))},
		"Tile":             {op: &ops.Tile{}, in: in(x, ints(2, 1, 3))},
		"DepthToSpace":     {op: &ops.DepthToSpace{Blocksize: 2, Mode: "DCR"}, in: in(spaced(4, 1, 8, 2, 3))},
		"DepthToSpace CRD": {op: &ops.DepthToSpace{Blocksize: 2, Mode: "CRD"}, in: in(spaced(4, 1, 8, 2, 3))},
		"SpaceToDepth":     {op: &ops.SpaceToDepth{Blocksize: 2}, in: in(spaced(5, 1, 2, 4, 6))},
		"Pad":              {op: &ops.Pad{Mode: "constant"}, in: in(x, ints(0, 1, 2, 1, 0, 3))},
		"Pad with":         {op: &ops.Pad{Mode: "constant"}, in: in(x, ints(0, 1, 2, 1, 0, 3), scalar(0.7))},
		"Pad cuts":         {op: &ops.Pad{Mode: "constant"}, in: in(x, ints(0, -1, 2, 1, 0, -1), scalar(0.7))},
		"Pad axes":         {op: &ops.Pad{Mode: "constant"}, in: in(x, ints(1, 2), nil, ints(-1))},
		"Pad reflect":      {op: &ops.Pad{Mode: "reflect"}, in: in(x, ints(0, 1, 2, 0, 2, 3))},
		"Pad edge":         {op: &ops.Pad{Mode: "edge"}, in: in(x, ints(0, 1, 2, 1, 0, 3))},
		"Pad wrap":         {op: &ops.Pad{Mode: "wrap"}, in: in(x, ints(0, 1, 2, 1, 0, 3))},
	} {
		t.Run(name, p.run)
	}
}

func TestGradientsOfResize(t *testing.T) {
	x := spaced(1, 1, 2, 4, 5)
	grow, shrink := tensor.Vector[float32](1, 1, 2, 1.6), tensor.Vector[float32](1, 1, 0.5, 0.6)
	for _, mode := range []string{"nearest", "linear", "cubic"} {
		for _, coordinates := range []string{"half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel", "half_pixel_symmetric"} {
			op := set(func(a *ops.Resize) { a.Mode, a.CoordinateTransformationMode = mode, coordinates })
			t.Run(mode+" "+coordinates, probe{op: op, in: in(x, nil, grow)}.run)
			t.Run(mode+" smaller "+coordinates, probe{op: op, in: in(x, nil, shrink)}.run)
			t.Run(mode+" sizes "+coordinates, probe{op: op, in: in(x, nil, nil, ints(1, 2, 7, 3))}.run)
		}
		antialias := set(func(a *ops.Resize) { a.Mode, a.Antialias, a.Axes = mode, true, []int{2, 3} })
		t.Run(mode+" antialias", probe{op: antialias, in: in(x, nil, nil, ints(2, 3))}.run)
		crop := set(func(a *ops.Resize) {
			a.Mode, a.CoordinateTransformationMode, a.ExtrapolationValue = mode, "tf_crop_and_resize", 3
		})
		t.Run(mode+" crop", probe{op: crop, in: in(x, floats(0, 0, 0.2, -0.3, 1, 1, 1.4, 0.8), nil, ints(1, 2, 5, 6)), hold: []int{1}}.run)
	}
}

func TestGradientsOfProducts(t *testing.T) {
	for name, p := range map[string]probe{
		"Gemm":               {op: &ops.Gemm{Alpha: 1, Beta: 1}, in: in(random(1, 1, 3, 4), random(2, 1, 4, 5), random(3, 1, 5))},
		"Gemm scaled":        {op: &ops.Gemm{Alpha: 0.5, Beta: 2, TransB: true}, in: in(random(1, 1, 3, 4), random(2, 1, 5, 4), random(3, 1, 3, 1))},
		"Gemm transposed A":  {op: &ops.Gemm{Alpha: 2, Beta: 1, TransA: true}, in: in(random(1, 1, 4, 3), random(2, 1, 4, 5), scalar(1))},
		"Gemm both":          {op: &ops.Gemm{Alpha: 1, Beta: 0, TransA: true, TransB: true}, in: in(random(1, 1, 4, 3), random(2, 1, 5, 4), random(4, 1, 5))},
		"Gemm without C":     {op: &ops.Gemm{Alpha: 1, Beta: 1}, in: in(random(1, 1, 3, 4), random(2, 1, 4, 5))},
		"MatMul":             {op: &ops.MatMul{}, in: in(random(1, 1, 3, 4), random(2, 1, 4, 5))},
		"MatMul rows":        {op: &ops.MatMul{}, in: in(random(1, 1, 2, 6, 3, 4), random(2, 1, 4, 5))},
		"MatMul batch":       {op: &ops.MatMul{}, in: in(random(1, 1, 2, 3, 4), random(2, 1, 2, 4, 5))},
		"MatMul broadcast":   {op: &ops.MatMul{}, in: in(random(1, 1, 2, 1, 3, 4), random(2, 1, 6, 4, 5))},
		"MatMul left":        {op: &ops.MatMul{}, in: in(random(1, 1, 3, 4), random(2, 1, 6, 4, 5))},
		"MatMul vectors":     {op: &ops.MatMul{}, in: in(random(1, 1, 4), random(2, 1, 4))},
		"MatMul vector":      {op: &ops.MatMul{}, in: in(random(1, 1, 4), random(2, 1, 6, 4, 5))},
		"MatMul by a vector": {op: &ops.MatMul{}, in: in(random(1, 1, 6, 3, 4), random(2, 1, 4))},
	} {
		t.Run(name, p.run)
	}
}

func TestGradientsOfLosses(t *testing.T) {
	labels, weights := ints(2, 0, 1), floats(0.5, 2, 1)
	planes := tensor.FromSlice([]int64{0, 1, 2, 2, 1, 0, 0, 1}, 2, 2, 2)
	for _, reduction := range []string{"mean", "sum", "none"} {
		for name, p := range map[string]probe{
			"CrossEntropy":          {op: &ops.SoftmaxCrossEntropyLoss{Reduction: reduction}, in: in(random(1, 2, 3, 3), labels)},
			"CrossEntropy weighted": {op: &ops.SoftmaxCrossEntropyLoss{Reduction: reduction}, in: in(random(1, 2, 3, 3), labels, weights), hold: []int{2}},
			"CrossEntropy ignores":  {op: &ops.SoftmaxCrossEntropyLoss{Reduction: reduction, IgnoreIndex: ptr(2)}, in: in(random(1, 2, 3, 3), labels)},
			"CrossEntropy both":     {op: &ops.SoftmaxCrossEntropyLoss{Reduction: reduction}, in: in(random(1, 2, 2, 3, 2, 2), planes), outs: 2, of: []int{0, 1}},
			"CrossEntropy log_prob": {op: &ops.SoftmaxCrossEntropyLoss{Reduction: reduction}, in: in(random(1, 2, 2, 3, 2, 2), planes), outs: 2, of: []int{1}},
			"NLL":                   {op: &ops.NegativeLogLikelihoodLoss{Reduction: reduction}, in: in(random(1, 2, 2, 3, 2, 2), planes, weights), hold: []int{2}},
		} {
			t.Run(name+" "+reduction, p.run)
		}
	}
}

package train_test

import (
	"testing"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

func TestGradientsOfConvolutions(t *testing.T) {
	x := random(1, 1, 2, 4, 6, 7)
	type conv = ops.Conv
	for name, c := range map[string]struct {
		change func(a *conv)
		w      []int
		bias   bool
	}{
		"plain":         {func(a *conv) {}, []int{3, 4, 3, 2}, true},
		"1×1":           {func(a *conv) {}, []int{3, 4, 1, 1}, false},
		"pads":          {func(a *conv) { a.Pads = []int{1, 0, 2, 3} }, []int{3, 4, 3, 3}, true},
		"strides":       {func(a *conv) { a.Strides, a.Pads = []int{2, 3}, []int{1, 1, 1, 1} }, []int{3, 4, 3, 3}, false},
		"strides leave": {func(a *conv) { a.Strides = []int{4, 4} }, []int{3, 4, 1, 2}, false},
		"dilations":     {func(a *conv) { a.Dilations, a.Pads = []int{2, 3}, []int{2, 3, 1, 0} }, []int{2, 4, 3, 2}, false},
		"groups":        {func(a *conv) { a.Group = 2 }, []int{6, 2, 3, 3}, true},
		"depthwise":     {func(a *conv) { a.Group, a.Pads, a.Strides = 4, []int{1, 1, 1, 1}, []int{2, 2} }, []int{8, 1, 3, 3}, false},
		"same upper":    {func(a *conv) { a.AutoPad, a.Strides = "SAME_UPPER", []int{2, 2} }, []int{3, 4, 4, 3}, false},
		"same lower":    {func(a *conv) { a.AutoPad, a.Dilations = "SAME_LOWER", []int{1, 2} }, []int{3, 4, 2, 2}, false},
		"valid":         {func(a *conv) { a.AutoPad, a.KernelShape = "VALID", []int{2, 2} }, []int{3, 4, 2, 2}, false},
		"all pads":      {func(a *conv) { a.Pads = []int{6, 7, 6, 7} }, []int{1, 4, 5, 5}, false},
	} {
		in := in(x, random(2, 1, c.w...))
		if c.bias {
			in = append(in, random(3, 1, c.w[0]))
		}
		t.Run(name, probe{op: set(c.change), in: in}.run)
	}
	for name, p := range map[string]probe{
		"one dimension":    {op: set(func(a *conv) { a.Pads = []int{1, 1} }), in: in(random(1, 1, 2, 3, 8), random(2, 1, 2, 3, 3), random(3, 1, 2))},
		"three dimensions": {op: ir.New[conv](), in: in(random(1, 1, 1, 2, 3, 4, 3), random(2, 1, 2, 2, 2, 2, 2))},
		"no images":        {op: ir.New[conv](), in: in(random(1, 1, 0, 4, 3, 3), random(2, 1, 2, 4, 2, 2), random(3, 1, 2))},
	} {
		t.Run(name, p.run)
	}
}

func TestGradientsOfTransposedConvolutions(t *testing.T) {
	x := random(1, 1, 2, 4, 3, 4)
	type conv = ops.ConvTranspose
	for name, c := range map[string]struct {
		change func(a *conv)
		w      []int
		sized  bool
	}{
		"plain":          {func(a *conv) {}, []int{4, 3, 3, 2}, false},
		"strides":        {func(a *conv) { a.Strides, a.Pads = []int{2, 3}, []int{1, 0, 1, 1} }, []int{4, 3, 3, 2}, false},
		"output padding": {func(a *conv) { a.Strides, a.OutputPadding = []int{2, 2}, []int{1, 1} }, []int{4, 3, 3, 3}, false},
		"groups":         {func(a *conv) { a.Group, a.Dilations = 2, []int{2, 1} }, []int{4, 3, 2, 2}, false},
		"output shape":   {func(a *conv) { a.Strides, a.OutputShape = []int{2, 2}, []int{6, 9} }, []int{4, 3, 3, 3}, true},
		"output larger":  {func(a *conv) { a.Strides, a.OutputShape = []int{2, 2}, []int{12, 13} }, []int{4, 3, 3, 3}, true},
		"same":           {func(a *conv) { a.Strides, a.AutoPad = []int{2, 2}, "SAME_UPPER" }, []int{4, 3, 3, 3}, true},
		"large padding":  {func(a *conv) { a.Strides, a.OutputPadding = []int{1, 2}, []int{2, 3} }, []int{4, 3, 2, 1}, true},
		"gaps":           {func(a *conv) { a.Strides = []int{3, 3} }, []int{4, 3, 2, 1}, false},
	} {
		t.Run(name, probe{op: set(c.change), in: in(x, random(2, 1, c.w...), random(3, 1, c.w[1]*set(c.change).Group)), sized: c.sized}.run)
	}
}

func TestGradientsOfPoolings(t *testing.T) {
	x := spaced(1, 2, 3, 6, 7)
	windows := map[string]struct {
		pads, strides, dilations []int
		kernel                   []int
		auto                     string
		ceil                     bool
	}{
		"plain":      {kernel: []int{2, 3}, auto: "NOTSET"},
		"strides":    {kernel: []int{3, 2}, strides: []int{2, 2}, auto: "NOTSET"},
		"pads":       {kernel: []int{3, 3}, strides: []int{2, 2}, pads: []int{1, 0, 1, 2}, auto: "NOTSET"},
		"ceil":       {kernel: []int{3, 3}, strides: []int{2, 4}, pads: []int{1, 1, 0, 1}, ceil: true, auto: "NOTSET"},
		"dilations":  {kernel: []int{2, 3}, dilations: []int{3, 2}, pads: []int{1, 1, 2, 2}, auto: "NOTSET"},
		"same upper": {kernel: []int{3, 2}, strides: []int{2, 2}, auto: "SAME_UPPER"},
		"same lower": {kernel: []int{2, 2}, auto: "SAME_LOWER"},
		"valid":      {kernel: []int{4, 4}, strides: []int{3, 3}, auto: "VALID"},
	}
	for name, w := range windows {
		maximum := &ops.MaxPool{AutoPad: w.auto, CeilMode: w.ceil, Dilations: w.dilations, KernelShape: w.kernel, Pads: w.pads, Strides: w.strides}
		t.Run("MaxPool "+name, probe{op: maximum, in: in(x)}.run)
		t.Run("MaxPool with indices "+name, probe{op: maximum, in: in(x), outs: 2}.run)
		for _, pad := range []bool{false, true} {
			average := &ops.AveragePool{AutoPad: w.auto, CeilMode: w.ceil, CountIncludePad: pad, Dilations: w.dilations, KernelShape: w.kernel, Pads: w.pads, Strides: w.strides}
			t.Run("AveragePool "+name, probe{op: average, in: in(x)}.run)
		}
		for p := 1; p <= 3; p++ {
			norm := &ops.LpPool{AutoPad: w.auto, CeilMode: w.ceil, Dilations: w.dilations, KernelShape: w.kernel, P: p, Pads: w.pads, Strides: w.strides}
			t.Run("LpPool "+name, probe{op: norm, in: in(x)}.run)
		}
	}
	for name, p := range map[string]probe{
		"GlobalAveragePool": {op: &ops.GlobalAveragePool{}, in: in(x)},
		"GlobalMaxPool":     {op: &ops.GlobalMaxPool{}, in: in(x)},
		"GlobalLpPool 1":    {op: &ops.GlobalLpPool{P: 1}, in: in(x)},
		"GlobalLpPool 2":    {op: &ops.GlobalLpPool{P: 2}, in: in(x)},
		"GlobalLpPool 3":    {op: &ops.GlobalLpPool{P: 3}, in: in(x)},
		"one dimension":     {op: &ops.MaxPool{AutoPad: "NOTSET", KernelShape: []int{2}}, in: in(spaced(2, 2, 2, 5))},
	} {
		t.Run(name, p.run)
	}
}

func TestGradientsOfNormalizations(t *testing.T) {
	x, channels := random(1, 1, 2, 4, 3, 2), positive(2, 4)
	bias, mean, variance := random(3, 1, 4), random(4, 1, 4), positive(5, 4)
	frozen, training := ir.New[ops.BatchNormalization](), set(func(a *ops.BatchNormalization) { a.TrainingMode = true })
	for name, p := range map[string]probe{
		"LRN":                      {op: &ops.LRN{Alpha: 0.3, Beta: 0.75, Bias: 1.5, Size: 3}, in: in(x)},
		"LRN even":                 {op: &ops.LRN{Alpha: 0.3, Beta: 0.5, Bias: 1, Size: 2}, in: in(x)},
		"LRN wide":                 {op: &ops.LRN{Alpha: 0.3, Beta: 0.75, Bias: 1, Size: 9}, in: in(random(6, 1, 1, 5))},
		"BatchNormalization":       {op: frozen, in: in(x, channels, bias, mean, variance)},
		"BatchNormalization rows":  {op: frozen, in: in(random(6, 1, 5, 4), channels, bias, mean, variance)},
		"BatchNormalization line":  {op: frozen, in: in(random(6, 1, 5), positive(7, 1), random(8, 1, 1), random(9, 1, 1), positive(10, 1))},
		"training":                 {op: training, in: in(x, channels, bias, mean, variance), hold: []int{3, 4}},
		"training with statistics": {op: training, in: in(x, channels, bias, mean, variance), hold: []int{3, 4}, outs: 3},
		"training rows":            {op: training, in: in(random(6, 1, 5, 4), channels, bias, mean, variance), hold: []int{3, 4}},
		"LayerNormalization":       {op: ir.New[ops.LayerNormalization](), in: in(random(1, 1, 2, 3, 6), positive(2, 6), random(3, 1, 6))},
		"LayerNormalization wide":  {op: set(func(a *ops.LayerNormalization) { a.Axis = 1 }), in: in(random(1, 1, 2, 3, 6), positive(2, 3, 1))},
		"InstanceNormalization":    {op: ir.New[ops.InstanceNormalization](), in: in(x, channels, bias)},
		"GroupNormalization":       {op: set(func(a *ops.GroupNormalization) { a.NumGroups = 2 }), in: in(x, channels, bias)},
	} {
		t.Run(name, p.run)
	}
}

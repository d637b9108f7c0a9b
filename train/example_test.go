package train_test

import (
	"context"
	"fmt"
	"log"
	"math/rand/v2"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/train"
)

// linear is one layer: points of the plane become scores of two classes.
func linear() *ir.Graph {
	g, err := ir.Parse(`graph "linear" (%x: float32[N,2]) -> (%y) {
  %w: float32[2,2] = const [0.1, -0.1, 0.1, -0.1]
  %b: float32[2] = const [0.0, 0.0]
  %y = Gemm(%x, %w, %b) "fc"
}
`, ops.Lookup)
	if err != nil {
		log.Fatal(err)
	}
	return g
}

// points is 32 random points of the plane, and the targets of their classes: on which side of a line they lie.
func points(rng *rand.Rand) (x, targets *tensor.Tensor) {
	x, targets = tensor.New(tensor.Float32, 32, 2), tensor.New(tensor.Float32, 32, 2)
	for i := range 32 {
		point := tensor.Data[float32](x)[2*i : 2*i+2]
		point[0], point[1] = rng.Float32()*2-1, rng.Float32()*2-1
		class := 0
		if point[0] > point[1] {
			class = 1
		}
		tensor.Data[float32](targets)[2*i+class] = 1
	}
	return x, targets
}

// right counts the rows whose greatest score is where the target is.
func right(scores, targets *tensor.Tensor) (n int) {
	s, t := tensor.Data[float32](scores), tensor.Data[float32](targets)
	for i := range 32 {
		if s[2*i] > s[2*i+1] == (t[2*i] > t[2*i+1]) {
			n++
		}
	}
	return n
}

// A training loop of one's own: a batch, a rate and a step, as often as one likes.
func ExampleTrainer_Step() {
	tr, err := train.New(context.Background(), linear(), train.Options{Optimizer: train.Optimizer{Kind: train.Adam}})
	if err != nil {
		log.Fatal(err)
	}
	defer tr.Close()
	rng, correct := rand.New(rand.NewPCG(1, 1)), 0
	for step := range 300 {
		x, targets := points(rng)
		r, err := tr.Step(context.Background(), 0.1, map[string]*tensor.Tensor{tr.Image(): x, train.Targets: targets})
		if err != nil { // a *train.NonFiniteError says which node went wrong
			log.Fatal(err)
		}
		if step >= 280 {
			correct += right(r.Scores, targets)
		}
	}
	g, err := tr.Model() // a graph like any other; exporter.WriteFile writes it
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(g.Nodes()), "node,", tr.Steps(), "steps, most of the last points right:", correct > 600)
	// Output: 1 node, 300 steps, most of the last points right: true
}

// A loss of one's own: nodes that make one number of the scores and of whatever else the step is given. Its gradients come by
// themselves. This one is the squared hinge loss, with a weight for each image.
func ExampleLoss() {
	hinge := func(b *train.Builder, scores *ir.Value) *ir.Value {
		targets := b.Input(train.Targets, scores.Type())
		weights := b.Input("weights", ir.Type{DType: tensor.Float32, Shape: ir.Shape{ir.Symbol("N"), ir.Known(1)}})
		sign := b.Do(&ops.Sub{}, b.Do(&ops.Mul{}, targets, b.Number(2)), b.Number(1)) // 1 for the class, else -1
		margin := b.Do(&ops.Relu{}, b.Do(&ops.Sub{}, b.Number(1), b.Do(&ops.Mul{}, sign, scores)))
		return b.Do(&ops.ReduceMean{}, b.Do(&ops.Mul{}, b.Do(&ops.Mul{}, margin, margin), weights))
	}
	tr, err := train.New(context.Background(), linear(), train.Options{Loss: hinge, Optimizer: train.Optimizer{Momentum: 0.9}})
	if err != nil {
		log.Fatal(err)
	}
	defer tr.Close()
	fmt.Println(tr.Feeds())
	weights := tensor.New(tensor.Float32, 32, 1)
	for i := range tensor.Data[float32](weights) {
		tensor.Data[float32](weights)[i] = 1
	}
	rng, first, last := rand.New(rand.NewPCG(1, 1)), 0.0, 0.0
	for step := range 200 {
		x, targets := points(rng)
		r, err := tr.Step(context.Background(), 0.05, map[string]*tensor.Tensor{"x": x, train.Targets: targets, "weights": weights})
		if err != nil {
			log.Fatal(err)
		}
		if last = r.Loss; step == 0 {
			first = r.Loss
		}
	}
	fmt.Println("less than half of what it was:", last < first/2)
	// Output:
	// [x targets weights]
	// less than half of what it was: true
}

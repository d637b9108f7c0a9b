package zoo

import (
	"context"
	"math"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/internal/initial"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/vision"
)

// Parameters and multiply-accumulates of one image as published: parameters in the papers' or the authors' models and in
// torchvision, MACs by torchvision's own layers where it has the network, else by the papers' tables of layers.
var published = map[string]struct {
	parameters, macs int64
	image            []int
	layers           []string // some names, in order
}{
	"lenet5":          {61706, 416520, []int{1, 28, 28}, []string{"C1", "S2", "C3", "S4", "C5", "F6", "OUTPUT", "prob"}},
	"lenet5-relu":     {61706, 416520, []int{1, 28, 28}, []string{"C1", "S2", "C3", "S4", "C5", "F6", "OUTPUT", "prob"}},
	"alexnet":         {60965224, 724406816, []int{3, 227, 227}, []string{"conv1", "relu1", "norm1", "pool1", "conv2", "norm2", "pool2", "conv3", "conv4", "conv5", "pool5", "fc6", "fc7", "fc8", "prob"}},
	"alexnet-torch":   {61100840, 714188480, []int{3, 224, 224}, []string{"conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5", "fc6", "fc7", "fc8", "prob"}},
	"cuda-convnet":    {89578, 12298240, []int{3, 32, 32}, []string{"conv1", "pool1", "rnorm1", "conv2", "pool2", "rnorm2", "conv3", "pool3", "fc10", "prob"}},
	"all-cnn-c":       {1369738, 270798336, []int{3, 32, 32}, []string{"conv1", "conv2", "conv3", "conv4", "conv5", "conv6", "conv7", "conv8", "conv9", "pool", "prob"}},
	"vgg16":           {138357544, 15470264320, []int{3, 224, 224}, []string{"conv1_1", "pool1", "conv2_2", "conv5_3", "pool5", "fc6", "fc7", "fc8", "prob"}},
	"googlenet":       {6998552, 1582671872, []int{3, 224, 224}, []string{"conv1/7x7_s2", "conv2/3x3", "inception_3a/output", "inception_4e/5x5_reduce", "inception_5b/output", "pool5/7x7_s1", "loss3/classifier", "prob"}},
	"squeezenet1_1":   {1235496, 349151936, []int{3, 224, 224}, []string{"conv1", "fire2/squeeze1x1", "fire9/concat", "conv10", "pool10", "prob"}},
	"resnet18":        {11689512, 1814073344, []int{3, 224, 224}, []string{"conv1", "bn1", "conv2_1/conv1", "conv3_1/conv_shortcut", "conv5_2/add", "pool5", "fc", "prob"}},
	"resnet20":        {269722, 40551040, []int{3, 32, 32}, []string{"conv1", "bn1", "conv2_1/conv1", "conv3_1/pad", "conv4_3/add", "pool", "fc", "prob"}},
	"resnet50":        {25557032, 4089184256, []int{3, 224, 224}, []string{"conv1", "bn1", "conv2_1/conv3", "conv3_4/add", "conv5_3/bn3", "pool5", "fc", "prob"}},
	"densenet121":     {7978856, 2834161664, []int{3, 224, 224}, []string{"conv0", "denseblock1/denselayer1/conv2", "transition1/pool", "denseblock4/concat", "norm5", "classifier", "prob"}},
	"shufflenet_v2":   {2278604, 144907992, []int{3, 224, 224}, []string{"conv1", "stage2_1/conv_left", "stage2_2/shuffle", "stage4_4/conv_right2", "conv5", "fc", "prob"}},
	"efficientnet_b0": {5288548, 385814752, []int{3, 224, 224}, []string{"conv1", "stage2_1/conv_depthwise", "stage3_1/se_reduce", "stage8_1/conv_project", "conv2", "fc", "prob"}},
	"vit_b_16":        {86567656, 17563828224, []int{3, 224, 224}, []string{"patches", "embedded", "layer1/softmax", "layer12/add2", "norm", "head", "prob"}},
	"convnext_tiny":   {28589128, 4455531264, []int{3, 224, 224}, []string{"stem/conv", "stage1_1/depthwise", "downsample3/conv", "stage4_3/add", "norm", "fc", "prob"}},
	"airbench94":      {1972802, 118147360, []int{3, 32, 32}, []string{"conv1", "gelu1", "conv2_1", "conv2_pool", "conv3_bn2", "conv4_gelu2", "pool", "fc", "prob"}},
	"mobilenet_v2":    {3504872, 300774272, []int{3, 224, 224}, []string{"conv1", "bottleneck1_1/conv_depthwise", "bottleneck2_2/add", "bottleneck7_1/conv_project", "conv2", "pool", "fc", "prob"}},
}

func TestArchitecturesAreAsPublished(t *testing.T) {
	require.Len(t, published, len(Names()))
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			want := published[name]
			require.NotEmpty(t, Doc(name))
			g, err := Build(name, Options{})
			require.NoError(t, err)
			require.NoError(t, ir.Verify(g))

			image := append(ir.Shape{ir.Symbol("N")}, ir.Dims(want.image...)...)
			require.Len(t, g.Inputs(), 1)
			require.Equal(t, "%image: float32"+image.String(), g.Inputs()[0].String())
			require.Len(t, g.Outputs(), 1)
			classes := map[int]string{1: "10", 3: "1000"}[want.image[0]]
			if want.image[1] == 32 {
				classes = "10"
			}
			require.Equal(t, "%prob: float32[N,"+classes+"]", g.Outputs()[0].String())

			require.Equal(t, want.parameters, parameters(g))
			require.NoError(t, g.SetInputType(g.Inputs()[0], ir.Type{DType: tensor.Float32, Shape: ir.Dims(append([]int{1}, want.image...)...)}))
			require.NoError(t, g.InferAll())
			require.Equal(t, want.macs, macs(g))

			preprocess, _ := g.Meta("onnxrun.preprocess")
			spec, err := vision.ParseSpec(preprocess)
			require.NoError(t, err)
			require.Equal(t, want.image, []int{spec.Channels, spec.Height, spec.Width})
			text, _ := g.Meta("onnxrun.labels")
			labels, err := vision.ParseLabels(text)
			require.NoError(t, err)
			require.Equal(t, classes, strconv.Itoa(len(labels)))

			next := 0
			for _, n := range g.Nodes() {
				require.NotNil(t, g.Value(n.Name), "the output of %s has its name", n.Name)
				if next < len(want.layers) && n.Name == want.layers[next] {
					next++
				}
			}
			require.Equal(t, len(want.layers), next, "layers %v", want.layers)
		})
	}
}

// parameters counts what training changes: no running statistics, no settings.
func parameters(g *ir.Graph) (count int64) {
	for _, v := range g.Values() {
		if v.Const() == nil || v.Const().DType() != tensor.Float32 || v.Const().Rank() == 0 {
			continue
		}
		use := v.Uses()[0]
		if _, norm := use.Node.Op.(*ops.BatchNormalization); !norm || use.Index < 3 {
			count += int64(v.Const().Len())
		}
	}
	return count
}

func macs(g *ir.Graph) (count int64) {
	for _, n := range g.Nodes() {
		if f := n.Op.Def().MACs; f != nil {
			count += f(n)
		}
	}
	return count
}

func TestClassesAndSeed(t *testing.T) {
	a, err := Build("lenet5", Options{Classes: 3, Seed: 1})
	require.NoError(t, err)
	require.Equal(t, "float32[N,3]", a.Outputs()[0].Type().String())
	_, labelled := a.Meta("onnxrun.labels")
	require.False(t, labelled)
	again, err := Build("lenet5", Options{Classes: 3, Seed: 1})
	require.NoError(t, err)
	other, err := Build("lenet5", Options{Classes: 3, Seed: 2})
	require.NoError(t, err)
	for _, v := range a.Values() {
		if v.Const() != nil && v.Type().Shape.Count() != ir.Known(0) {
			require.True(t, v.Const().Equal(again.Value(v.Name()).Const()))
			require.Equal(t, v.Name()[len(v.Name())-4:] == "bias", v.Const().Equal(other.Value(v.Name()).Const()), v.Name())
		}
	}
	_, err = Build("alexnet", Options{Classes: -1})
	require.EqualError(t, err, "zoo: alexnet: -1 classes, expects 1 to 1048576")
	_, err = Build("lenet", Options{})
	require.ErrorContains(t, err, `zoo: unknown architecture "lenet", expects one of lenet5, lenet5-relu, `)
}

// Fresh weights keep the scale of the signal: the scores of an image of noise neither vanish nor explode, and the
// probabilities add up to 1.
func TestFreshWeightsKeepTheScale(t *testing.T) {
	for _, name := range []string{"lenet5", "lenet5-relu", "cuda-convnet", "all-cnn-c", "squeezenet1_1"} {
		g, err := Build(name, Options{})
		require.NoError(t, err)
		x := tensor.New(tensor.Float32, append([]int{2}, published[name].image...)...)
		initial.Uniform(tensor.Data[float32](x), 1, "image", float32(math.Sqrt(3)))
		s, err := runtime.Compile(t.Context(), g, runtime.Options{Outputs: []string{"prob", g.Value("prob").Def().In(0).Name()}})
		require.NoError(t, err)
		out, err := s.Run(context.Background(), x)
		require.NoError(t, err)
		s.Close()
		prob, scores := tensor.Data[float32](out[0]), tensor.Data[float32](out[1])
		var sum, squares float64
		for i, v := range scores {
			sum += float64(prob[i])
			squares += float64(v) * float64(v)
		}
		require.InDelta(t, 2, sum, 1e-4, name)
		scale := math.Sqrt(squares / float64(len(scores)))
		require.Greater(t, scale, 0.01, name) // averages of noise are small
		require.Less(t, scale, 10., name)
	}
}

// Package zoo builds classic image classifiers with fresh weights, of the published size and with the layer names of the
// papers. Their input is "image", N×channels×height×width, their output "prob", N×classes, the probabilities.
package zoo

import (
	"fmt"
	"strings"

	"github.com/onnxrun/onnxrun/ir"
)

// Options says what Build builds.
type Options struct {
	// Classes is the number of classes; 0 is the published one, whose names the model then carries.
	Classes int
	// Seed chooses the weights: the same seed gives the same weights on every machine.
	Seed uint64
}

// opset is the one that files are written in unless told otherwise: one that runtimes in use know.
const opset = 21

// maxClasses bounds Options.Classes.
const maxClasses = 1 << 20

// architecture is a network of the zoo. build makes all but the softmax: it returns the scores, N×classes.
type architecture struct {
	name, doc string
	data      *dataset
	build     func(*builder) *ir.Value
}

// architectures lists the zoo, by age.
var architectures = [...]architecture{
	{"lenet5", "LeNet-5 (1998): tanh, average pooling", mnist, lenet5},
	{"lenet5-relu", "LeNet-5 with rectifiers and max pooling", mnist, lenet5Relu},
	{"alexnet", "AlexNet (2012): two towers, response normalization, overlapping pooling", imagenet, alexnet},
	{"cuda-convnet", "the CIFAR-10 network of cuda-convnet (2012)", cifar10, cudaConvnet},
	{"alexnet-torch", "AlexNet (2014): one tower, as torchvision has it", imagenet, alexnetTorch},
	{"vgg16", "VGG-16 (2014)", imagenet, vgg16},
	{"googlenet", "GoogLeNet, Inception v1 (2014)", imagenet, googlenet},
	{"all-cnn-c", "All-CNN-C (2014): convolutions alone, for CIFAR-10", cifar10, allCNNC},
	{"resnet18", "ResNet-18 (2015)", imagenet, resnet18},
	{"resnet20", "ResNet-20 (2015), for CIFAR-10", cifar10, resnet20},
	{"resnet50", "ResNet-50 (2015)", imagenet, resnet50},
	{"squeezenet1_1", "SqueezeNet 1.1 (2016)", imagenet, squeezenet11},
	{"densenet121", "DenseNet-121 (2017)", imagenet, densenet121},
	{"mobilenet_v2", "MobileNetV2 (2018)", imagenet, mobilenetV2},
	{"shufflenet_v2", "ShuffleNet V2 1× (2018)", imagenet, shufflenetV2},
	{"efficientnet_b0", "EfficientNet-B0 (2019)", imagenet, efficientnetB0},
	{"vit_b_16", "Vision Transformer ViT-B/16 (2021)", imagenet, vitB16},
	{"convnext_tiny", "ConvNeXt-T (2022)", imagenet, convnextTiny},
	{"airbench94", "the CIFAR-10 network of airbench94 (2024)", cifar10, airbench94},
}

// Names is the names of the architectures, by age.
func Names() []string {
	names := make([]string, len(architectures))
	for i, a := range architectures {
		names[i] = a.name
	}
	return names
}

// Doc is one line about an architecture, "" if there is none of that name.
func Doc(name string) string {
	for _, a := range architectures {
		if a.name == name {
			return a.doc
		}
	}
	return ""
}

// Build makes a network with fresh weights.
func Build(name string, opt Options) (*ir.Graph, error) {
	for _, a := range architectures {
		if a.name == name {
			return a.graph(opt)
		}
	}
	return nil, fmt.Errorf("zoo: unknown architecture %q, expects one of %s", name, strings.Join(Names(), ", "))
}

func (a *architecture) graph(opt Options) (*ir.Graph, error) {
	published := opt.Classes == 0
	if published {
		opt.Classes = len(a.data.labels())
	}
	if opt.Classes < 1 || opt.Classes > maxClasses {
		return nil, fmt.Errorf("zoo: %s: %d classes, expects 1 to %d", a.name, opt.Classes, maxClasses)
	}
	b := newBuilder(a.name, opt)
	b.g.Doc = a.doc
	g, err := b.finish(a.build(b))
	if err != nil {
		return nil, err
	}
	return g, a.data.describe(g, published)
}

package passes

// Table returns all passes in the order in which they run.
func Table() []Pass {
	return []Pass{
		{"fold", Exact, "replace what does not depend on inputs by constants, and remove what no output needs", 1, fold},
		{"constant-shapes", Exact, "shapes of Reshapes that are known but for symbols become constants", 1, constantShapes},
		{"simplify", Exact, "remove nodes that change nothing, merge Transposes, Reshapes and Casts", 1, simplify},
		{"deduplicate", Exact, "nodes that compute the same become one", 1, deduplicate},
		{"cancel-transposes", Exact, "remove Transposes that take each other back around what lies between them", 1, cancelTransposes},
		{"pad-into-window", Exact, "a convolution or pooling pads its input itself", 0, padIntoWindow},
		{"recognize-activations", Exact, "Gelu, HardSwish, Mish, Swish and HardSigmoid that are spelled out become one node", 0, recognizeActivations},
		{"recognize-layernorm", Exact, "LayerNormalization that is spelled out becomes one node", 0, recognizeLayerNorm},
		{"gemm", Exact, "a product of matrices and the sum downstream of it become a Gemm", 0, gemmFromMatMul},
		{"average-to-conv", Exchange, "average poolings become convolutions channel by channel, where that is exact; no faster", 0, averageToConv},
		{poolToConvPass, Approximate, "max poolings become the stride of the convolution upstream of them, or a fitted convolution; averages as above", 0, poolToConv},
		{bottleneckPass, Approximate, "convolutions and linear layers become chains of smaller ones, of a bounded rank", 0, toBottlenecks},
		{"linear", Inference, "MatMul and Gemm by a constant matrix become a linear layer, which takes on what follows", 0, linearFromMatMul},
		{"affine-into-weights", Inference, "BatchNormalization and arithmetic per channel go into the weights of the layer upstream of them", 0, affineIntoWeights},
		{"affine-into-next", Inference, "BatchNormalization and arithmetic per channel go into the weights of the layer downstream of them", 0, affineIntoNext},
		{"fuse-attention", Inference, "attention that is spelled out, of queries, keys and values that lie side by side, becomes one node", 0, fuseAttention},
		{"fuse-residual", Inference, "a convolution or linear layer adds what its result is added to", 0, fuseResidual},
		{"simplify-residual", Inference, "remove the Transposes of residuals that meet others", 0, simplify},
		{"fuse-activation", Inference, "a convolution or linear layer applies the activation that follows it", 0, fuseActivation},
		{"slices-to-split", Exact, "Slices that cut a value into parts become one Split", 0, slicesToSplit},
		{"fuse-siblings", Exchange, "1×1 convolutions of one input are computed together, and split", 0, fuseSiblings},
		{"fold-again", Inference, "fold what earlier passes made constant", 0, fold},
	}
}

// constraint is an order that the table must keep.
type constraint struct{ before, after, reason string }

func constraints() []constraint {
	return []constraint{
		{"fold", "constant-shapes", "a shape is known once what it is computed from is"},
		{"fold", "recognize-activations", "patterns look for constants"},
		{"simplify", "recognize-activations", "patterns look past no node that changes nothing"},
		{"deduplicate", "fuse-activation", "two activations of one layer can be fused once they are one"},
		{"pad-into-window", "affine-into-next", "where a convolution pads, no summand goes into it"},
		{"recognize-activations", bottleneckPass, "a fit goes through the activation downstream of a layer"},
		{"gemm", bottleneckPass, "a Gemm can be factorized"},
		{poolToConvPass, bottleneckPass, "a convolution that took a pooling's place can be factorized"},
		{bottleneckPass, "linear", "approximate passes read and write standard operators"},
		{"recognize-activations", "fuse-activation", "an activation that is spelled out cannot be fused"},
		{"gemm", "linear", "a linear layer takes a Gemm with its bias"},
		{"linear", "affine-into-weights", "a scale goes into a linear layer, not into a MatMul"},
		{"linear", "fuse-residual", "a residual goes into a linear layer, not into a MatMul"},
		{"affine-into-weights", "affine-into-next", "the layer upstream takes summands even where the one downstream pads"},
		{"affine-into-weights", "fuse-attention", "a factor of queries, keys and values at once goes into the weights that give them"},
		{"affine-into-weights", "fuse-residual", "a scale that comes after a residual was added cannot go into the weights"},
		{"affine-into-next", "fuse-residual", "a fused layer takes nothing into its weights"},
		{"fuse-residual", "fuse-activation", "an activation ends a fusion"},
		{"fuse-attention", "slices-to-split", "attention is known by the Slices of its queries, keys and values"},
		{"fuse-residual", "simplify-residual", "a residual downstream of a Transpose is transposed back"},
		{"fuse-activation", "fold-again", "weights of what was fused may be computed from constants"},
	}
}

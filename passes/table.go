package passes

// Table returns all passes in the order in which they run.
func Table() []Pass {
	return []Pass{
		{"fold", Exact, "replace what does not depend on inputs by constants, and remove what no output needs", 0, Fold},
		{"simplify", Exact, "remove nodes that change nothing, merge Transposes and Reshapes", 0, Simplify},
		{"recognize-activations", Exact, "Gelu, HardSwish, Mish, Swish and HardSigmoid that are spelled out become one node", 0, RecognizeActivations},
		{"recognize-layernorm", Exact, "LayerNormalization that is spelled out becomes one node", 0, RecognizeLayerNorm},
		{"linear", Inference, "MatMul and Gemm by a constant matrix become a linear layer, which takes on what follows", 0, LinearFromMatMul},
		{"affine-into-weights", Inference, "BatchNormalization and arithmetic per channel go into the weights of the layer before them", 0, AffineIntoWeights},
		{"fuse-residual", Inference, "a convolution or linear layer adds what its result is added to", 0, FuseResidual},
		{"simplify-residual", Inference, "remove the Transposes of residuals that meet others", 0, Simplify},
		{"fuse-activation", Inference, "a convolution or linear layer applies the activation that follows it", 0, FuseActivation},
		{"fold-again", Inference, "fold what the passes before made constant", 0, Fold},
	}
}

// constraint is an order that the table must keep.
type constraint struct{ before, after, reason string }

func constraints() []constraint {
	return []constraint{
		{"recognize-activations", "fuse-activation", "an activation that is spelled out cannot be fused"},
		{"linear", "affine-into-weights", "a scale goes into a linear layer, not into a MatMul"},
		{"linear", "fuse-residual", "a residual goes into a linear layer, not into a MatMul"},
		{"affine-into-weights", "fuse-residual", "a scale that comes after a residual was added cannot go into the weights"},
		{"fuse-residual", "fuse-activation", "an activation ends a fusion"},
		{"fuse-residual", "simplify-residual", "a residual behind a Transpose is transposed back"},
	}
}

package zoo

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
)

// Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU", section 3: a 2×2 convolution, then three groups of two 3×3
// convolutions, whose first is pooled before it is normalized. The first convolution, which the paper fixes to a whitening
// of the data, is one that learns; so are the scales of the normalizations, and the classifier has a bias.
func airbench94(b *builder) *ir.Value {
	x := b.gelu("gelu1", b.conv("conv1", b.input(3, 32), conv{out: 24, kernel: 2}))
	for group, width := range []int{64, 256, 256} {
		name := fmt.Sprintf("conv%d_", group+2)
		wide := conv{out: width, kernel: 3, pad: 1, noBias: true}
		x = b.maxPool(name+"pool", b.conv(name+"1", x, wide), pool{kernel: 2, stride: 2})
		x = b.gelu(name+"gelu1", b.batchNorm(name+"bn1", x))
		x = b.gelu(name+"gelu2", b.batchNorm(name+"bn2", b.conv(name+"2", x, wide)))
	}
	return b.classifier("fc", b.maxPool("pool", x, pool{kernel: 3, stride: 3}))
}

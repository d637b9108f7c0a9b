package kernel

import (
	"fmt"
	"math"
)

// LRNSpec describes local response normalization across channels (Krizhevsky et al. 2012, section 3.3) with ONNX's
// meaning of Alpha: y = x / (Bias + Alpha/Size · Σ x²)^Beta, summed over Size channels around each. The arrays are
// N×C×Inner.
type LRNSpec struct {
	N, C, Inner       int
	Size              int
	Alpha, Beta, Bias float32
	Split             int
}

// LRN is a prepared local response normalization.
type LRN struct {
	spec LRNSpec
	chunks
}

// NewLRN prepares a local response normalization.
func NewLRN(spec LRNSpec) (*LRN, error) {
	if spec.Size < 1 {
		return nil, fmt.Errorf("kernel: lrn: unsupported size %d", spec.Size)
	}
	n, err := count("lrn", spec.N, spec.Inner, spec.C)
	if err != nil {
		return nil, err
	}
	return &LRN{spec, newChunks(min(n, spec.N*spec.Inner), spec.Split, max(1, grain/max(1, spec.C*8)))}, nil
}

// Run normalizes some positions of x into y.
func (l *LRN) Run(task int, y, x []float32) {
	lo, hi := l.bounds(task)
	for lo < hi {
		image, at := lo/l.spec.Inner, lo%l.spec.Inner
		n := min(hi-lo, l.spec.Inner-at, lrnBlock)
		size := l.spec.C * l.spec.Inner
		l.block(y[image*size:(image+1)*size], x[image*size:(image+1)*size], at, n)
		lo += n
	}
}

// lrnBlock is the number of positions whose sums are held at once.
const lrnBlock = 128

func (l *LRN) block(y, x []float32, at, n int) {
	s := &l.spec
	var buffer [lrnBlock]float64
	sums := buffer[:n]
	for c := range s.C {
		clear(sums)
		first, last := max(0, c-(s.Size-1)/2), min(s.C-1, c+s.Size/2)
		for i := first; i <= last; i++ {
			line := x[i*s.Inner+at:][:n]
			for j, v := range line {
				sums[j] += float64(v) * float64(v)
			}
		}
		in, out := x[c*s.Inner+at:][:n], y[c*s.Inner+at:][:n]
		bias, scale := float64(s.Bias), float64(s.Alpha)/float64(s.Size)
		if s.Beta == 0.75 {
			for j, sum := range sums {
				root := math.Sqrt(bias + scale*sum)
				out[j] = float32(float64(in[j]) / (root * math.Sqrt(root)))
			}
			continue
		}
		for j, sum := range sums {
			out[j] = float32(float64(in[j]) / math.Pow(bias+scale*sum, float64(s.Beta)))
		}
	}
}

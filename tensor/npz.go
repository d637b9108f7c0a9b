package tensor

import (
	"archive/zip"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/onnxrun/onnxrun/internal/plain"
)

// Named is a tensor with a name.
type Named struct {
	Name   string
	Tensor *Tensor
}

// What the arrays of an archive take is bounded by a fixed size and a multiple of the archive's own.
const (
	npzBytes = 1 << 30
	npzRate  = 16
)

// ReadNPZ reads the arrays of a .npz archive in their order.
func ReadNPZ(r io.ReaderAt, size int64) ([]Named, error) {
	return readNPZ(r, size, npzBytes+npzRate*min(size, math.MaxInt64/npzRate-npzBytes))
}

// readNPZ is ReadNPZ for arrays that take at most limit bytes.
func readNPZ(r io.ReaderAt, size, limit int64) ([]Named, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("tensor: npz: %w", err)
	}
	var out []Named
	left := &io.LimitedReader{N: limit}
	for _, f := range z.File {
		rc, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("tensor: npz: %s: %w", plain.Quote(f.Name, plain.Name), err)
		}
		left.R = rc
		t, err := ReadNPY(left)
		rc.Close()
		if left.N <= 0 {
			err = fmt.Errorf("the arrays take more memory than those of an archive of %d bytes may", size)
		}
		if err != nil {
			return nil, fmt.Errorf("tensor: npz: %s: %w", plain.Quote(f.Name, plain.Name), err)
		}
		out = append(out, Named{strings.TrimSuffix(f.Name, ".npy"), t})
	}
	return out, nil
}

// WriteNPZ writes a .npz archive, compressed.
func WriteNPZ(w io.Writer, tensors []Named) error {
	z := zip.NewWriter(w)
	for _, n := range tensors {
		f, err := z.Create(n.Name + ".npy")
		if err != nil {
			return fmt.Errorf("tensor: npz: %q: %w", n.Name, err)
		}
		if err := WriteNPY(f, n.Tensor); err != nil {
			return err
		}
	}
	return z.Close()
}

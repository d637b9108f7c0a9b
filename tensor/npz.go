package tensor

import (
	"archive/zip"
	"fmt"
	"io"
	"strings"
)

// Named is a tensor with a name.
type Named struct {
	Name   string
	Tensor *Tensor
}

// ReadNPZ reads the arrays of a .npz archive in their order.
func ReadNPZ(r io.ReaderAt, size int64) ([]Named, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("tensor: npz: %w", err)
	}
	var out []Named
	for _, f := range z.File {
		rc, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("tensor: npz: %q: %w", f.Name, err)
		}
		t, err := ReadNPY(rc)
		rc.Close()
		if err != nil {
			return nil, fmt.Errorf("tensor: npz: %q: %w", f.Name, err)
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

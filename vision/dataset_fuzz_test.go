package vision

import (
	"iter"
	"os"
	"path/filepath"
	"testing"
)

// FuzzOpenDataset opens any bytes as each kind of file: whatever they are, there is an error or a data set, whose images
// are decoded or broken.
func FuzzOpenDataset(f *testing.F) {
	names := []string{"d.tar", "d.csv", "a-images-idx3-ubyte", "a-images-idx3-ubyte.gz"}
	tarFile, err := os.ReadFile(archive(f, map[string][]byte{"x/a.png": dot(f, 1), "y/b.png": dot(f, 2)}))
	if err != nil {
		f.Fatal(err)
	}
	images := idx([]uint32{2, 1, 1}, 1, 2)
	for kind, seed := range [][]byte{tarFile, []byte("path,label\na.png,x\nb.png,3,val\n"), images, gz(f, images)} {
		f.Add(kind, seed)
	}
	f.Fuzz(func(t *testing.T, kind int, data []byte) {
		if kind < 0 || kind >= len(names) {
			return
		}
		path := filepath.Join(t.TempDir(), names[kind])
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := OpenDataset(path)
		if err != nil {
			return
		}
		defer d.Close()
		for i, n := range classesOf(d) {
			if n >= len(d.Classes()) {
				t.Fatalf("image %d is of class %d of %d", i, n, len(d.Classes()))
			}
		}
		decoded := 0
		for b := range imagesOf(t, d.Spread(8), 3) {
			decoded += len(b.Images) + len(b.Broken)
		}
		if decoded != min(8, d.Len()) {
			t.Fatalf("%d images of %d", decoded, d.Len())
		}
	})
}

// The data sets beside a checkout, where they are there.
func TestSharedDatasets(t *testing.T) {
	for path, want := range map[string]struct {
		images, classes int
		splits          []string
	}{
		"mnist":            {70000, 10, []string{"test", "train"}},
		"cifar10/test.tar": {10000, 10, nil},
		"hymenoptera":      {398, 2, []string{"train", "val"}},
	} {
		t.Run(path, func(t *testing.T) {
			path = filepath.Join("../../shared/data", path)
			if _, err := os.Stat(path); err != nil {
				t.Skip("../shared/data is not there")
			}
			d := open(t, path)
			for b := range imagesOf(t, d.Spread(40), 40) {
				if len(b.Broken) > 0 || len(b.Images) != 40 {
					t.Fatal(b.Broken)
				}
			}
			if d.Len() != want.images || len(d.Classes()) != want.classes || len(d.Splits()) != len(want.splits) {
				t.Fatalf("%d images, classes %v, splits %v", d.Len(), d.Classes(), d.Splits())
			}
		})
	}
}

// imagesOf is the images of a data set, one grey pixel each, in batches.
func imagesOf(t testing.TB, d *Dataset, batch int) iter.Seq[*Batch] {
	s := Spec{Resize: "exact", Filter: Bilinear, Width: 1, Height: 1, Channels: 1, Order: "rgb", Scale: 1, Layout: "nchw"}
	stream, err := NewStream(d, StreamOptions{Batch: batch, Spec: s})
	if err != nil {
		t.Fatal(err)
	}
	return func(yield func(*Batch) bool) {
		for b, err := range stream.Epoch(t.Context(), 0, 0) {
			if err != nil {
				t.Fatal(err)
			}
			if !yield(b) {
				return
			}
		}
	}
}

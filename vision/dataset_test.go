package vision

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// dot is a PNG of one grey pixel, by which images are told apart.
func dot(t testing.TB, v uint8) []byte {
	m := image.NewGray(image.Rect(0, 0, 1, 1))
	m.SetGray(0, 0, color.Gray{v})
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, m))
	return b.Bytes()
}

// tree writes files below a new folder.
func tree(t testing.TB, files map[string][]byte) string {
	root := t.TempDir()
	for name, data := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
		require.NoError(t, os.WriteFile(path, data, 0o666))
	}
	return root
}

func archive(t testing.TB, files map[string][]byte) string {
	path := filepath.Join(t.TempDir(), "data.tar")
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	w := tar.NewWriter(f)
	names := []string{}
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	slices.Reverse(names) // the order of an archive is of no matter
	for _, folder := range []string{"./", ".git/", "none/"} {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: folder, Typeflag: tar.TypeDir, Mode: 0o755}))
	}
	for _, name := range names {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: "./" + name, Size: int64(len(files[name])), Mode: 0o644}))
		_, err := w.Write(files[name])
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return path
}

func idx(dims []uint32, data ...byte) []byte {
	b := []byte{0, 0, 8, byte(len(dims))}
	for _, d := range dims {
		b = binary.BigEndian.AppendUint32(b, d)
	}
	return append(b, data...)
}

func gz(t testing.TB, data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func open(t testing.TB, path string) *Dataset {
	d, err := OpenDataset(path)
	require.NoError(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

// grey is the first sample of each image, and -1 for a broken one.
func grey(d *Dataset) (values []int) {
	for i := range d.Len() {
		if m, err := d.Image(i); err == nil {
			values = append(values, int(m.Pix[0]))
		} else {
			values = append(values, -1)
		}
	}
	return values
}

func classesOf(d *Dataset) (classes []int) {
	for i := range d.Len() {
		classes = append(classes, d.Class(i))
	}
	return classes
}

func TestFoldersAndArchivesAreTheSame(t *testing.T) {
	for name, c := range map[string]struct {
		files   map[string][]byte
		classes []string
		class   []int
		grey    []int
		splits  []string
	}{
		"classes": {
			map[string][]byte{"bee/2.png": dot(t, 3), "ant/b.png": dot(t, 2), "ant/a.PNG": dot(t, 1), "ant/deep/er.png": dot(t, 9), "README.txt": nil, "bee/.x.png": nil, "__MACOSX/ant/a.png": nil, ".git/x/y.png": nil},
			[]string{"ant", "bee"}, []int{0, 0, 0, 1}, []int{1, 2, 9, 3}, nil,
		},
		"splits": {
			map[string][]byte{"val/bee/1.png": dot(t, 4), "train/ant/1.png": dot(t, 1), "train/bee/1.png": dot(t, 2), "validation/cat/1.png": dot(t, 5), "test/ant/1.png": dot(t, 3)},
			[]string{"ant", "bee", "cat"}, []int{0, 0, 1, 1, 2}, []int{3, 1, 2, 4, 5}, []string{"test", "train", "val"},
		},
		"images": {map[string][]byte{"b.png": dot(t, 2), "a.png": dot(t, 1)}, nil, []int{-1, -1}, []int{1, 2}, nil},
		"a broken one": {
			map[string][]byte{"x/a.png": dot(t, 7), "x/b.png": []byte("no image"), "x/c.jpg": nil},
			[]string{"x"}, []int{0, 0, 0}, []int{7, -1, -1}, nil,
		},
	} {
		for kind, path := range map[string]string{"folder": tree(t, c.files), "tar": archive(t, c.files)} {
			d := open(t, path)
			require.Equal(t, c.classes, d.Classes(), "%s %s", name, kind)
			require.Equal(t, c.class, classesOf(d), "%s %s", name, kind)
			require.Equal(t, c.grey, grey(d), "%s %s", name, kind)
			require.Equal(t, c.splits, d.Splits(), "%s %s", name, kind)
		}
	}
}

// A folder of archives named as parts are is a data set of these parts; other files beside them do not matter.
func TestFolderOfArchives(t *testing.T) {
	root := t.TempDir()
	for part, files := range map[string]map[string][]byte{
		"train": {"ant/1.png": dot(t, 1), "bee/1.png": dot(t, 2)}, "test": {"ant/1.png": dot(t, 3)}, "other": {"cat/1.png": dot(t, 4)},
	} {
		require.NoError(t, os.Rename(archive(t, files), filepath.Join(root, part+".tar")))
	}
	d := open(t, root)
	defer d.Close()
	require.Equal(t, []string{"test", "train"}, d.Splits())
	require.Equal(t, []string{"ant", "bee"}, d.Classes())
	require.Equal(t, []int{1, 2}, grey(d.Split(Train)))
	require.Equal(t, []int{3}, grey(d.Split(Test)))

	require.NoError(t, os.WriteFile(filepath.Join(root, "val.tar"), bytes.Repeat([]byte("hello "), 200), 0o666))
	_, err := OpenDataset(root)
	require.ErrorContains(t, err, "val.tar: a damaged tar")
}

func TestSplitsAndSelections(t *testing.T) {
	files := map[string][]byte{}
	for i := range 10 {
		files["train/x/"+string(rune('a'+i))+".png"] = dot(t, uint8(i))
	}
	files["test/y/a.png"] = dot(t, 99)
	d := open(t, tree(t, files))
	require.Equal(t, []int{99}, grey(d.Split(Test)))
	require.Equal(t, []int{1}, classesOf(d.Split(Test)), "classes are numbered over all parts")
	require.Zero(t, d.Split(Val).Len())
	require.Equal(t, []int{99}, grey(d.Prefer(Val, Test)))
	require.Same(t, d, d.Prefer(Val))
	train := d.Split(Train)
	require.Equal(t, []int{1, 5, 8}, grey(train.Spread(3)))
	require.Same(t, train, train.Spread(10))
	require.Same(t, train, train.Spread(0))
	require.Equal(t, grey(train.Shuffle(1)), grey(train.Shuffle(1)))
	require.NotEqual(t, grey(train.Shuffle(1)), grey(train.Shuffle(2)))
	require.ElementsMatch(t, grey(train), grey(train.Shuffle(3)))
}

// Batches are full in spite of broken images, which are named.
func TestBatches(t *testing.T) {
	files := map[string][]byte{}
	for i := range 10 {
		files["x/"+string(rune('a'+i))+".png"] = dot(t, uint8(i))
	}
	files["x/b.png"], files["x/j.png"] = []byte("broken"), nil
	d := open(t, tree(t, files))
	var sizes, values []int
	var names []string
	var broken []string
	for b := range imagesOf(t, d, 3) {
		sizes = append(sizes, len(b.Images))
		for i, v := range floats(b.X) {
			values = append(values, int(v))
			require.Zero(t, b.Classes[i])
		}
		names = append(names, b.Names...)
		for _, err := range b.Broken {
			broken = append(broken, err.Error())
		}
	}
	require.Equal(t, []int{3, 3, 2}, sizes)
	require.Equal(t, []int{0, 2, 3, 4, 5, 6, 7, 8}, values)
	require.Equal(t, "x/i.png", names[7])
	require.Equal(t, []string{
		`vision: "x/b.png": not an image of a kind that is known (PNG, JPEG, GIF, WebP, BMP, TIFF)`,
		`vision: "x/j.png": the file is empty`,
	}, broken)
}

func TestIDX(t *testing.T) {
	images := idx([]uint32{3, 2, 1}, 10, 11, 20, 21, 30, 31)
	labels := idx([]uint32{3}, 4, 0, 9)
	root := tree(t, map[string][]byte{
		"train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels,
		"train-images-idx3-ubyte.gz":    gz(t, idx([]uint32{1, 1, 1}, 1)), // the plain one comes first
		"t10k-images.idx3-ubyte.gz":     gz(t, idx([]uint32{1, 2, 1}, 50, 51)),
		"t10k-labels.idx1-ubyte.gz":     gz(t, idx([]uint32{1}, 2)),
		"validation-images.idx4-ubyte":  idx([]uint32{1, 1, 2, 3}, 1, 2, 3, 4, 5, 6),
		"validation-images.idx4-ubyte~": nil,
	})
	d := open(t, root)
	require.Equal(t, []string{"test", "train", "val"}, d.Splits())
	require.Equal(t, []int{10, 20, 30}, grey(d.Split(Train)))
	require.Equal(t, []int{4, 0, 9}, classesOf(d.Split(Train)))
	require.Equal(t, []int{50}, grey(d.Split(Test)))
	require.Equal(t, []int{-1}, classesOf(d.Split(Val)))
	require.Len(t, d.Classes(), 10)
	m, err := d.Split(Val).Image(0)
	require.NoError(t, err)
	require.Equal(t, &Image{2, 1, 3, []byte{1, 2, 3, 4, 5, 6}}, m)
	one := open(t, filepath.Join(root, "t10k-images.idx3-ubyte.gz"))
	require.Equal(t, 1, one.Len())
	require.Equal(t, "t10k-images.idx3-ubyte.gz[0]", one.ImageName(0))
}

func TestCSV(t *testing.T) {
	files := map[string][]byte{"a.png": dot(t, 1), "sub/b.png": dot(t, 2)}
	for name, c := range map[string]struct {
		text    string
		classes []string
		class   []int
		splits  []string
	}{
		"names":         {"path,label\nsub/b.png,dog\na.png, cat\n", []string{"cat", "dog"}, []int{1, 0}, nil},
		"no header":     {"sub/b.png,dog\na.png,dog\n", []string{"dog"}, []int{0, 0}, nil},
		"numbers":       {"\ufeffsub/b.png,3\na.png,1\n", []string{"0", "1", "2", "3"}, []int{3, 1}, nil},
		"splits":        {"file,label,split\nsub/b.png,x,train\na.png,x,valid\n", []string{"x"}, []int{0, 0}, []string{"train", "val"}},
		"no labels":     {"sub/b.png\na.png\n", nil, []int{-1, -1}, nil},
		"some":          {"sub/b.png,x\na.png\n", []string{"x"}, []int{0, -1}, nil},
		"with comments": {"# made by hand\nsub/b.png,x\n\na.png,y\n", []string{"x", "y"}, []int{0, 1}, nil},
	} {
		files["list.csv"] = []byte(c.text)
		d := open(t, filepath.Join(tree(t, files), "list.csv"))
		require.Equal(t, c.classes, d.Classes(), name)
		require.Equal(t, c.class, classesOf(d), name)
		require.Equal(t, c.splits, d.Splits(), name)
		require.Equal(t, []int{2, 1}, grey(d), name)
	}
}

func TestBadDatasets(t *testing.T) {
	big := idx([]uint32{1 << 24, 1 << 8, 1 << 8})
	cut := archive(t, map[string][]byte{"x/a.png": bytes.Repeat(dot(t, 1), 100)})
	data, err := os.ReadFile(cut)
	require.NoError(t, err)
	root := tree(t, map[string][]byte{
		"empty/README":                    nil,
		"mixed/x/a.png":                   dot(t, 1),
		"mixed/b.png":                     dot(t, 1),
		"cut.tar":                         data[:3*512+1024],
		"text.tar":                        bytes.Repeat([]byte("hello "), 200),
		"data.tar.gz":                     nil,
		"model.onnx":                      nil,
		"quote.csv":                       []byte("a.png,\"x\n"),
		"fields.csv":                      []byte("a.png,b,c,d\n"),
		"split.csv":                       []byte("a.png,x,dev\n"),
		"numbers.csv":                     []byte("a.png,4000000000\n"),
		"negative.csv":                    []byte("a.png,3\nb.png,-1\n"),
		"none.csv":                        []byte("path,label\n"),
		"big-images-idx3-ubyte":           big,
		"zip-images-idx3-ubyte.gz":        gz(t, idx([]uint32{1 << 20, 28, 28})),
		"nogzip-images-idx3-ubyte.gz":     []byte("plain"),
		"short-images-idx3-ubyte":         {0, 0, 8},
		"floats-images-idx3-ubyte":        {0, 0, 13, 3, 0, 0, 0, 1},
		"four-images-idx4-ubyte":          idx([]uint32{1, 1, 1, 2}, 1, 2),
		"labels/train-images-idx3-ubyte":  idx([]uint32{1, 1, 1}, 1),
		"labels/train-labels-idx1-ubyte":  idx([]uint32{2}, 1, 2),
		"labels2/train-images-idx3-ubyte": idx([]uint32{4, 1, 1}, 1, 2, 3, 4),
		"labels2/train-labels-idx1-ubyte": idx([]uint32{4}, 1),
	})
	for name, want := range map[string]string{
		"none":                        "no such file or directory",
		"empty":                       "has no images (.png, .jpg",
		"mixed":                       `image "b.png" stands beside the folders of the classes: it has no class`,
		"cut.tar":                     "a damaged tar: \"./x/a.png\" ends beyond the archive",
		"text.tar":                    "a damaged tar after 0 images",
		"data.tar.gz":                 "decompress it",
		"model.onnx":                  "not a folder, .tar, .csv, IDX file or image",
		"quote.csv":                   `extraneous or missing " in quoted-field`,
		"fields.csv":                  "line 1: 4 fields, expects path,label",
		"split.csv":                   `line 1: split "dev": expects train, val or test`,
		"numbers.csv":                 "class 4000000000: more than 1048576 classes",
		"negative.csv":                "class -1: classes are numbered from 0",
		"none.csv":                    "has no images",
		"big-images-idx3-ubyte":       "16777216 images of 256×256 pixels are beyond the limit",
		"zip-images-idx3-ubyte.gz":    "1048576 images of 28×28 pixels do not fit into the file",
		"nogzip-images-idx3-ubyte.gz": "not a gzip file",
		"short-images-idx3-ubyte":     "the file is too short",
		"floats-images-idx3-ubyte":    "not an IDX file of unsigned bytes of rank 3: it begins with 00 00 0d 03",
		"four-images-idx4-ubyte":      "images of 2 channels, expects 1 or 3",
		"labels":                      "train-labels-idx1-ubyte: 2 labels for 1 images",
		"labels2":                     "the file is cut off: 1 bytes of 4",
	} {
		path := filepath.Join(root, name)
		_, err := OpenDataset(path)
		require.ErrorContains(t, err, want, name)
		require.True(t, strings.HasPrefix(err.Error(), "vision: data set "), err)
		require.Equal(t, 1, strings.Count(err.Error(), root), err)
	}
	// A compressed file that is cut off is found out when the first image is wanted.
	whole := gz(t, idx([]uint32{500, 2, 1}, bytes.Repeat([]byte{1, 5, 3, 9}, 250)...))
	d := open(t, filepath.Join(tree(t, map[string][]byte{"a-images-idx3-ubyte.gz": whole[:len(whole)-12]}), "a-images-idx3-ubyte.gz"))
	_, err = d.Image(0)
	require.ErrorContains(t, err, `vision: "a-images-idx3-ubyte.gz[0]": `)
}

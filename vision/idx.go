package vision

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/onnxrun/onnxrun/internal/hostfile"
)

// idxName is how files of IDX images are named: train-images-idx3-ubyte, t10k-images.idx3-ubyte.gz.
var idxName = regexp.MustCompile(`(?i)^(.*)images([-.])idx([34])-ubyte(\.gz)?$`)

func isIDXName(path string) bool { return idxName.MatchString(filepath.Base(path)) }

// openIDXFolder opens the IDX files of a folder; nil if it has none.
func openIDXFolder(folder string) (*Dataset, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		// A file beside its compressed form is the same: names are sorted, the plain one comes first.
		plain := filepath.Join(folder, strings.TrimSuffix(e.Name(), ".gz"))
		if isIDXName(e.Name()) && !slices.Contains(files, plain) {
			files = append(files, filepath.Join(folder, e.Name()))
		}
	}
	if files == nil {
		return nil, nil
	}
	return openIDXFiles(folder, files)
}

// openIDXFiles makes a data set of files of images, each a part of it, and of the files of labels beside them.
func openIDXFiles(name string, files []string) (*Dataset, error) {
	d := &Dataset{}
	greatest := -1
	for _, file := range files {
		images, err := newIDXImages(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(file), err)
		}
		labels, err := readIDXLabels(file, images.n)
		if err != nil {
			return nil, err
		}
		split := idxSplit(file)
		for i := range images.n {
			s := sample{name: fmt.Sprintf("%s[%d]", filepath.Base(file), i), class: -1, split: split}
			s.open = func() (*Image, error) { return images.image(i) }
			if labels != nil {
				s.class = int(labels[i])
				greatest = max(greatest, s.class)
			}
			d.samples = append(d.samples, s)
		}
	}
	if greatest >= 0 {
		d.classes = numberedClasses(greatest)
	}
	return d, nil
}

// idxSplit is the part of a data set that a file holds, by the names that MNIST and its kin use.
func idxSplit(file string) string {
	switch name := strings.ToLower(filepath.Base(file)); {
	case strings.Contains(name, "train"):
		return Train
	case strings.Contains(name, "t10k"), strings.Contains(name, "test"):
		return Test
	case strings.Contains(name, "val"):
		return Val
	}
	return ""
}

// idxImages is a file of images, which are read when the first of them is asked for.
type idxImages struct {
	n, height, width, channels int
	pixels                     func() ([]byte, error)
}

// newIDXImages reads and checks the header. Magic numbers and order of bytes: Y. LeCun's page of MNIST.
func newIDXImages(path string) (*idxImages, error) {
	r, size, err := openMaybeGzip(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	dims, err := idxHeader(r, 3, 4)
	if err != nil {
		return nil, err
	}
	m := &idxImages{n: dims[0], height: dims[1], width: dims[2], channels: 1}
	if len(dims) == 4 {
		m.channels = dims[3]
	}
	if m.channels != 1 && m.channels != 3 {
		return nil, fmt.Errorf("images of %d channels, expects 1 or 3", m.channels)
	}
	each := int64(m.height) * int64(m.width) * int64(m.channels)
	if m.n > maxSamples || m.height == 0 || m.width == 0 || m.height > MaxPixels/m.width || int64(m.n) > maxFile/each {
		return nil, fmt.Errorf("%d images of %d×%d pixels are beyond the limit of %d bytes", m.n, m.width, m.height, maxFile)
	}
	if total := int64(m.n) * each; total > size {
		return nil, fmt.Errorf("%d images of %d×%d pixels do not fit into the file: it is cut off or damaged", m.n, m.width, m.height)
	}
	m.pixels = sync.OnceValues(func() ([]byte, error) { return readIDX(path, len(dims), int(int64(m.n)*each)) })
	return m, nil
}

func (m *idxImages) image(i int) (*Image, error) {
	data, err := m.pixels()
	if err != nil {
		return nil, err
	}
	size := m.width * m.height * m.channels
	return &Image{m.width, m.height, m.channels, slices.Clone(data[i*size : (i+1)*size])}, nil
}

// readIDXLabels reads the labels of a file of n images; nil if there is none beside it.
func readIDXLabels(images string, n int) ([]byte, error) {
	parts := idxName.FindStringSubmatch(filepath.Base(images))
	base := filepath.Join(filepath.Dir(images), parts[1]+"labels"+parts[2]+"idx1-ubyte")
	for _, path := range []string{base, base + ".gz"} {
		r, size, err := openMaybeGzip(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		fail := func(err error) ([]byte, error) { return nil, fmt.Errorf("%s: %w", filepath.Base(path), err) }
		if err != nil {
			return fail(err)
		}
		defer r.Close()
		dims, err := idxHeader(r, 1, 1)
		if err != nil {
			return fail(err)
		}
		if dims[0] != n || int64(n) > size {
			return fail(fmt.Errorf("%d labels for %d images", dims[0], n))
		}
		labels, err := readExactly(r, n)
		if err != nil {
			return fail(err)
		}
		return labels, nil
	}
	return nil, nil
}

// readIDX reads the size bytes of elements of a file with the given number of dimensions.
func readIDX(path string, dims, size int) ([]byte, error) {
	r, _, err := openMaybeGzip(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if _, err := io.CopyN(io.Discard, r, int64(4+4*dims)); err != nil {
		return nil, err
	}
	return readExactly(r, size)
}

// readExactly reads n bytes, and takes no more memory than there are.
func readExactly(r io.Reader, n int) ([]byte, error) {
	var b bytes.Buffer
	switch got, err := io.CopyN(&b, r, int64(n)); {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("the file is cut off: %d bytes of %d", got, n)
	case err != nil:
		return nil, err
	}
	// At the end of a compressed file stands its checksum.
	if _, err := io.CopyN(io.Discard, r, 1); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the file is damaged: %w", err)
	}
	return b.Bytes(), nil
}

// idxHeader reads the dimensions of a file of unsigned bytes, least … most of them.
func idxHeader(r io.Reader, least, most byte) ([]int, error) {
	var magic [4]byte
	if _, err := io.ReadFull(r, magic[:]); err != nil {
		return nil, fmt.Errorf("the file is too short: %w", err)
	}
	if magic[0] != 0 || magic[1] != 0 || magic[2] != 8 || magic[3] < least || magic[3] > most {
		return nil, fmt.Errorf("not an IDX file of unsigned bytes of rank %d: it begins with % x", least, magic)
	}
	sizes := make([]uint32, magic[3])
	if err := binary.Read(r, binary.BigEndian, sizes); err != nil {
		return nil, fmt.Errorf("the file is too short: %w", err)
	}
	dims := make([]int, len(sizes))
	for i, n := range sizes {
		if n > maxFile {
			return nil, fmt.Errorf("dimensions %v are beyond the limit of %d bytes", sizes, maxFile)
		}
		dims[i] = int(n)
	}
	return dims, nil
}

// deflateRatio is the most that DEFLATE compresses by.
const deflateRatio = 1032

type readCloser struct {
	io.Reader
	io.Closer
}

// openMaybeGzip opens a file, decompressing it if it ends in .gz. size bounds the bytes that it can have.
func openMaybeGzip(path string) (r io.ReadCloser, size int64, err error) {
	f, err := hostfile.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	data := io.LimitReader(f, info.Size())
	if !strings.HasSuffix(strings.ToLower(path), ".gz") {
		return readCloser{data, f}, info.Size(), nil
	}
	z, err := gzip.NewReader(data)
	if err != nil {
		f.Close()
		return nil, 0, fmt.Errorf("not a gzip file: %w", err)
	}
	return readCloser{z, f}, info.Size() * deflateRatio, nil
}

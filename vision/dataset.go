package vision

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/onnxrun/onnxrun/internal/plain"
)

// maxSamples bounds the images of a Dataset.
const maxSamples = 20_000_000

// Dataset is images in an order that is always the same, with their classes where these are known. Images are decoded
// when they are asked for. It is safe for concurrent use.
//
//	data, err := vision.OpenDataset("flowers")
//	stream, err := vision.NewStream(data.Split("val"), vision.StreamOptions{Batch: 32, Spec: spec})
//	for batch, err := range stream.Epoch(ctx, 0, 0) {
//		…
//	}
type Dataset struct {
	name    string
	classes []string
	empty   []string // classes' folders without an image
	samples []sample
	file    io.Closer // nil: none is open
	origin  *origin
}

// sample is an image that is not yet decoded.
type sample struct {
	name   string
	class  int // -1: not known
	split  string
	open   func() (*Image, error)
	number int // in the data set as it was opened
}

// origin identifies the data set that was opened: it and all parts taken of it have the same.
type origin struct{ images int }

// The parts that data sets come in.
const (
	Train = "train"
	Val   = "val"
	Test  = "test"
)

// OpenDataset opens what path is: a folder with a folder for each class, or with images; a .tar of the same, or a folder of
// train.tar, val.tar and test.tar; IDX files (a folder of them, or that of the images; .gz too); a .csv of path,label lines.
// Folders train, val and test above those of the classes split the data set. Images stand in the order of their names,
// classes too.
func OpenDataset(path string) (*Dataset, error) {
	info, err := os.Stat(path)
	var at *os.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	if err != nil {
		return nil, dataError(path, err)
	}
	var d *Dataset
	switch lower := strings.ToLower(path); {
	case info.IsDir():
		for _, open := range []func(string) (*Dataset, error){openIDXFolder, openTarFolder, openFolder} {
			if d, err = open(path); d != nil || err != nil {
				break
			}
		}
	case strings.HasSuffix(lower, ".tar"):
		d, err = openTar(path)
	case strings.HasSuffix(lower, ".csv"):
		d, err = openCSV(path)
	case isIDXName(lower):
		d, err = openIDXFiles(path, []string{path})
	case isImageName(lower):
		d = &Dataset{samples: []sample{{name: path, class: -1, open: func() (*Image, error) { return DecodeFile(path) }}}}
	case strings.HasSuffix(lower, ".tar.gz"), strings.HasSuffix(lower, ".tgz"):
		err = errors.New("a compressed tar gives no access to single images: decompress it (gunzip)")
	default:
		err = errors.New("not a folder, .tar, .csv, IDX file or image")
	}
	if err == nil && len(d.samples) == 0 {
		d.Close()
		err = fmt.Errorf("has no images (%s)", strings.Join(imageExtensions(), ", "))
	}
	if err != nil {
		return nil, dataError(path, err)
	}
	d.name = path
	d.number()
	return d, nil
}

// NewDataset is a data set of images without classes, by their names. open decodes image i; it may be called by several
// goroutines at once.
func NewDataset(name string, images []string, open func(i int) (*Image, error)) *Dataset {
	d := &Dataset{name: name}
	for i, image := range images {
		d.samples = append(d.samples, sample{name: image, class: -1, open: func() (*Image, error) { return open(i) }})
	}
	d.number()
	return d
}

// Pictures is a data set of images that are decoded already, without classes. Their names are their numbers.
func Pictures(images ...*Image) *Dataset {
	names := make([]string, len(images))
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	return NewDataset("images", names, func(i int) (*Image, error) {
		if m := images[i]; m == nil || m.isEmpty() {
			return nil, errors.New("the image is empty")
		}
		return images[i], nil
	})
}

// number gives the images their numbers.
func (d *Dataset) number() {
	d.origin = &origin{len(d.samples)}
	for i := range d.samples {
		d.samples[i].number = i
	}
}

func dataError(path string, err error) error {
	return plain.Error(fmt.Errorf("vision: data set %s: %w", plain.Quote(path, plain.Name), err))
}

// imageExtensions are the endings of names that are taken for images.
func imageExtensions() []string {
	return []string{".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff"}
}

func isImageName(name string) bool {
	return slices.Contains(imageExtensions(), strings.ToLower(path.Ext(filepath.ToSlash(name)))) && !strings.HasPrefix(path.Base(filepath.ToSlash(name)), ".")
}

// Close closes the files that the data set, and all parts taken of it, read images from. It is optional.
func (d *Dataset) Close() error {
	if d.file == nil {
		return nil
	}
	return d.file.Close()
}

// Name is the path it was opened by.
func (d *Dataset) Name() string { return d.name }

// Len is how many images there are.
func (d *Dataset) Len() int { return len(d.samples) }

// Classes is the names of the classes, by number; nil where classes are not known. All parts of a data set have the same.
func (d *Dataset) Classes() []string { return d.classes }

// Class is the number of image i's class, -1 where it is not known.
func (d *Dataset) Class(i int) int { return d.samples[i].class }

// ImageName tells image i from the others: the path below the data set, or a number.
func (d *Dataset) ImageName(i int) string { return d.samples[i].name }

// ImageFiles is the paths of the images, in their order, where each is a file of its own. Those of a list lie below its
// folder or anywhere. The images of archives and other large files have such paths as well, but nothing lies there.
func (d *Dataset) ImageFiles() []string {
	root := d.name
	if info, err := os.Stat(root); err != nil || !info.IsDir() {
		root = filepath.Dir(root)
	}
	files := make([]string, d.Len())
	for i := range files {
		if files[i] = filepath.FromSlash(d.ImageName(i)); !filepath.IsAbs(files[i]) {
			files[i] = filepath.Join(root, files[i])
		}
	}
	return files
}

// Image decodes image i. Errors are *DecodeError.
func (d *Dataset) Image(i int) (*Image, error) {
	s := d.samples[i]
	m, err := s.open()
	if err == nil {
		return m, nil
	}
	var de *DecodeError
	if errors.As(err, &de) {
		err = de.Err
	}
	return nil, &DecodeError{s.name, err}
}

// Splits is the names of the parts, in order; nil where the data set is not split.
func (d *Dataset) Splits() []string {
	var names []string
	for _, s := range d.samples {
		if s.split != "" && !slices.Contains(names, s.split) {
			names = append(names, s.split)
		}
	}
	slices.Sort(names)
	return names
}

// Split is a part by its name (Train, Val or Test); of no images if there is no such part.
func (d *Dataset) Split(name string) *Dataset {
	return d.with(slices.DeleteFunc(slices.Clone(d.samples), func(s sample) bool { return s.split != name }))
}

// Prefer is the first of the parts of these names that there is, the whole data set if there is none of them.
func (d *Dataset) Prefer(names ...string) *Dataset {
	for _, name := range names {
		if part := d.Split(name); part.Len() > 0 {
			return part
		}
	}
	return d
}

// Spread is n images from all over the data set, at even distances, so that all classes have their share; all of them
// where there are no more, or n is 0.
func (d *Dataset) Spread(n int) *Dataset {
	total := len(d.samples)
	if n <= 0 || n >= total {
		return d
	}
	some := make([]sample, n)
	for i := range some {
		some[i] = d.samples[(2*i+1)*total/(2*n)]
	}
	return d.with(some)
}

// Shuffle is the data set in an order that the seed determines.
func (d *Dataset) Shuffle(seed uint64) *Dataset {
	samples := slices.Clone(d.samples)
	rng := rand.New(rand.NewPCG(seed, 0))
	rng.Shuffle(len(samples), func(i, j int) { samples[i], samples[j] = samples[j], samples[i] })
	return d.with(samples)
}

// with is the data set with other images.
func (d *Dataset) with(samples []sample) *Dataset {
	part := *d
	part.samples = samples
	return &part
}

// entry is an image of a folder or archive, by its slash-separated path.
type entry struct {
	path string
	open func() (*Image, error)
}

// arrange makes a data set of entries. The first folder of a path is the class or, if the data set is split, the part, and
// the second the class. folders is the paths of all folders.
func arrange(entries []entry, folders []string) (*Dataset, error) {
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.path, b.path) })
	d := &Dataset{}
	byName := map[string]int{}
	split := isSplit(entries)
	labels := make([]string, len(entries))
	for i, e := range entries {
		s := sample{name: e.path, class: -1, open: e.open}
		rest := e.path
		if split {
			s.split, rest, _ = strings.Cut(rest, "/")
			s.split = splitName(s.split)
		}
		if class, _, deeper := strings.Cut(rest, "/"); deeper {
			labels[i] = class
			byName[class] = 0
		}
		d.samples = append(d.samples, s)
	}
	for class := range byName {
		d.classes = append(d.classes, class)
	}
	d.empty = emptyClasses(folders, split, byName)
	slices.Sort(d.classes)
	for i, class := range d.classes {
		byName[class] = i
	}
	for i, class := range labels {
		switch {
		case class != "":
			d.samples[i].class = byName[class]
		case len(d.classes) > 0:
			return nil, fmt.Errorf("image %s stands beside the folders of the classes: it has no class", plain.Quote(entries[i].path, plain.Name))
		}
	}
	return d, nil
}

// emptyClasses is the folders that lie where those of classes do but have no image.
func emptyClasses(folders []string, split bool, classes map[string]int) (empty []string) {
	for _, folder := range folders {
		if split {
			_, folder, _ = strings.Cut(folder, "/")
		}
		if _, known := classes[folder]; !known && folder != "" && !strings.Contains(folder, "/") && len(classes) > 0 {
			empty = append(empty, folder)
		}
	}
	slices.Sort(empty)
	return slices.Compact(empty)
}

// isSplit reports whether all images lie below folders named for parts of a data set.
func isSplit(entries []entry) bool {
	for _, e := range entries {
		first, _, deeper := strings.Cut(e.path, "/")
		if !deeper || splitName(first) == "" {
			return false
		}
	}
	return len(entries) > 0
}

// splitName is the part of a data set that a folder is named for, empty if there is none.
func splitName(folder string) string {
	switch strings.ToLower(folder) {
	case "train", "training":
		return Train
	case "val", "valid", "validation":
		return Val
	case "test", "testing":
		return Test
	}
	return ""
}

// numberedClasses is the names "0", "1" … up to the greatest of the numbers.
func numberedClasses(greatest int) []string {
	names := make([]string, greatest+1)
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	return names
}

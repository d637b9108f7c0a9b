package vision

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/onnxrun/onnxrun/internal/hostfile"
)

// openFolder finds the images of a folder. Links to files are followed, links to folders are not.
func openFolder(root string) (*Dataset, error) {
	var entries []entry
	var folders []string
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && file != root && ignoredFolder(d.Name()):
			return filepath.SkipDir
		case len(entries)+len(folders) > maxSamples:
			return fmt.Errorf("has more than %d images", maxSamples)
		}
		rel, err := filepath.Rel(root, file)
		switch {
		case err != nil || file == root:
			return err
		case d.IsDir():
			folders = append(folders, filepath.ToSlash(rel))
			return nil
		case !isImageName(d.Name()):
			return nil
		}
		entries = append(entries, entry{filepath.ToSlash(rel), func() (*Image, error) { return DecodeFile(file) }})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return arrange(entries, folders)
}

// ignoredFolder reports whether a folder is hidden, or what macOS adds to archives.
func ignoredFolder(name string) bool { return strings.HasPrefix(name, ".") || name == "__MACOSX" }

// openCSV reads a list of images: lines of path,label or path,label,split. Paths start at the list's folder. Where all
// labels are numbers, they are the classes' numbers; else classes are in the order of their names. A first line that names
// no image is a header.
func openCSV(path string) (*Dataset, error) {
	f, err := hostfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	file := &rationed{from: io.LimitReader(f, info.Size())}
	r := csv.NewReader(file)
	r.FieldsPerRecord = -1
	r.TrimLeadingSpace = true
	r.Comment = '#'
	d := &Dataset{}
	var labels []string
	for line := 1; ; line++ {
		file.left = maxRow
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		row[0] = strings.TrimPrefix(row[0], "\ufeff")
		if line == 1 && !isImageName(row[0]) {
			continue
		}
		at, _ := r.FieldPos(0)
		s, label, err := csvSample(filepath.Dir(path), row)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", at, err)
		}
		if len(d.samples) == maxSamples {
			return nil, fmt.Errorf("has more than %d images", maxSamples)
		}
		d.samples, labels = append(d.samples, s), append(labels, label)
	}
	return d, d.label(labels)
}

// maxRow bounds the bytes of a line of a list.
const maxRow = 64 << 10

// rationed reads at most left bytes.
type rationed struct {
	from io.Reader
	left int
}

func (r *rationed) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, fmt.Errorf("a line, or a quotation that does not end, of more than %d bytes", maxRow)
	}
	n, err := r.from.Read(p[:min(len(p), r.left)])
	r.left -= n
	return n, err
}

func csvSample(folder string, row []string) (s sample, label string, err error) {
	if len(row) > 3 || row[0] == "" {
		return s, "", fmt.Errorf("%d fields, expects path,label or path,label,split", len(row))
	}
	file := filepath.FromSlash(row[0])
	if !filepath.IsAbs(file) {
		file = filepath.Join(folder, file)
	}
	s = sample{name: row[0], class: -1, open: func() (*Image, error) { return DecodeFile(file) }}
	if len(row) > 1 {
		label = strings.TrimSpace(row[1])
	}
	if len(row) > 2 {
		if s.split = splitName(strings.TrimSpace(row[2])); s.split == "" {
			return s, "", fmt.Errorf("split %q: expects train, val or test", row[2])
		}
	}
	return s, label, nil
}

// maxClasses bounds the number of a class in a list.
const maxClasses = 1 << 20

// label gives each image the class that its label names; images with an empty label get none.
func (d *Dataset) label(labels []string) error {
	names := slices.Clone(labels)
	slices.Sort(names)
	names = slices.DeleteFunc(slices.Compact(names), func(s string) bool { return s == "" })
	if len(names) == 0 {
		return nil
	}
	least, greatest, numbers := 0, 0, true
	for _, name := range names {
		n, err := strconv.Atoi(name)
		least, greatest, numbers = min(least, n), max(greatest, n), numbers && err == nil
	}
	if numbers && least < 0 {
		return fmt.Errorf("class %d: classes are numbered from 0", least)
	}
	if numbers && greatest >= maxClasses {
		return fmt.Errorf("class %d: more than %d classes", greatest, maxClasses)
	}
	d.classes = names
	if numbers {
		d.classes = numberedClasses(greatest)
	}
	for i, label := range labels {
		switch {
		case label == "":
		case numbers:
			d.samples[i].class, _ = strconv.Atoi(label)
		default:
			d.samples[i].class, _ = slices.BinarySearch(names, label)
		}
	}
	return nil
}

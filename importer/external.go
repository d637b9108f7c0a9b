package importer

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/internal/hostfile"
	"github.com/onnxrun/onnxrun/internal/mapped"
)

// external finds the data of tensors that lie in files of their own. Only files below the model's folder are opened:
// os.Root refuses "..", absolute paths and links that lead out.
type external struct {
	dir   string // empty: the model was not read from a file, and has no folder
	files map[string]*mapped.File
}

// data is the bytes that a tensor's external_data entries describe, and the file that they lie in; size is what its type and shape need.
func (e *external) data(entries []*onnxpb.StringStringEntryProto, size int) ([]byte, *mapped.File, error) {
	var location string
	offset, length := 0, -1
	for _, kv := range entries {
		var err error
		switch kv.Key {
		case "location":
			location = kv.Value
		case "offset":
			offset, err = strconv.Atoi(kv.Value)
		case "length":
			length, err = strconv.Atoi(kv.Value)
		}
		if err != nil || offset < 0 || length < -1 {
			return nil, nil, fmt.Errorf("external data: %s: unsupported value %q", kv.Key, kv.Value)
		}
	}
	if length >= 0 && length != size {
		return nil, nil, fmt.Errorf("external data: length is %d, the type and shape need %d", length, size)
	}
	f, err := e.open(location)
	if err != nil {
		return nil, nil, fmt.Errorf("external data: %w", err)
	}
	if offset > len(f.Bytes()) || size > len(f.Bytes())-offset {
		return nil, nil, fmt.Errorf("external data: %q has %d bytes, %d at offset %d were promised", location, len(f.Bytes()), size, offset)
	}
	return f.Bytes()[offset : offset+size : offset+size], f, nil
}

func (e *external) open(location string) (*mapped.File, error) {
	switch {
	case location == "":
		return nil, fmt.Errorf("no location")
	case e.dir == "":
		return nil, fmt.Errorf("%q: the model does not come from a folder", location)
	case e.files[location] != nil:
		return e.files[location], nil
	case !filepath.IsLocal(filepath.FromSlash(location)):
		return nil, fmt.Errorf("%q is outside of the model's folder", location)
	}
	root, err := os.OpenRoot(e.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := hostfile.OpenIn(root, filepath.FromSlash(location))
	if err != nil {
		return nil, err
	}
	m, err := mapped.Opened(f, mapped.CopyUpTo)
	if err != nil {
		return nil, err
	}
	if e.files == nil {
		e.files = map[string]*mapped.File{}
	}
	e.files[location] = m
	return m, nil
}

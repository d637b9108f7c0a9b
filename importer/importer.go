// Package importer reads ONNX files into graphs: IR version 3 to current, opset 1 to current. Old forms of operators are
// brought to their newest one on the way in. Weights stay where the file has them: in a copy of a file of up to 32 MB, else
// in a read-only mapping of it.
//
// A mapped file should not change while its graph is in use; one that is replaced by renaming or deleted does not. Where it
// is truncated or written to, the functions of this module end with a *ChangedError, as far as they can tell by its size and
// time and by what cannot be read any more. Code of one's own that reads the elements of constants can ask for the same
// with debug.SetPanicOnFault.
package importer

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/internal/hostfile"
	"github.com/onnxrun/onnxrun/internal/mapped"
	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/ir"
)

// ErrUnsupported is what a valid model asks for and this project does not have; errors.Is finds it.
var ErrUnsupported = ir.ErrUnsupported

// ChangedError is a model file, or one of its data, that is not any more what it was when it was opened.
type ChangedError = mapped.ChangedError

// Open reads a model file. Its constants alias the file's bytes; see the package documentation.
func Open(path string) (*ir.Graph, error) {
	g, problems, err := load(path)
	return result(g, problems, err)
}

// maxStream is how many bytes a model has at most that does not come from a file: as many as protobuf allows.
const maxStream = 1 << 31

// Read reads a model of at most 2 GB from r, which is kept in memory. It has no folder, so no external data.
func Read(r io.Reader) (*ir.Graph, error) {
	data, err := hostfile.ReadAll(r, maxStream)
	if err != nil {
		return nil, fmt.Errorf("importer: %w", err)
	}
	return ReadBytes(data)
}

// ReadBytes is Read for bytes that lie in memory, and do not change while the graph is in use.
func ReadBytes(data []byte) (*ir.Graph, error) {
	g, problems, err := decode(mapped.Memory(data), "")
	return result(g, problems, err)
}

func load(path string) (*ir.Graph, []Problem, error) {
	f, err := mapped.Open(path)
	if err != nil {
		return nil, nil, err
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, nil, err
	}
	g, problems, err := decode(f, dir)
	if err != nil {
		err = fmt.Errorf("%s: %w", plain.Text(path, plain.Name), err)
	}
	return g, problems, err
}

func result(g *ir.Graph, problems []Problem, err error) (*ir.Graph, error) {
	if err != nil {
		return nil, plain.Error(fmt.Errorf("importer: %w", err))
	}
	if err := faults(problems); err != nil {
		return nil, fmt.Errorf("importer: %w", err)
	}
	return g, nil
}

// decode turns a file into a graph. Faults of single nodes are returned as problems; err says that there is no model.
func decode(f *mapped.File, dir string) (g *ir.Graph, problems []Problem, err error) {
	im := &importer{decoder: decoder{file: f, external: external{dir: dir}}}
	defer mapped.Guard(im.decoder.files, &err)()
	data := f.Bytes()
	if len(data) == 0 {
		return nil, nil, errors.New("the file is empty")
	}
	skel, err := skeleton(modelShape, data)
	if err != nil {
		return nil, nil, notAModel(data, err)
	}
	var model onnxpb.ModelProto
	if err := proto.Unmarshal(skel.message, &model); err != nil {
		return nil, nil, notAModel(data, err)
	}
	if model.Graph == nil || model.IrVersion == 0 {
		return nil, nil, notAModel(data, errors.New("no graph or no IR version in it"))
	}
	im.decoder.cuts = skel.cuts
	g, err = im.model(&model, &skel.nodes)
	if im.damage != nil {
		return nil, nil, notAModel(data, im.damage)
	}
	if err != nil {
		return nil, nil, err
	}
	files := im.decoder.files()
	if err := files.Check(); err != nil {
		return nil, nil, err
	}
	if g != nil {
		g.KeepAlive(files)
	}
	return g, append(im.problems, im.warnings...), nil
}

// notAModel says what the bytes seem to be instead.
func notAModel(data []byte, err error) error {
	for _, m := range []struct{ magic, kind string }{
		{"\xff\xd8\xff", "a JPEG image"}, {"\x89PNG", "a PNG image"}, {"GIF8", "a GIF image"}, {"PK\x03\x04", "a ZIP archive"},
		{"\x1f\x8b", "a gzip file"}, {"\x93NUMPY", "a .npy file"}, {"<", "a text file"}, {"{", "a text file"},
		{"\x89HDF", "an HDF5 file"}, {"version https://git-lfs", "a Git LFS pointer, not the file itself"},
	} {
		if len(data) >= len(m.magic) && string(data[:len(m.magic)]) == m.magic {
			return fmt.Errorf("not an ONNX model but %s", m.kind)
		}
	}
	if isText(data) {
		return errors.New("not an ONNX model but a text file")
	}
	return fmt.Errorf("not an ONNX model, or a damaged one: %w", err)
}

// isText reports whether data begins as text does, which no model does: that has bytes below a space, tags, at once.
func isText(data []byte) bool {
	head := data[:min(len(data), 512)]
	return !slices.ContainsFunc(head, func(b byte) bool { return b < ' ' && !strings.ContainsRune("\t\n\r", rune(b)) })
}

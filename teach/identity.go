package teach

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/train"
	"github.com/onnxrun/onnxrun/vision"
)

// identity is what the result of this run depends on, other than the model that is taught: the plan, and digests of the
// other models and of the data. Runs with different identities cannot go on from each other's checkpoints.
func (t *teaching) identity() (map[string]string, error) {
	parts := map[string]string{}
	if err := flatten(parts, t.plan); err != nil {
		return nil, err
	}
	delete(parts, "recipe")
	if err := flatten(parts, t.plan.Recipe); err != nil {
		return nil, err
	}
	digest := func(name string, write func(h io.Writer) error) error {
		h := sha256.New()
		err := write(h)
		parts[name] = hex.EncodeToString(h.Sum(nil)[:8])
		return err
	}
	for name, g := range map[string]*ir.Graph{"frozen layers": t.front, "teacher": t.opts.Teacher} {
		if g == nil {
			continue
		}
		if err := digest(name, func(h io.Writer) error { return train.Digest(h, g) }); err != nil {
			return nil, err
		}
	}
	for name, data := range map[string]*vision.Dataset{"training data": t.learn, "validation data": t.val} {
		if err := digest(name, func(h io.Writer) error { hashData(h, data, false); return nil }); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

// flatten writes the fields of a struct as JSON has them.
func flatten(parts map[string]string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("onnxrun: %w", err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return fmt.Errorf("onnxrun: %w", err)
	}
	for name, value := range fields {
		parts[name] = string(value)
	}
	return nil
}

// hashData hashes a data set: the names and classes of its images, and the sizes of the files that they lie in; with times
// also when these were last changed.
func hashData(h io.Writer, data *vision.Dataset, times bool) {
	file := func(path string) bool {
		info, err := os.Stat(path)
		if err != nil || info.IsDir() {
			return false
		}
		fmt.Fprintln(h, info.Size())
		if times {
			fmt.Fprintln(h, info.ModTime().UnixNano())
		}
		return true
	}
	root := data.Name()
	if file(root) { // an archive, or a list of files below its folder
		root = filepath.Dir(root)
	}
	each := true
	for i, path := range data.ImageFiles() {
		fmt.Fprintf(h, "%s\x00%d\n", data.ImageName(i), data.Class(i))
		each = file(path) && each
	}
	entries, _ := os.ReadDir(root)
	for _, e := range entries {
		if !each && (strings.Contains(e.Name(), "idx") || strings.Contains(e.Name(), ".tar") || strings.HasSuffix(e.Name(), ".tgz")) {
			file(filepath.Join(root, e.Name()))
		}
	}
}

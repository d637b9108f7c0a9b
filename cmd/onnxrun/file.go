package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// mayWrite refuses a model's file that exists, or that of its weights, and one in a folder that does not.
func mayWrite(path string, external, force bool) error {
	if path == "-" {
		return errors.New("-o -: a model is written to a file only")
	}
	if isFolder(path) {
		return fmt.Errorf("%s is a folder", path)
	}
	files := []string{path}
	if external {
		files = append(files, path+".data")
	}
	for _, file := range files {
		if _, err := os.Stat(file); err == nil && !force {
			return fmt.Errorf("%s exists; --force overwrites it", file)
		}
	}
	if dir := filepath.Dir(path); !isFolder(dir) {
		return fmt.Errorf("%s: there is no folder %s", path, dir)
	}
	return nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// fileBytes is the size of the file of a model, and of that of its weights where they do not lie in the first; 0 if there is
// none.
func fileBytes(path string, g *ir.Graph) int64 {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	weights, size := int64(0), info.Size()
	for _, v := range g.Values() {
		if t := v.Const(); t != nil && t.DType() != tensor.String {
			weights += int64(len(t.Bytes()))
		}
	}
	if data, err := os.Stat(path + ".data"); err == nil && size < weights {
		size += data.Size()
	}
	return size
}

package main

import (
	"fmt"
	"os"

	"github.com/onnxrun/onnxrun/exporter"
)

// mayWrite refuses a model's file that exists, and one of its weights where these get a file of their own.
func mayWrite(path string, format exporter.Options, force bool) error {
	files := []string{path}
	if format.ExternalData {
		files = append(files, path+".data")
	}
	for _, file := range files {
		if _, err := os.Stat(file); err == nil && !force {
			return fmt.Errorf("%s exists; --force overwrites it", file)
		}
	}
	return nil
}

// fileBytes is the size of a model's file with its external data, 0 if there is none.
func fileBytes(path string) int64 {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	size := info.Size()
	if data, err := os.Stat(path + ".data"); err == nil {
		size += data.Size()
	}
	return size
}

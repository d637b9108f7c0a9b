package main

import (
	"fmt"
	"os"
)

// mayWrite refuses an output that exists.
func mayWrite(path string, force bool) error {
	if _, err := os.Stat(path); err == nil && !force {
		return fmt.Errorf("%s exists; --force overwrites it", path)
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

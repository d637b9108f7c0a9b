package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"sync"

	"github.com/onnxrun/onnxrun/teach"
)

// result is a run, and what came of it: a line of the file of results.
type result struct {
	Arch    string       `json:"arch"`
	Classes []string     `json:"classes"`
	Method  string       `json:"method"`
	Images  int          `json:"images"` // of a class
	Error   float64      `json:"error"`  // the share of the test images that are taken for another class
	Tested  int          `json:"tested"`
	Seconds float64      `json:"seconds"`
	Recipe  teach.Recipe `json:"recipe"`
}

// same tells whether two results are of the same run.
func (r result) same(other result) bool {
	r.Error, r.Tested, r.Seconds = other.Error, other.Tested, other.Seconds
	return reflect.DeepEqual(r, other)
}

// results is a file of them, to which runs are added. It is safe for concurrent use.
type results struct {
	mu   sync.Mutex
	all  []result
	file *os.File
}

func openResults(path string) (*results, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return nil, err
	}
	r := &results{file: file}
	for d := json.NewDecoder(bufio.NewReader(file)); ; {
		var one result
		if err := d.Decode(&one); errors.Is(err, io.EOF) {
			return r, nil
		} else if err != nil {
			file.Close()
			return nil, fmt.Errorf("%s: result %d: %w", path, len(r.all)+1, err)
		}
		r.all = append(r.all, one)
	}
}

func (r *results) close() { r.file.Close() }

// find is the result of a run, nil if there is none.
func (r *results) find(run result) *result {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.all {
		if run.same(r.all[i]) {
			return &r.all[i]
		}
	}
	return nil
}

func (r *results) add(one result) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	line, err := json.Marshal(one)
	if err != nil {
		return err
	}
	if _, err := r.file.Write(append(line, '\n')); err != nil {
		return err
	}
	r.all = append(r.all, one)
	fmt.Printf("%-12s %5d images a class, seed %d: error %5.2f %%, %4.1f s\n", one.Method, one.Images, one.Recipe.Seed, 100*one.Error, one.Seconds)
	return nil
}

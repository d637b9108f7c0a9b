//go:build !unix

package onnxrun_test

import (
	"testing"
	"time"
)

var began = time.Now()

// processorTime is the time, where the system does not tell the process's own.
func processorTime(*testing.T) time.Duration { return time.Since(began) }

package main

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/onnxrun/onnxrun/runtime"
)

// checkUsage refuses, of any command, names that are empty and numbers that mean nothing.
func checkUsage(cmd *cobra.Command, args []string) (err error) {
	for i, arg := range args {
		if arg == "" {
			return fmt.Errorf("argument %d is empty, expects a name", i+1)
		}
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if err == nil {
			err = checkFlag(f)
		}
	})
	return err
}

func checkFlag(f *pflag.Flag) error {
	value := f.Value.String()
	if f.Name == "output" && value == "" {
		return fmt.Errorf("--output is empty, expects a name")
	}
	switch f.Name {
	case "threads":
		return within(f, 0, runtime.MaxThreads)
	case "runs":
		return within(f, 1, math.MaxInt32)
	}
	if d, err := time.ParseDuration(value); f.Value.Type() == "duration" && err == nil && d < 0 {
		return fmt.Errorf("--%s %s: expects no negative time", f.Name, value)
	}
	return nil
}

func within(f *pflag.Flag, least, most int) error {
	if n, err := strconv.Atoi(f.Value.String()); err == nil && (n < least || n > most) {
		return fmt.Errorf("--%s %d: expects a number from %d to %d", f.Name, n, least, most)
	}
	return nil
}

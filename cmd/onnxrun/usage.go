package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
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
		return atLeast(f, 0)
	case "runs":
		return atLeast(f, 1)
	}
	if d, err := time.ParseDuration(value); f.Value.Type() == "duration" && err == nil && d < 0 {
		return fmt.Errorf("--%s %s: expects no negative time", f.Name, value)
	}
	return nil
}

func atLeast(f *pflag.Flag, least int) error {
	if n, err := strconv.Atoi(f.Value.String()); err == nil && n < least {
		return fmt.Errorf("--%s %d: expects %d or more", f.Name, n, least)
	}
	return nil
}

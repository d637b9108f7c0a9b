package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// torch is a process of PyTorch's side.
type torch struct {
	process *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
}

func startTorch(c *config, name string, batch int) (*torch, error) {
	cmd := exec.Command(c.python, c.script, name, strconv.Itoa(batch), strconv.Itoa(c.threads))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	t := &torch{cmd, in, bufio.NewScanner(out)}
	t.out.Buffer(nil, 1<<20)
	if line, err := t.line(); err != nil || !strings.HasPrefix(line, "ready") {
		t.close()
		return nil, fmt.Errorf("%s %s: did not become ready: %q %v", c.python, c.script, line, err)
	}
	return t, nil
}

func (t *torch) line() (string, error) {
	if !t.out.Scan() {
		if err := t.out.Err(); err != nil {
			return "", err
		}
		return "", io.ErrUnexpectedEOF
	}
	return t.out.Text(), nil
}

// turn makes steps for some time, and returns what each took.
func (t *torch) turn(d time.Duration) ([]time.Duration, error) {
	if _, err := fmt.Fprintln(t.in, d.Seconds()); err != nil {
		return nil, err
	}
	line, err := t.line()
	if err != nil {
		return nil, err
	}
	var times []time.Duration
	for _, f := range strings.Fields(line) {
		ms, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return nil, err
		}
		times = append(times, time.Duration(ms*1e6))
	}
	return times, nil
}

func (t *torch) close() {
	t.in.Close()
	t.process.Wait() // it ends with its input
}

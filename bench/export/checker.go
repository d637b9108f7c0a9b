package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// checker is a Python process that checks files.
type checker struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *bufio.Reader
}

var errNoChecker = errors.New("the checker has ended: -python needs a Python with the package onnx, or -python '' checks nothing")

// script answers each path with a line: ok, a reason why the file is not checked, or the fault.
const script = `
import sys, onnx
from onnx import checker, defs, IR_VERSION
for path in sys.stdin:
    try:
        model = onnx.load(path.strip(), load_external_data=False)
        opset = max(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
        if opset > defs.onnx_opset_version() or model.ir_version > IR_VERSION:
            print("skip", "newer than ONNX", onnx.__version__, flush=True)
            continue
        checker.check_model(path.strip(), full_check=True)
        print("ok", flush=True)
    except Exception as e:
        print("fault", " ".join(str(e).split()), flush=True)
`

func newChecker(python string) (*checker, error) {
	c := &checker{cmd: exec.Command(python, "-c", script)}
	c.cmd.Stderr = os.Stderr
	var err error
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = bufio.NewReader(out)
	return c, c.cmd.Start()
}

// file checks a file; unchecked says why it is not.
func (c *checker) file(path string) (unchecked string, err error) {
	fmt.Fprintln(c.stdin, path)
	line, err := c.out.ReadString('\n')
	if err != nil {
		return "", errNoChecker
	}
	word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	switch word {
	case "ok":
		return "", nil
	case "skip":
		return rest, nil
	}
	return "", fmt.Errorf("onnx.checker: %s", rest)
}

func (c *checker) close() {
	c.stdin.Close()
	c.cmd.Wait()
}

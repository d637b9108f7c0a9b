// Command onnxrun runs ONNX vision models.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/runtime"
)

// Exit codes.
const (
	exitDone = 0
	exitNo   = 1 // the answer is no: a check or a comparison failed
	exitBad  = 2 // bad usage or bad input
)

// errNo ends a command whose answer is no and which has said why.
var errNo = errors.New("the answer is no")

func main() {
	ignoreSignals()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second interrupt ends the program at once
	os.Exit(execute(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// app is what all commands share: where they read and write, and the flags that every command takes.
type app struct {
	in       io.Reader
	out, err io.Writer
	json     bool
	quiet    bool
	threads  int
	kernels  string
	strict   bool
	tune     bool
}

// options is how models are run.
func (a *app) options() (opts runtime.Options, err error) {
	opts = runtime.Options{Threads: a.threads, Kernels: a.kernels, Strict: a.strict}
	if a.tune {
		opts.Tune, err = runtime.TuneDir()
	}
	return opts, err
}

// longFlags gives -stop-after, which compilers write with one dash beside -d and -O, the two that long flags have here.
func longFlags(args []string) []string {
	args = slices.Clone(args)
	for i, arg := range args {
		if arg == "-stop-after" || strings.HasPrefix(arg, "-stop-after=") {
			args[i] = "-" + arg
		}
	}
	return args
}

// execute runs the command line and returns the exit code.
func execute(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) (code int) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // a model's file may be truncated while it is mapped
	defer func() {
		if v := recover(); v != nil {
			fmt.Fprintf(errOut, "onnxrun: internal fault: %v\n", v)
			code = exitBad
		}
	}()
	a := &app{in: in, out: out, err: errOut}
	root := a.rootCommand()
	root.SetArgs(longFlags(args))
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errNo):
		return exitNo
	}
	fmt.Fprintln(errOut, "onnxrun:", strings.TrimPrefix(err.Error(), "onnxrun: "))
	return exitBad
}

func (a *app) rootCommand() *cobra.Command {
	root := a.classifyCommand()
	flags := root.PersistentFlags()
	flags.BoolVar(&a.json, "json", false, "print the result as JSON on standard output, and nothing else there")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "print nothing but results and errors")
	flags.IntVar(&a.threads, "threads", 0, "how many threads compute; 0 is all cores")
	flags.StringVar(&a.kernels, "kernels", "", "the implementation of the arithmetic: "+strings.Join(runtime.Kernels(), ", ")+"; empty is the best")
	flags.BoolVar(&a.strict, "strict", false, "no algorithm that reassociates sums more than a matrix product does")
	flags.BoolVar(&a.tune, "tune", false, "measure the algorithms of each convolution once, and keep the result in the cache folder")
	root.AddCommand(a.infoCommand(), a.checkCommand(), a.runCommand(), a.testCommand(), a.featuresCommand(), a.newCommand(), a.benchCommand(), a.profileCommand(),
		a.evalCommand(), a.optimizeCommand(), a.verifyCommand(), a.diffCommand(), a.labelCommand(), a.viewCommand(), a.trainCommand(), a.finetuneCommand())
	root.SilenceErrors = true
	root.SilenceUsage = true
	root.CompletionOptions.HiddenDefaultCmd = true
	return root
}

// note tells the user something that is not the result.
func (a *app) note(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.err, format+"\n", args...)
	}
}

// printJSON prints the result of a command.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// Command onnxrun runs ONNX vision models.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/runtime"
)

// Exit codes.
const (
	exitDone = 0
	exitNo   = 1   // the answer is no: a check or a comparison failed
	exitBad  = 2   // bad usage or bad input, or standard output that cannot be written to
	exitPipe = 141 // nobody reads standard output any more; as shells tell of SIGPIPE, which ends a process that is not told of it
)

// errNo ends a command whose answer is no and which has said why.
var errNo = errors.New("the answer is no")

func main() {
	ignoreSignals()
	ctx, stop := signal.NotifyContext(context.Background(), interrupts()...)
	defer stop()
	context.AfterFunc(ctx, func() { // a second interrupt ends the program at once
		ignoreHangup()
		stop()
	})
	os.Exit(execute(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// app is what all commands share: where they read and write, and the flags that every command takes.
type app struct {
	in       io.Reader
	taken    string    // what reads in, empty: nothing does
	out, err io.Writer // for text
	data     io.Writer // for what is no text; the same place as out
	terminal io.Writer // what err writes to, for what moves the cursor on purpose
	json     bool
	quiet    bool
	threads  int
	kernels  string
	strict   bool
	tune     bool
	kept     atomic.Bool // what it is for is written
	keeps    atomic.Bool // the command has something to keep when it is stopped, or writes it, and is waited for
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
func execute(interrupted context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	ctx, cancel := context.WithCancel(interrupted)
	defer cancel()
	results := &results{to: out, end: cancel}
	text, notes := plain.NewWriter(results), plain.NewWriter(errOut)
	a := &app{in: in, out: text, err: notes, data: results, terminal: errOut}
	root := a.rootCommand()
	root.SetArgs(longFlags(args))
	root.SetIn(in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := a.run(ctx, interrupted, root)
	if err == errLeft { // it may still be writing to the others
		why := errStopped
		if interrupted.Err() == nil {
			why = errors.New("standard output cannot be written")
		}
		io.WriteString(errOut, "onnxrun: "+why.Error()+"\n")
		return exitBad
	}
	text.Flush()
	switch {
	case isClosedPipe(results.err):
		return exitPipe
	case results.err != nil:
		err = fmt.Errorf("standard output: %w", unnamed(results.err))
	case err == nil:
		return exitDone
	case errors.Is(err, errNo):
		return exitNo
	case interrupted.Err() != nil && errors.Is(err, interrupted.Err()):
		err = errStopped
	}
	io.WriteString(notes, "onnxrun: "+strings.TrimPrefix(plain.Message(err), "onnxrun: ")+hint(err)+"\n")
	notes.Flush()
	return exitBad
}

// results is standard output. It keeps the first error of writing to it, and ends the command then.
type results struct {
	to  io.Writer
	err error
	end context.CancelFunc
}

func (r *results) Write(p []byte) (n int, err error) {
	if r.err != nil {
		return 0, r.err
	}
	if n, r.err = r.to.Write(p); r.err != nil {
		r.end()
	}
	return n, r.err
}

// unnamed is an error without the name of the file that the system has for it.
func unnamed(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// standardInput is what - stands for. It can be read once: who is what asks for it.
func (a *app) standardInput(who string) (io.Reader, error) {
	if a.taken != "" {
		return nil, fmt.Errorf("%s and %s are both -, and standard input can be read only once", a.taken, who)
	}
	a.taken = who
	return a.in, nil
}

// errStopped is what a command ends with that has been interrupted, errLeft that it has been left where it was.
var (
	errStopped = errors.New("stopped")
	errLeft    = errors.New("left where it was")
)

// patience is how long a command that has been interrupted may go on to end by itself: what cannot be interrupted, such as a
// factorization, is left where it is. Files are written whole or not at all, whenever that happens.
const patience = 70 * time.Millisecond

// telling is how long a command may take to say what it has done, to whom does not read it.
const telling = 2 * time.Second

// run executes the command; soon after ctx has ended it is at an end, unless it has something to keep.
func (a *app) run(ctx, interrupted context.Context, root *cobra.Command) error {
	done := make(chan error, 1)
	go func() { done <- a.guarded(ctx, root) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	began, left, told := time.Now(), telling, a.quiet || interrupted.Err() == nil
	for {
		select {
		case err := <-done:
			return err
		case <-time.After(patience):
		}
		switch {
		case a.keeps.Load():
			if terminal, ok := a.terminal.(*os.File); ok && !told && time.Since(began) > time.Second {
				told = true
				io.WriteString(terminal, "onnxrun: writes to the end; another interrupt ends it at once\n")
			}
		case a.kept.Load() && left > 0: // all but the telling
			left -= patience
		default:
			return errLeft
		}
	}
}

// keep has the file written that a command is for. An interrupt before that leaves it unwritten; one while it is written
// waits for its end, so that nothing is left halfway beside it. For a device or a pipe, which may be full for ever, nobody waits.
func (a *app) keep(ctx context.Context, path string, write func() error) error {
	before := a.keeps.Load()
	a.keeps.Store(before || !isStream(path))
	defer a.keeps.Store(before)
	defer a.kept.Store(true)
	if err := ctx.Err(); err != nil { // what has been interrupted may have been left already
		return err
	}
	return write()
}

// guarded executes the command, and makes an error of a panic.
func (a *app) guarded(ctx context.Context, root *cobra.Command) (err error) {
	debug.SetPanicOnFault(true) // a model's file may be truncated while it is mapped
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("internal fault: %v", v)
		}
	}()
	return root.ExecuteContext(ctx)
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
	root.PersistentPreRunE = checkUsage
	root.SilenceErrors = true
	root.SilenceUsage = true
	root.CompletionOptions.HiddenDefaultCmd = true
	return root
}

// note tells the user something that is not the result.
func (a *app) note(format string, args ...any) {
	if !a.quiet {
		plain.Fprintf(a.err, format+"\n", args...)
	}
}

// printJSON prints the result of a command.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(plain.NewJSONWriter(a.data))
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// number is v where JSON has such a number, else null.
func number(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

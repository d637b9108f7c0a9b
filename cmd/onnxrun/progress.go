package main

import (
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/onnxrun/onnxrun/internal/plain"
)

// progress shows on a terminal what long work is at: doing is called when a part of it begins, done at its end. In a pipe,
// and where only results are wanted, nothing is shown.
func (a *app) progress() (doing func(string), done func()) {
	f, ok := a.terminal.(*os.File)
	if !ok || a.quiet || !term.IsTerminal(int(f.Fd())) {
		return func(string) {}, func() {}
	}
	bar := progressbar.NewOptions(-1, progressbar.OptionSetWriter(f), progressbar.OptionClearOnFinish(), progressbar.OptionSetElapsedTime(true))
	return func(what string) {
		bar.Describe(plain.Text(what, plain.Cell))
		bar.Add(1)
	}, func() { bar.Finish() }
}

// bar shows on a terminal how much of some work is done, and what it is at; see progress.
func (a *app) bar() (show func(done, total int64, what string), stop func()) {
	f, ok := a.terminal.(*os.File)
	if !ok || a.quiet || !term.IsTerminal(int(f.Fd())) {
		return func(int64, int64, string) {}, func() {}
	}
	bar := progressbar.NewOptions64(1, progressbar.OptionSetWriter(f), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetWidth(20), progressbar.OptionThrottle(100*time.Millisecond))
	return func(done, total int64, what string) {
		if bar.GetMax64() != total || done <= 1 {
			bar.Reset()
			bar.ChangeMax64(total)
		}
		bar.Describe(plain.Text(what, plain.Cell))
		bar.Set64(done)
	}, func() { bar.Clear() }
}

package main

import (
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows on a terminal what long work is at: doing is called when a part of it begins, done at its end. In a pipe,
// and where only results are wanted, nothing is shown.
func (a *app) progress() (doing func(string), done func()) {
	f, ok := a.err.(*os.File)
	if !ok || a.quiet || !term.IsTerminal(int(f.Fd())) {
		return func(string) {}, func() {}
	}
	bar := progressbar.NewOptions(-1, progressbar.OptionSetWriter(f), progressbar.OptionClearOnFinish(), progressbar.OptionSetElapsedTime(true))
	return func(what string) {
		bar.Describe(what)
		bar.Add(1)
	}, func() { bar.Finish() }
}

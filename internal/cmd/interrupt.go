package cmd

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// patience is how long a command may take to end after a signal.
const patience = 900 * time.Millisecond

// interruptible returns a context that the first SIGINT, SIGTERM or SIGHUP cancels, with
// the cause errInterrupted, errTerminated or errHungUp. A second signal, or the end of
// patience, ends the process. SIGHUP is left alone if it was ignored at the start, as by
// nohup.
//
// SIGPIPE has no effect from here on: a reader of stdout that leaves must not end a transfer.
// The printer handles the failed write. The returned function restores the signals and waits
// for the goroutine.
func (p *program) interruptible(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals, stop := p.env.Machine.signals()
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		p.obey(signals, quit, cancel)
	}()
	return ctx, func() {
		stop()
		close(quit)
		<-done
		cancel(nil)
	}
}

// signals returns the signals that end a command, and a function that releases them.
func (m Machine) signals() (_ <-chan os.Signal, stop func()) {
	if m.Signals != nil {
		return m.Signals, func() {}
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	pipes := make(chan os.Signal, 1) // signal.Ignore would be inherited by a script's commands
	signal.Notify(pipes, syscall.SIGPIPE)
	ignoreTerminalStops()
	return signals, func() {
		signal.Stop(signals)
		signal.Stop(pipes)
	}
}

// obey waits for signals and ends the command.
func (p *program) obey(signals <-chan os.Signal, quit <-chan struct{}, cancel context.CancelCauseFunc) {
	var cause cause
	select {
	case s := <-signals:
		cause = causeOf(s)
	case <-quit:
		return
	}
	cancel(cause)
	select {
	case <-signals:
	case <-time.After(patience):
	case <-quit:
		return
	}
	p.out.restoreTerminal()
	p.env.Exit(p.statusOf(cause))
}

// causeOf returns the cause for a signal.
func causeOf(s os.Signal) cause {
	switch s {
	case syscall.SIGTERM:
		return errTerminated
	case syscall.SIGHUP:
		return errHungUp
	}
	return errInterrupted
}

// statusOf returns the exit status after a signal. SIGTERM is the normal end of a service:
// service managers treat any status but 0 as a failure.
func (p *program) statusOf(c cause) int {
	if c == errTerminated && p.service.Load() {
		return statusDone
	}
	return statusInterrupted
}

package cmd

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// patience is how long a command may take to end once it is interrupted.
const patience = 900 * time.Millisecond

// interruptible returns a context that the first interrupt ends, with the cause
// errInterrupted. The second one, or the end of patience, ends the process. The
// returned function gives the signals back, and waits for the goroutine behind.
func interruptible(ctx context.Context, env Env) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals, stop := env.Machine.signals()
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-signals:
		case <-quit:
			return
		}
		cancel(errInterrupted)
		select {
		case <-signals:
		case <-time.After(patience):
		case <-quit:
			return
		}
		env.Exit(statusInterrupted)
	}()
	return ctx, func() {
		stop()
		close(quit)
		<-done
		cancel(nil)
	}
}

// signals returns those that end a command, and what gives them back.
func (m Machine) signals() (_ <-chan os.Signal, stop func()) {
	if m.Signals != nil {
		return m.Signals, func() {}
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	return signals, func() { signal.Stop(signals) }
}

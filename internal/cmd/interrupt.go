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
func interruptible(ctx context.Context, exit func(int)) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
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
		exit(statusInterrupted)
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(quit)
		<-done
		cancel(nil)
	}
}

//go:build unix

package terminal

import (
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

// stopSelf stops this process and those that its shell counts with it, as Ctrl-Z does, and returns when it goes
// on. It returns soon where nobody could let it go on (an orphaned process group).
func stopSelf() {
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, unix.SIGCONT)
	defer signal.Stop(continued)
	unix.Kill(0, unix.SIGTSTP)
	select {
	case <-continued:
	case <-time.After(200 * time.Millisecond): // the signal stops the process before, if it does
	}
}

// onContinue calls f from one goroutine whenever the process goes on after it was
// stopped, until stop is called, which waits for that goroutine.
func onContinue(f func()) (stop func()) { return onSignal(unix.SIGCONT, f) }

// onResize does so whenever the terminal's size may have changed.
func onResize(f func()) (stop func()) { return onSignal(unix.SIGWINCH, f) }

func onSignal(s os.Signal, f func()) (stop func()) {
	signals, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, s)
	go func() {
		defer close(done)
		for range signals {
			f()
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
		<-done
	}
}

// waiting returns how many bytes were typed and not read yet.
func waiting(f *os.File) int {
	n, err := unix.IoctlGetInt(int(f.Fd()), ioctlWaiting)
	if err != nil {
		return 0
	}
	return n
}

// echoes reports whether the terminal shows what is typed by itself, so that somebody else
// does not.
func echoes(f *os.File) bool {
	t, err := unix.IoctlGetTermios(int(f.Fd()), ioctlGetTermios)
	return err != nil || t.Lflag&unix.ECHO != 0
}

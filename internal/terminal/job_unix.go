//go:build unix

package terminal

import (
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

// stopProcess stops the process group, as Ctrl-Z does, and returns when it continues. In an orphaned process
// group, which nobody could continue, it returns soon.
func stopProcess() {
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, unix.SIGCONT)
	defer signal.Stop(continued)
	unix.Kill(0, unix.SIGTSTP)
	select {
	case <-continued:
	case <-time.After(200 * time.Millisecond): // if the signal stops the process, it does so earlier
	}
}

// onContinue calls f from one goroutine whenever the process continues after a stop, until the caller
// calls stop, which waits for the goroutine.
func onContinue(f func()) (stop func()) { return onSignal(unix.SIGCONT, f) }

// onResize calls f in the same way whenever the terminal's size may have changed.
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

// unreadBytes returns how many typed bytes are not read yet.
func unreadBytes(f *os.File) int {
	n, err := unix.IoctlGetInt(int(f.Fd()), ioctlUnread)
	if err != nil {
		return 0
	}
	return n
}

// echoes reports whether the kernel echoes typed characters, so that the terminal's other side does
// not show them itself.
func echoes(f *os.File) bool {
	t, err := unix.IoctlGetTermios(int(f.Fd()), ioctlGetTermios)
	return err != nil || t.Lflag&unix.ECHO != 0
}

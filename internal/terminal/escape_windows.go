package terminal

import (
	"os"

	"golang.org/x/sys/windows"
)

// enableEscapes enables escape sequences on a console, and returns a function that restores its
// mode.
func enableEscapes(out *os.File) (undo func()) {
	var mode uint32
	h := windows.Handle(out.Fd())
	if windows.GetConsoleMode(h, &mode) != nil {
		return func() {}
	}
	windows.SetConsoleMode(h, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING)
	return func() { windows.SetConsoleMode(h, mode) }
}

package terminal

import (
	"os"

	"golang.org/x/sys/windows"
)

// obeyEscapes makes a console understand escape sequences, and returns what
// undoes that.
func obeyEscapes(out *os.File) (undo func()) {
	var mode uint32
	h := windows.Handle(out.Fd())
	if windows.GetConsoleMode(h, &mode) != nil {
		return func() {}
	}
	windows.SetConsoleMode(h, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING)
	return func() { windows.SetConsoleMode(h, mode) }
}

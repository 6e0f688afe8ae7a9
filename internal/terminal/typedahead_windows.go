package terminal

import (
	"os"

	"golang.org/x/sys/windows"
)

// discardInput discards typed input that is not read yet.
func discardInput(f *os.File) error {
	return windows.FlushConsoleInputBuffer(windows.Handle(f.Fd()))
}

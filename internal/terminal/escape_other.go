//go:build !windows

package terminal

import "os"

// enableEscapes does nothing: terminals understand escape sequences here.
func enableEscapes(*os.File) (undo func()) { return func() {} }

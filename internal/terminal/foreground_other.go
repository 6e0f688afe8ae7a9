//go:build !unix

package terminal

import "os"

// Foreground reports true: there is no job control here.
func Foreground(*os.File) bool { return true }

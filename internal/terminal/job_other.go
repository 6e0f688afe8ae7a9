//go:build !unix

package terminal

import "os"

// There is no job control here, and the size is queried before each line.

func stopProcess() {}

func onContinue(func()) (stop func()) { return func() {} }

func onResize(func()) (stop func()) { return func() {} }

// unreadBytes returns 0: the number is unknown here.
func unreadBytes(*os.File) int { return 0 }

// echoes returns true: only the Editor shows typed characters here.
func echoes(*os.File) bool { return true }

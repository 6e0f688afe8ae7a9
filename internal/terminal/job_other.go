//go:build !unix

package terminal

import "os"

// There is no job control here, and the size is looked up before each line.

func stopSelf() {}

func onContinue(func()) (stop func()) { return func() {} }

func onResize(func()) (stop func()) { return func() {} }

// waiting returns 0: what was typed and not read is not known.
func waiting(*os.File) int { return 0 }

// echoes reports true: nobody else shows what is typed.
func echoes(*os.File) bool { return true }

//go:build !unix

package terminal

// onResize does nothing where no signal tells of a new size: the Editor asks
// for it at each line.
func onResize(func()) (stop func()) { return func() {} }

package terminal

import "errors"

// Errors of input.poll when there is nothing to read.
var (
	errNoInput    = errors.New("no input")
	errBackground = errors.New("in the background")
)

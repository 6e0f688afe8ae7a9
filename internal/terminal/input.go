package terminal

import "errors"

// Why input.poll has found nothing to read.
var (
	errNoInput    = errors.New("nothing was typed")
	errBackground = errors.New("in the background")
)

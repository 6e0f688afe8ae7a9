package udp

import (
	"errors"
	"testing"
)

// If the system refuses large buffers, grow sets the largest that it accepts.
func TestGrow(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{socketBuffer, 2 << 20, 256 << 10, 1} {
		granted := 0
		grow(func(bytes int) error {
			if bytes > limit {
				return errors.New("no buffer space available")
			}
			granted = bytes
			return nil
		})
		if limit > 1 && (granted > limit || granted <= limit/2) || limit == 1 && granted != 0 {
			t.Errorf("granted %d bytes of %d", granted, limit)
		}
	}
}

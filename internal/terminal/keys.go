package terminal

import "bytes"

// What ends the input in raw mode.
const (
	ctrlC = 3
	ctrlD = 4
)

// keys hands typed bytes on such that each Ctrl-C and Ctrl-D is the last of a
// Read. The terminal above reports both as the end of the input; the last byte
// that it was given tells which it was.
type keys struct {
	in   *input
	rest []byte
	last byte
	buf  [256]byte
}

func (k *keys) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if len(k.rest) == 0 {
		n, err := k.in.Read(k.buf[:])
		if err != nil {
			return 0, err
		}
		k.rest = k.buf[:n]
	}
	n := copy(b, k.rest)
	if i := bytes.IndexAny(b[:n], string([]byte{ctrlC, ctrlD})); i >= 0 {
		n = i + 1
	}
	k.rest = k.rest[n:]
	k.last = b[max(n, 1)-1]
	return n, nil
}

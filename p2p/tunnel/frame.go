package tunnel

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

const (
	// MaxDatagram is the most bytes that a datagram in a stream has.
	MaxDatagram = 16 << 10

	lengthSize = 2
)

var errFrame = errors.New("tunnel: datagram of no length, or of too many bytes")

// appendFrame appends a datagram as it stands in a stream.
func appendFrame(b, datagram []byte) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(datagram))), datagram...)
}

// A frames reads datagrams from a stream.
type frames struct{ *bufio.Reader }

func newFrames(r io.Reader) frames { return frames{bufio.NewReaderSize(r, lengthSize+MaxDatagram)} }

// peek returns the length of the next datagram once that is there.
func (r frames) peek() (int, error) {
	head, err := r.Peek(lengthSize)
	if err != nil {
		return 0, err
	}
	n := int(binary.BigEndian.Uint16(head))
	if n == 0 || n > MaxDatagram {
		return 0, errFrame
	}
	return n, nil
}

// batch waits for the next datagram, puts it into b, and behind it as many more
// as are there already and make a batch with it: all of one size, but for the
// last, which may be shorter. b has room for one at least.
func (r frames) batch(b []byte) (n, size int, err error) {
	if size, err = r.peek(); err != nil {
		return 0, 0, err
	}
	for next := size; ; {
		r.Discard(lengthSize)
		if _, err := io.ReadFull(r, b[n:n+next]); err != nil {
			return 0, 0, err
		}
		n += next
		if next < size || r.Buffered() < lengthSize {
			return n, size, nil
		}
		// What is malformed is found when it is the first.
		if next, err = r.peek(); err != nil || next > size || n+next > len(b) || r.Buffered() < lengthSize+next {
			return n, size, nil
		}
	}
}

package tunnel

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

const (
	// MaxDatagram is the longest datagram in a stream.
	MaxDatagram = 16 << 10

	lengthSize = 2
)

var errFrame = errors.New("tunnel: datagram of no length, or of too many bytes")

// appendFrame appends a datagram with its length.
func appendFrame(b, datagram []byte) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(datagram))), datagram...)
}

// A frames reads datagrams from a stream.
type frames struct{ *bufio.Reader }

func newFrames(r io.Reader) frames { return frames{bufio.NewReaderSize(r, lengthSize+MaxDatagram)} }

// peek waits for the length of the next datagram and returns it.
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

// batch waits for the next datagram and reads it into b, with as many of those that have already arrived as form
// a batch: all of one size except the last, which may be shorter. b has room for at least one.
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

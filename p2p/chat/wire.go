package chat

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

const version = 1

// Message types.
const (
	typeOpen    = 1
	typeLine    = 2
	typeReceipt = 3
	typeBye     = 4
)

const (
	headerSize  = 5
	idSize      = 8
	openSize    = 53
	maxBody     = idSize + MaxText
	sessionSize = 16
)

// A sessionID identifies one side of a chat. Zero means unknown.
type sessionID [sessionSize]byte

// open is the body of an OPEN message.
type open struct {
	version byte
	session sessionID
	peer    sessionID
	read    uint64
	attempt uint32
	random  uint64
}

func appendHeader(b []byte, kind byte, body int) []byte {
	b = append(b, kind)
	return binary.BigEndian.AppendUint32(b, uint32(body))
}

func (o open) append(b []byte) []byte {
	b = appendHeader(b, typeOpen, openSize)
	b = append(b, o.version)
	b = append(b, o.session[:]...)
	b = append(b, o.peer[:]...)
	b = binary.BigEndian.AppendUint64(b, o.read)
	b = binary.BigEndian.AppendUint32(b, o.attempt)
	return binary.BigEndian.AppendUint64(b, o.random)
}

func parseOpen(body []byte) (open, error) {
	if len(body) > 0 && body[0] != version {
		return open{}, &VersionError{Theirs: body[0], Ours: version}
	}
	if len(body) < openSize {
		return open{}, fmt.Errorf("%w: its OPEN has %d bytes", ErrProtocol, len(body))
	}
	o := open{
		version: body[0],
		session: sessionID(body[1:17]),
		peer:    sessionID(body[17:33]),
		read:    binary.BigEndian.Uint64(body[33:]),
		attempt: binary.BigEndian.Uint32(body[41:]),
		random:  binary.BigEndian.Uint64(body[45:]),
	}
	if o.session == (sessionID{}) {
		return open{}, fmt.Errorf("%w: its OPEN has no session", ErrProtocol)
	}
	return o, nil
}

func appendLine(b []byte, id uint64, text string) []byte {
	b = appendHeader(b, typeLine, idSize+len(text))
	b = binary.BigEndian.AppendUint64(b, id)
	return append(b, text...)
}

func appendReceipt(b []byte, id uint64) []byte {
	b = appendHeader(b, typeReceipt, idSize)
	return binary.BigEndian.AppendUint64(b, id)
}

func appendBye(b []byte) []byte { return appendHeader(b, typeBye, 0) }

// parseID parses the id at the beginning of LINE and RECEIPT, and returns the rest.
func parseID(body []byte) (id uint64, rest []byte, err error) {
	if len(body) < idSize {
		return 0, nil, fmt.Errorf("%w: a message is too short for its id", ErrProtocol)
	}
	return binary.BigEndian.Uint64(body), body[idSize:], nil
}

// A reader reads messages from a stream.
type reader struct {
	r    *bufio.Reader
	body []byte // of the last message; grows as needed, up to maxBody
}

// next returns the next message of a known type. Its body is valid until the next call. The
// error is io.EOF if the stream ends between messages.
func (r *reader) next() (kind byte, body []byte, err error) {
	for {
		var h [headerSize]byte
		if _, err := io.ReadFull(r.r, h[:]); err != nil {
			return 0, nil, err
		}
		size := binary.BigEndian.Uint32(h[1:])
		if size > maxBody {
			return 0, nil, fmt.Errorf("%w: a message of %d bytes", ErrProtocol, size)
		}
		if h[0] < typeOpen || h[0] > typeBye {
			if _, err := r.r.Discard(int(size)); err != nil {
				return 0, nil, unexpected(err)
			}
			continue
		}
		body, err := r.readBody(int(size))
		return h[0], body, err
	}
}

func (r *reader) readBody(size int) ([]byte, error) {
	if cap(r.body) < size {
		r.body = make([]byte, size)
	}
	r.body = r.body[:size]
	_, err := io.ReadFull(r.r, r.body)
	return r.body, unexpected(err)
}

// unexpected converts io.EOF within a message to io.ErrUnexpectedEOF.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

package p2p

import (
	"errors"
	"fmt"
	"io"

	"p2ptool/p2p/link"
)

// ResetNoHandler is the code with which a stream is reset of whose kind the
// other side takes none. Codes of applications begin at AppCode.
const ResetNoHandler = 1

// A Stream is an ordered, reliable stream of bytes in each direction. One
// goroutine may read while another writes.
type Stream struct {
	*link.Stream
	kind string
}

// Kind returns what the stream is for, as the side that opened it says.
func (s *Stream) Kind() string { return s.kind }

// Read reads what has arrived, at least one byte unless there is an error:
// io.EOF at the stream's end, ErrRefused where the other side takes no streams
// of the kind, a ResetError where it gave the stream up, ErrStreamClosed after
// Close, the link's end otherwise.
func (s *Stream) Read(b []byte) (int, error) {
	n, err := s.Stream.Read(b)
	return n, s.explain(err)
}

// Write buffers b and returns when all of it is buffered. Its errors are those
// of Read, but for io.EOF.
func (s *Stream) Write(b []byte) (int, error) {
	n, err := s.Stream.Write(b)
	return n, s.explain(err)
}

func (s *Stream) explain(err error) error {
	if errors.Is(err, ResetError{Code: ResetNoHandler}) {
		return fmt.Errorf("%w: it does not accept %q now", ErrRefused, s.kind)
	}
	return err
}

const maxKind = 64

// OpenStream opens a stream of a kind, a name of 1 to 64 bytes.
func (l *Link) OpenStream(kind string) (*Stream, error) {
	if len(kind) == 0 || len(kind) > maxKind {
		return nil, errKind
	}
	s, err := l.inner.OpenStream()
	if err != nil {
		return nil, err
	}
	_, err = s.Write(append([]byte{byte(len(kind))}, kind...))
	return &Stream{s, kind}, err
}

// serve hands the streams that the other side opens to their handlers.
func (l *Link) serve() {
	for {
		s, err := l.inner.AcceptStream(l.peer.ctx)
		if err != nil {
			return
		}
		l.peer.spawn(func() { l.serveStream(s) })
	}
}

func (l *Link) serveStream(in *link.Stream) {
	kind, err := readKind(in)
	if err != nil {
		in.Reset(ResetNoHandler)
		return
	}
	s := &Stream{in, kind}
	h := l.peer.opts.Handlers[kind]
	if h == nil {
		s.Reset(ResetNoHandler)
		return
	}
	h(l, s)
	s.Close()
}

func readKind(r io.Reader) (string, error) {
	var b [1 + maxKind]byte
	if _, err := io.ReadFull(r, b[:1]); err != nil {
		return "", err
	}
	n := int(b[0])
	if n == 0 || n > maxKind {
		return "", errKind
	}
	if _, err := io.ReadFull(r, b[1:1+n]); err != nil {
		return "", err
	}
	return string(b[1 : 1+n]), nil
}

var errKind = errors.New("a stream's kind has 1 to 64 bytes")

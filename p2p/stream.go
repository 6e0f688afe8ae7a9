package p2p

import (
	"errors"
	"fmt"
	"io"

	"p2ptool/p2p/link"
)

// ResetNoHandler is the code with which a stream is reset if the other side has no handler for its kind. Codes of
// applications begin at AppCode.
const ResetNoHandler = 1

// A Stream is an ordered, reliable stream of bytes in each direction. One
// goroutine may read while another writes.
type Stream struct {
	*link.Stream
	kind string
}

// Kind returns the kind that the side that opened the stream gave it.
func (s *Stream) Kind() string { return s.kind }

// Read reads data that has arrived, at least one byte unless it returns an error: io.EOF at the end of the stream,
// ErrRefused if the other side has no handler for the kind, a ResetError if it reset the stream, ErrStreamClosed after
// Close, or the link's error.
func (s *Stream) Read(b []byte) (int, error) {
	n, err := s.Stream.Read(b)
	return n, s.explain(err)
}

// Write returns when all of b is buffered to be sent. Its errors are those of Read except io.EOF.
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

// OpenStream opens a stream. The other side handles it with its handler for the kind, a name of 1 to 64 bytes. The error
// is the link's, or that too many streams are open.
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

// serve runs the handlers of the streams that the other side opens.
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

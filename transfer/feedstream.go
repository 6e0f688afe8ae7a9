package transfer

import "io"

// A piece is the result of one read from a stream: a chunk, the end, or both.
type piece struct {
	data []byte
	err  error
}

// feedStream reads r to its end. A separate goroutine reads. If a Read blocks when the
// session ends, that goroutine stays behind, because nothing can interrupt it.
func (s *sender) feedStream(o *outgoing, r io.Reader) error {
	pieces := make(chan piece)
	quit := make(chan struct{})
	defer close(quit)
	go readPieces(r, pieces, quit)
	end := &endMsg{n: o.n}
	for i := int64(0); !s.isDropped(o); i++ {
		var p piece
		select {
		case p = <-pieces:
		case <-s.ctx.Done():
			return nil
		}
		if len(p.data) > 0 {
			if err := s.feedPiece(o, i, p.data); err != nil {
				return err
			}
			end.size += int64(len(p.data))
		}
		if p.err == io.EOF {
			break
		}
		if p.err != nil {
			end.code, end.reason = codeFailed, "reading: "+reasonFor(p.err)
			break
		}
	}
	if o.top == nil {
		s.ev.total.Store(end.size)
	}
	return s.push(&job{kind: jobEnd, o: o, end: end})
}

func (s *sender) feedPiece(o *outgoing, i int64, data []byte) error {
	buf, err := s.buffer()
	if err != nil {
		return nil // the session has ended
	}
	n := copy(buf[headroom:], data)
	return s.push(&job{kind: jobChunk, o: o, chunk: i, buf: buf, n: n, ready: make(chan struct{})})
}

// readPieces reads r to its end. It alternates between two buffers, so that it can read into
// one while the other is in use.
func readPieces(r io.Reader, pieces chan<- piece, quit <-chan struct{}) {
	bufs := [2][]byte{make([]byte, chunkSize), make([]byte, chunkSize)}
	for i := 0; ; i++ {
		n, err := io.ReadFull(r, bufs[i%2])
		if err == io.ErrUnexpectedEOF {
			err = io.EOF
		}
		select {
		case pieces <- piece{bufs[i%2][:n], err}:
		case <-quit:
			return
		}
		if err != nil {
			return
		}
	}
}

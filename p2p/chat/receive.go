package chat

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
)

// reportDelivered reports delivered lines to the application. The caller must not hold the mutex.
func (s *Session) reportDelivered(first, last uint64) {
	for id := first; id <= last; id++ {
		s.delivered(id)
	}
}

// receive receives messages until the chat ends, and then returns nil.
func (c *conn) receive() error {
	r := &reader{r: bufio.NewReader(c.rw)}
	if err := c.receiveOpen(r); err != nil {
		return err
	}
	for {
		kind, body, err := r.next()
		if err != nil {
			return c.cut(err)
		}
		switch kind {
		case typeLine:
			err = c.receiveLine(body)
		case typeReceipt:
			err = c.receiveReceipt(body)
		case typeBye:
			c.peerLeft()
			return nil
		default:
			err = fmt.Errorf("%w: a second OPEN", ErrProtocol)
		}
		if err != nil {
			return err
		}
	}
}

func (c *conn) receiveOpen(r *reader) error {
	kind, body, err := r.next()
	if err != nil {
		return c.cut(err)
	}
	if kind != typeOpen {
		return fmt.Errorf("%w: the first message is not OPEN", ErrProtocol)
	}
	theirs, err := parseOpen(body)
	if errors.Is(err, ErrVersion) {
		select {
		case <-c.opened: // so that the other side learns our version
		case <-c.ctx.Done():
		}
	}
	if err != nil {
		return err
	}
	first, last, err := c.s.attach(c, theirs)
	c.s.reportDelivered(first, last)
	return err
}

// receiveLine adds a line to the queue. If the queue is full, it waits. With an honest peer, that happens
// only if the queue has lines of several sessions.
func (c *conn) receiveLine(body []byte) error {
	id, rest, err := parseID(body)
	if err != nil {
		return err
	}
	text := string(bytes.ToValidUTF8(rest, []byte("\uFFFD")))
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if id <= s.got {
		return nil
	}
	err = s.waitLocked(c.ctx, func() bool { return hasRoom(len(s.queue), s.queueBytes, len(text)) })
	if err != nil {
		return err
	}
	s.got = id
	s.queue = append(s.queue, received{Message{id, text}, s.peer})
	s.queueBytes += len(text)
	s.changedLocked()
	return nil
}

func (c *conn) receiveReceipt(body []byte) error {
	id, _, err := parseID(body)
	if err != nil {
		return err
	}
	first, last, err := c.acknowledge(id)
	c.s.reportDelivered(first, last)
	return err
}

func (c *conn) acknowledge(id uint64) (first, last uint64, err error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if id > c.s.lastID { // a receipt may be for a line that another stream carried
		return 1, 0, fmt.Errorf("%w: a receipt for line %d, of %d", ErrProtocol, id, c.s.lastID)
	}
	first, last = c.s.acknowledgeLocked(id)
	return first, last, nil
}

// cut returns the error for the end of the stream. After our BYE, the other side may end the stream in any
// way. But if there is another stream, the other side may have changed to it without reading our BYE, and
// the session sends BYE again there.
func (c *conn) cut(err error) error {
	c.s.mu.Lock()
	bye, last := c.bye, len(c.s.conns) == 1
	c.s.mu.Unlock()
	switch {
	case bye && last:
		c.peerLeft()
		return nil
	case errors.Is(err, ErrProtocol):
		return err
	}
	return fmt.Errorf("chat stream was cut: %w", unexpected(err))
}

// peerLeft records that the other side has left.
func (c *conn) peerLeft() {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.left = true
	c.s.stopLocked(c, ErrPeerLeft)
	c.s.endLocked()
}

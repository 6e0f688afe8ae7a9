package chat

import "fmt"

// writeSize is roughly how many bytes of messages go into one Write.
const writeSize = 32 << 10

// write sends messages until it has sent BYE, and then returns nil.
func (c *conn) write() error {
	b := c.ours.append(nil)
	for bye, opened := false, false; ; opened = true {
		if _, err := c.rw.Write(b); err != nil {
			return fmt.Errorf("chat stream was cut: %w", err)
		}
		if !opened {
			close(c.opened)
		}
		if bye {
			return nil
		}
		var err error
		if b, bye, err = c.gather(b[:0]); err != nil {
			return err
		}
	}
}

// gather waits for messages to send and appends them to b. bye reports whether the last one is BYE.
func (c *conn) gather(b []byte) (_ []byte, bye bool, err error) {
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.waitLocked(c.ctx, func() bool {
		return s.current == c &&
			(s.read > c.receipts || c.sent < s.lastID || s.endErrLocked() != nil)
	})
	if err != nil {
		return nil, false, err
	}
	if s.read > c.receipts {
		c.receipts = s.read
		b = appendReceipt(b, c.receipts)
	}
	c.sent = max(c.sent, s.ackedLocked())
	for c.sent < s.lastID && len(b) < writeSize && !s.left {
		c.sent++
		b = appendLine(b, c.sent, s.pending[c.sent-s.ackedLocked()-1])
	}
	if s.left || s.closed && c.sent == s.lastID {
		c.bye = true
		b = appendBye(b)
	}
	return b, c.bye, nil
}

package chat

import "fmt"

// batchSize is how many bytes of messages are gathered for one Write.
const batchSize = 32 << 10

// write sends what there is to send until goodbye is said, and returns nil then.
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

// gather waits for something to send and appends it to b; bye tells that it
// ends with a goodbye.
func (c *conn) gather(b []byte) (_ []byte, bye bool, err error) {
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.waitLocked(c.ctx, func() bool {
		return s.current == c &&
			(s.read > c.receipts || c.sent < s.lastID || s.overLocked() != nil)
	})
	if err != nil {
		return nil, false, err
	}
	if s.read > c.receipts {
		c.receipts = s.read
		b = appendReceipt(b, c.receipts)
	}
	c.sent = max(c.sent, s.ackedLocked())
	for c.sent < s.lastID && len(b) < batchSize && !s.left {
		c.sent++
		b = appendLine(b, c.sent, s.pending[c.sent-s.ackedLocked()-1])
	}
	if s.left || s.closed && c.sent == s.lastID {
		c.bye = true
		b = appendBye(b)
	}
	return b, c.bye, nil
}

package noise

// A Compact holds both directions of a session in little memory and without pointers, for servers with millions of
// sessions. It derives the cipher again for each packet, which takes a few microseconds. It has a replay window of
// 64 counters and drops packets of past epochs. It is not safe for concurrent use.
type Compact struct {
	send, receive chain
	counter       uint64 // of the next packet sent
	next          uint64 // one more than the highest received counter; 0: nothing received
	seen          uint64 // bit i: counter next-1-i was received
}

// NewCompact returns a Compact for a new session.
func (s Secrets) NewCompact() Compact {
	return Compact{send: chain{root: s.Send}, receive: chain{root: s.Receive}}
}

// Seal encrypts a packet in place, like Sender.Seal.
func (c *Compact) Seal(pkt []byte, typ byte, index uint32) ([]byte, error) {
	if c.counter >= maxCounter {
		return nil, errCounters
	}
	if c.counter>>epochBits != c.send.epoch {
		c.send = c.send.next()
	}
	Header{typ, index, c.counter}.put(pkt)
	var n nonce
	nonce := n.of(c.counter)
	c.counter++
	return c.send.aead().Seal(pkt[:HeaderSize], nonce, pkt[HeaderSize:], pkt[:HeaderSize]), nil
}

// Open decrypts a packet in place, like Receiver.Open. newest reports whether its
// counter is the highest so far.
func (c *Compact) Open(pkt []byte) (plain []byte, newest bool, err error) {
	h, ok := ParseHeader(pkt)
	if !ok {
		return nil, false, errShort
	}
	if !c.isNew(h.Counter) {
		return nil, false, errReplay
	}
	chain := c.receive
	switch epoch := h.Counter >> epochBits; {
	case h.Counter >= maxCounter:
		return nil, false, errTooFar
	case epoch == chain.epoch+1:
		chain = chain.next()
	case epoch != chain.epoch:
		return nil, false, errTooFar
	}
	var n nonce
	plain, err = chain.aead().Open(pkt[HeaderSize:HeaderSize], n.of(h.Counter), pkt[HeaderSize:], pkt[:HeaderSize])
	if err != nil {
		return nil, false, errOpen
	}
	c.receive = chain
	return plain, c.mark(h.Counter), nil
}

func (c *Compact) isNew(counter uint64) bool {
	if counter >= c.next {
		return true
	}
	age := c.next - 1 - counter
	return age < 64 && c.seen>>age&1 == 0
}

// mark marks counter as seen and reports whether it is the highest so far.
func (c *Compact) mark(counter uint64) bool {
	if counter < c.next {
		c.seen |= 1 << (c.next - 1 - counter)
		return false
	}
	c.seen = c.seen<<(counter+1-c.next) | 1 // a shift by 64 or more gives 0
	c.next = counter + 1
	return true
}

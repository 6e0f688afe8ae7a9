package noise

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

const (
	// HeaderSize is the length of the unencrypted header.
	HeaderSize = 13
	// Overhead is how much longer a packet is than its contents.
	Overhead = HeaderSize + tagSize

	tagSize   = 16
	epochBits = 24
	// maxCounter is far below overflow, and no session sends 2^63 packets.
	maxCounter = 1 << 63
)

var (
	errShort    = errors.New("packet is too short")
	errReplay   = errors.New("packet was seen before, or is too old to tell")
	errOpen     = errors.New("packet does not verify")
	errTooFar   = errors.New("packet's counter is out of reach")
	errCounters = errors.New("session has no packet numbers left")
)

// Secrets are the result of a handshake: one root secret for each direction.
type Secrets struct{ Send, Receive [32]byte }

// Header is the unencrypted header of a packet.
type Header struct {
	Type    byte
	Index   uint32 // the receiver's session
	Counter uint64
}

// ParseHeader parses a packet's header. ok is false if pkt is too short to be a
// packet.
func ParseHeader(pkt []byte) (h Header, ok bool) {
	if len(pkt) < Overhead {
		return Header{}, false
	}
	return Header{pkt[0], binary.BigEndian.Uint32(pkt[1:]), binary.BigEndian.Uint64(pkt[5:])}, true
}

func (h Header) put(pkt []byte) {
	pkt[0] = h.Type
	binary.BigEndian.PutUint32(pkt[1:], h.Index)
	binary.BigEndian.PutUint64(pkt[5:], h.Counter)
}

// chain is the ratchet of one direction: the root of the current epoch, from
// which its key and the next root are derived (HKDF, RFC 5869).
type chain struct {
	epoch uint64
	root  [32]byte
}

func (c chain) derive(label string) (out [32]byte) {
	b, err := hkdf.Expand(sha256.New, c.root[:], "p2ptool "+label, len(out))
	if err != nil {
		panic(err) // only if the length is too large for HKDF
	}
	copy(out[:], b)
	return out
}

func (c chain) next() chain { return chain{c.epoch + 1, c.derive("next epoch")} }

func (c chain) aead() cipher.AEAD {
	key := c.derive("packet key")
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // only if the key has the wrong length
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // only if the block size is not 16
	}
	return aead
}

// A nonce is four zero bytes and a counter. Senders and Receivers keep it in a
// field, because a local variable would be allocated for each packet.
type nonce [12]byte

func (n *nonce) of(counter uint64) []byte {
	binary.BigEndian.PutUint64(n[4:], counter)
	return n[:]
}

// A Sender seals the packets of one direction of a session. It is not safe
// for concurrent use.
type Sender struct {
	chain   chain
	aead    cipher.AEAD
	counter uint64
	nonce   nonce
}

// NewSender returns a Sender that starts at counter: 0 for a new session. For
// an old session, counter must never be lower than before.
func (s Secrets) NewSender(counter uint64) *Sender {
	c := chain{root: s.Send}
	for c.epoch < counter>>epochBits {
		c = c.next()
	}
	return &Sender{chain: c, aead: c.aead(), counter: counter}
}

// Counter returns the counter of the next packet.
func (s *Sender) Counter() uint64 { return s.counter }

// Seal encrypts a packet in place. pkt is HeaderSize bytes followed by the contents, with enough capacity for
// the tag. Seal returns the packet, including the tag. It fails if the session has no counters left.
func (s *Sender) Seal(pkt []byte, typ byte, index uint32) ([]byte, error) {
	if s.counter >= maxCounter {
		return nil, errCounters
	}
	if s.counter>>epochBits != s.chain.epoch {
		s.chain = s.chain.next()
		s.aead = s.chain.aead()
	}
	Header{typ, index, s.counter}.put(pkt)
	nonce := s.nonce.of(s.counter)
	s.counter++
	return s.aead.Seal(pkt[:HeaderSize], nonce, pkt[HeaderSize:], pkt[:HeaderSize]), nil
}

// A Receiver opens the packets of one direction of a session. It is not safe
// for concurrent use.
type Receiver struct {
	window  Window
	current chain
	aead    cipher.AEAD
	past    cipher.AEAD // of the previous epoch, or nil
	next    *epoch      // created for the first packet that claims the next epoch
	nonce   nonce
}

// An epoch holds the ratchet and the cipher of one epoch.
type epoch struct {
	chain chain
	aead  cipher.AEAD
}

// NewReceiver returns a Receiver with a replay window of at least the given number of counters.
func (s Secrets) NewReceiver(window int) *Receiver {
	c := chain{root: s.Receive}
	return &Receiver{window: NewWindow(window), current: c, aead: c.aead()}
}

// Open decrypts a packet in place and returns its counter and contents. Each counter is accepted once. The first
// authentic packet of the next epoch advances the Receiver.
func (r *Receiver) Open(pkt []byte) (uint64, []byte, error) {
	h, ok := ParseHeader(pkt)
	if !ok {
		return 0, nil, errShort
	}
	if h.Counter >= maxCounter {
		return 0, nil, errTooFar
	}
	if !r.window.Check(h.Counter) {
		return 0, nil, errReplay
	}
	switch epoch := h.Counter >> epochBits; {
	case epoch == r.current.epoch:
		return r.open(r.aead, h.Counter, pkt)
	case epoch+1 == r.current.epoch && r.past != nil:
		return r.open(r.past, h.Counter, pkt)
	case epoch == r.current.epoch+1:
		return r.advance(h.Counter, pkt)
	}
	return 0, nil, errTooFar
}

// advance opens a packet of the next epoch. It keeps the derived key, so that
// forged packets do not cause another derivation.
func (r *Receiver) advance(counter uint64, pkt []byte) (uint64, []byte, error) {
	if r.next == nil {
		c := r.current.next()
		r.next = &epoch{c, c.aead()}
	}
	n, plain, err := r.open(r.next.aead, counter, pkt)
	if err == nil {
		r.past, r.aead, r.current, r.next = r.aead, r.next.aead, r.next.chain, nil
	}
	return n, plain, err
}

func (r *Receiver) open(aead cipher.AEAD, counter uint64, pkt []byte) (uint64, []byte, error) {
	plain, err := aead.Open(pkt[HeaderSize:HeaderSize], r.nonce.of(counter), pkt[HeaderSize:], pkt[:HeaderSize])
	if err != nil {
		return 0, nil, errOpen
	}
	r.window.Mark(counter)
	return counter, plain, nil
}

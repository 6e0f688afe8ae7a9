// Package chat exchanges lines over a stream, such as one of a link: each line arrives once and
// in order, and its sender learns when it was delivered.
//
//	s := chat.New(chat.Options{})
//	go s.Run(ctx, stream)
//	id, err := s.Send(ctx, "hello")
//	m, err := s.Receive(ctx)
//
// A Session is one side of a chat. It outlives its streams: when one breaks, Run serves the
// next, and both sides continue. Lines that were not delivered are sent again, and no line is
// received twice. A Room is a chat with all processes of a peer.
//
// # Wire format
//
// Numbers are big-endian. A stream carries messages in each direction:
//
//	0  type, 1
//	1  length of the body, 4: at most 65,544
//	5  body
//
// The first message of each side is OPEN, sent without waiting for the other's.
// A reader that has another version ends the stream after its own OPEN, so that both sides learn
// both versions.
//
//	OPEN, type 1                           LINE, type 2
//	 0  version, 1: now 1                   0  id, 8
//	 1  the sender's session, 16            8  text, UTF-8, at most 65,536 bytes
//	17  the other's session, 16
//	33  id of its last line read, 8        RECEIPT, type 3
//	41  attempt, 4                          0  id, 8
//	45  random, 8
//	                                       BYE, type 4: no body
//
// A session is a random number that a side keeps over all streams; the other's is zero if it is
// unknown. Line ids count from 1. A RECEIPT says that the application has received the
// lines up to and including that id, and so does an OPEN that names the reader's session. A line
// whose id is not greater than the previous one is a duplicate and is dropped.
//
// At most 256 lines, or 1 MiB of text, are sent without a receipt, so that neither side needs to
// buffer more.
//
// Both sides may open a stream at the same time, and one may open another if the first is dead
// without an error. Of several streams between two sessions the one with the highest rank is used.
// The rank is the higher of the two attempts; if that is equal, the exclusive or of the two random
// numbers decides. A side's attempt is one more than the highest that it has seen.
//
// BYE ends the chat, and is answered by BYE. A stream that ends without BYE was cut, and
// another may follow. If a stream is cut after one side's BYE while that side has another, it says BYE
// again there: the other side may have changed streams without reading the first.
//
// Messages of unknown types are skipped. OPEN, RECEIPT and BYE may be extended at their end; readers
// ignore what they do not know.
//
// # Limits and trust
//
// The stream authenticates the other side and encrypts; this package does neither. The other
// side can only fill one window of lines, and acknowledge only lines that were sent. Text
// is valid UTF-8 and otherwise arbitrary: an application that shows it must make control
// characters harmless. Each run of invalid bytes is replaced by one U+FFFD, on sending and on
// receiving.
package chat

import (
	"errors"
	"fmt"
)

// MaxText is the largest length of a line, in bytes of UTF-8.
const MaxText = 64 << 10

const (
	maxLines = 256     // lines without a receipt
	maxBytes = 1 << 20 // their text, in bytes
)

// Errors of a session; test with errors.Is.
var (
	// ErrTooLong says that a line is longer than MaxText.
	ErrTooLong = errors.New("line is longer than 64 KiB")
	// ErrClosed says that Close was called.
	ErrClosed = errors.New("chat is closed")
	// ErrPeerLeft says that the other side has left.
	ErrPeerLeft = errors.New("the other side has left the chat")
	// ErrReplaced says that another stream has replaced this one.
	ErrReplaced = errors.New("chat continues over another stream")
	// ErrProtocol says that the other side broke the protocol.
	ErrProtocol = errors.New("the other side does not speak the chat protocol")
	// ErrVersion matches every VersionError.
	ErrVersion = errors.New("the other side runs another version of the chat protocol")
)

// A VersionError says that the other side runs another version of the chat protocol.
type VersionError struct{ Theirs, Ours byte }

// Error returns for example "peer runs chat protocol 3, this is 4: update p2ptool there".
func (e *VersionError) Error() string {
	where := "there"
	if e.Theirs > e.Ours {
		where = "here"
	}
	return fmt.Sprintf("peer runs chat protocol %d, this is %d: update p2ptool %s", e.Theirs, e.Ours, where)
}

// Is makes errors.Is(e, ErrVersion) true.
func (e *VersionError) Is(target error) bool { return target == ErrVersion }

// Options configure a Session. The zero value is usable.
type Options struct {
	// Delivered is called with the id of each line that the other side's application has
	// received, in order, from the goroutine that calls Run. While it blocks, nothing is
	// received.
	Delivered func(id uint64)
}

// A Message is a line that the other side sent.
type Message struct {
	ID   uint64 // increases within the other side's session
	Text string // valid UTF-8; may contain control characters, including line feeds
}

// Package chat exchanges lines over a stream, such as one of a link: each line arrives once and
// in order, and its sender learns when it was delivered.
//
//	s := chat.New(chat.Options{})
//	go s.Run(ctx, stream)
//	id, err := s.Send(ctx, "hello")
//	m, err := s.Receive(ctx)
//
// A Session is one side of a chat. It outlives its streams: when one breaks, call Run with the
// next, and both sides continue. The session sends undelivered lines again, and receives no line
// twice. A Room is a chat with all processes of a peer.
//
// # Wire format
//
// Numbers are big-endian. A stream carries messages in each direction:
//
//	0  type, 1
//	1  length of the body, 4: at most 65,544
//	5  body
//
// Each side sends OPEN first, without waiting for the other's. If the versions differ, a side ends
// the stream only after it has sent its own OPEN, so that both sides learn both versions.
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
// A session is a random number that a side uses on all streams. The other's session is zero while
// it is unknown. Line ids count from 1. A RECEIPT says that the application has received the lines
// up to and including that id. An OPEN with the reader's session is also a receipt. Readers drop a
// line as a duplicate if its id is not greater than the previous one.
//
// A side sends at most 256 lines, or 1 MiB of text, without a receipt, so that neither side needs
// to buffer more.
//
// Both sides may open a stream at the same time, and one may open another if the first is dead
// without an error. If there are several streams between two sessions, they use the one with the
// highest rank. The rank is the higher of the two attempts. If these are equal, the exclusive or of
// the two random numbers decides. A side's attempt is one more than the highest that it has seen.
//
// BYE ends the chat, and the other side answers it with BYE. If a stream ends without BYE, it was
// cut, and another may follow. If a stream is cut after a side has sent BYE and that side has
// another stream, it sends BYE again there: the other side may have changed streams without reading
// the first BYE.
//
// Readers skip messages of unknown types. Later versions may extend OPEN, RECEIPT and BYE at their
// end; readers ignore the extra bytes.
//
// # Limits and trust
//
// This package does not authenticate the other side and does not encrypt: the stream must do both.
// The other side can fill only one window of lines, and can acknowledge only lines that were sent.
// Text is valid UTF-8 but otherwise arbitrary: an application must escape control characters before
// it shows text. Both sender and receiver replace each run of invalid bytes with one U+FFFD.
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
	// received, in order, from the goroutine that calls Run. While it blocks, the session
	// receives nothing.
	Delivered func(id uint64)
}

// A Message is a line that the other side sent.
type Message struct {
	ID   uint64 // increases within the other side's session
	Text string // valid UTF-8; may contain control characters, including line feeds
}

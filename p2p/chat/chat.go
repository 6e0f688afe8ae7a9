// Package chat is a conversation in lines over a stream, such as one of a
// link: each line arrives once and in order, and its sender learns when it was
// read.
//
// A Session is one side of a conversation. It outlives the streams under it:
// when one breaks, Run serves the next, and both sides go on where they were.
// What was not read is sent again, what is there already is not shown twice.
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
// Where it names another version than the reader's, the reader ends the stream after its own OPEN, so
// that both sides know both versions.
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
// A session is a random number that its side keeps over all streams; the
// other's is zero where it is not known yet. Lines count from 1 upwards. A
// RECEIPT says that the application has taken the lines up to and with that
// id, and so does OPEN if it names the session that reads it. A line whose id
// is not above that of the line before is a repeated one and is dropped.
//
// At most 256 lines, or 1 MiB of text, are sent without a receipt, so that
// neither side ever needs to hold more.
//
// Both sides may open a stream at once, and one may open another where the
// first is dead but does not show it. Of several streams between two sessions
// the one with the highest rank stands: rank is the higher of the two attempts
// and, where those are equal, the exclusive or of the two random numbers. A
// side's attempt is one more than the highest that it has met.
//
// BYE says that the conversation is over, and is answered by BYE. A stream
// that ends without it was cut, and another may follow.
//
// Messages of other types are skipped. OPEN, RECEIPT and BYE may grow at their
// end; what a reader does not know there it skips.
//
// # Limits and trust
//
// The stream says who the other side is, and keeps what it says secret and
// whole; this package adds neither. The other side is not trusted with memory
// or with the past: it can fill one window of lines, and acknowledge what was
// sent. Text is valid UTF-8 and otherwise anything: whoever shows it must make
// control characters harmless. Where it was not UTF-8, each run of invalid
// bytes is one U+FFFD, on sending and on receiving.
package chat

import (
	"errors"
	"fmt"
)

// MaxText is the most bytes of UTF-8 that one line may hold.
const MaxText = 64 << 10

const (
	maxLines = 256     // lines without a receipt
	maxBytes = 1 << 20 // their text, in bytes
)

// Errors that tell why a session does not go on; test with errors.Is.
var (
	// ErrTooLong says that a line is longer than MaxText.
	ErrTooLong = errors.New("line is longer than 64 KiB")
	// ErrClosed says that Close was called.
	ErrClosed = errors.New("chat is closed")
	// ErrPeerLeft says that the other side has said goodbye.
	ErrPeerLeft = errors.New("the other side has left the chat")
	// ErrReplaced says that another stream serves the session instead.
	ErrReplaced = errors.New("chat goes on over another stream")
	// ErrProtocol says that the other side broke the protocol.
	ErrProtocol = errors.New("the other side does not speak the chat protocol")
	// ErrVersion is what every VersionError is.
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
	// Delivered is called with the id of each line that the other side's
	// application has taken, in order, from the goroutine that calls Run.
	// While it blocks, nothing is received.
	Delivered func(id uint64)
}

// A Message is a line that the other side sent.
type Message struct {
	ID   uint64 // counts upwards within the other side's session
	Text string // valid UTF-8; may hold control characters, also line feeds
}

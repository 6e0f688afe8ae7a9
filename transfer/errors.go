package transfer

import (
	"errors"
	"fmt"
)

// Kinds of errors; test with errors.Is.
var (
	// ErrRefused says that the receiver did not want the transfer.
	ErrRefused = errors.New("refused")
	// ErrIntegrity says that data did not match its hash, though fetched again.
	ErrIntegrity = errors.New("data does not match its hash")
	// ErrStorage says that a disk was full, or something could not be read or written.
	ErrStorage = errors.New("storage failed")
	// ErrChanged says that a file changed while it was sent.
	ErrChanged = errors.New("changed while sending")
	// ErrPartial says that some files failed; their events say which and why.
	ErrPartial = errors.New("some files failed")
	// ErrInterrupted says that the stream ended before the transfer.
	ErrInterrupted = errors.New("transfer was interrupted")
	// ErrCanceled says that the peer's side was cancelled.
	ErrCanceled = errors.New("cancelled")
	// ErrProtocol says that the peer broke the protocol.
	ErrProtocol = errors.New("peer broke the transfer protocol")
	// ErrVersion is what every VersionError is.
	ErrVersion = errors.New("peer runs another version of the transfer protocol")
)

// A VersionError says that the peer runs another version of the transfer protocol.
type VersionError struct{ Theirs, Ours byte }

// Error returns for example "peer runs transfer protocol 3, this is 4: update p2ptool there".
func (e *VersionError) Error() string {
	where := "there"
	if e.Theirs > e.Ours {
		where = "here"
	}
	return fmt.Sprintf("peer runs transfer protocol %d, this is %d: update p2ptool %s", e.Theirs, e.Ours, where)
}

// Is makes errors.Is(e, ErrVersion) true.
func (e *VersionError) Is(target error) bool { return target == ErrVersion }

// otherVersion is the error for a peer of another version; peer: it said so.
func otherVersion(theirs byte, peer bool) error {
	return &Error{Peer: peer, Err: &VersionError{Theirs: theirs, Ours: version}}
}

// An Error is what Send and Receive return. The context's own error is wrapped when it
// was the context that ended a transfer.
type Error struct {
	Kind      error  // one of the Err values above, or nil
	Peer      bool   // the peer said so; else it was found here
	Reason    string // in words; text of the peer's where Peer is set: not to be trusted
	Resumable bool   // doing the same again goes on where this ended
	Err       error  // the cause, where there is one
}

// Error says which side failed and why.
func (e *Error) Error() string {
	s := e.text()
	if e.Peer && !errors.Is(e, ErrVersion) {
		return "peer: " + s
	}
	return s
}

func (e *Error) text() string {
	switch {
	case e.Kind == nil && e.Reason == "" && e.Err != nil:
		return e.Err.Error()
	case e.Kind == nil:
		return e.Reason
	case e.Reason == "", e.Reason == e.Kind.Error():
		return e.Kind.Error()
	}
	return fmt.Sprintf("%v: %s", e.Kind, e.Reason)
}

// Unwrap gives the kind and the cause.
func (e *Error) Unwrap() []error {
	var es []error
	if e.Kind != nil {
		es = append(es, e.Kind)
	}
	if e.Err != nil {
		es = append(es, e.Err)
	}
	return es
}

// unresumable is err for a stream, of which what was read cannot be read again.
func unresumable(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	final := *e
	final.Resumable = false
	return &final
}

package transfer

import (
	"errors"
	"fmt"
)

// Kinds of errors; test with errors.Is.
var (
	// ErrRefused says that the receiver declined the transfer.
	ErrRefused = errors.New("refused")
	// ErrIntegrity says that data did not match its hash, even when it was sent again.
	ErrIntegrity = errors.New("data does not match its hash")
	// ErrStorage says that a disk was full, or that reading or writing failed.
	ErrStorage = errors.New("storage failed")
	// ErrChanged says that a file changed while it was being sent.
	ErrChanged = errors.New("changed while sending")
	// ErrPartial says that some files failed. Their File events say which and why.
	ErrPartial = errors.New("some files failed")
	// ErrInterrupted says that the stream ended before the transfer did.
	ErrInterrupted = errors.New("transfer was interrupted")
	// ErrCanceled says that the peer canceled the transfer.
	ErrCanceled = errors.New("cancelled")
	// ErrProtocol says that the peer broke the protocol.
	ErrProtocol = errors.New("peer broke the transfer protocol")
	// ErrVersion matches every VersionError.
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

// otherVersion returns the error for a peer with another version. peer says that the peer reported it.
func otherVersion(theirs byte, peer bool) error {
	return &Error{Peer: peer, Err: &VersionError{Theirs: theirs, Ours: version}}
}

// An Error is what Send and Receive return. If the context ended the transfer, it wraps the
// context's error.
type Error struct {
	Kind      error  // one of the Err values above, or nil
	Peer      bool   // the peer reported the failure; otherwise this side found it
	Reason    string // for people; if Peer is set, it is the peer's text and not to be trusted
	Resumable bool   // the same call continues where this one ended
	Err       error  // the cause, if any
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

// Unwrap returns the kind and the cause.
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

// unresumable returns err, not resumable. It is for streams, which cannot be read twice.
func unresumable(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	final := *e
	final.Resumable = false
	return &final
}

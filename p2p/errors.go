package p2p

import (
	"errors"

	"p2ptool/p2p/link"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/handshake"
)

// Errors of peers; test with errors.Is.
var (
	ErrOwnGUID    = errors.New("that is your own GUID")
	ErrOffline    = errors.New("peer is not online")
	ErrRefused    = errors.New("refused by the peer")
	ErrNoPath     = errors.New("no path to the peer")
	ErrNoServer   = errors.New("server does not answer")
	ErrServerKey  = errors.New("server's key is not the expected one")
	ErrNotServing = errors.New("no server is configured")
	ErrNoMapping  = errors.New("no port mapping is wanted")
	ErrGone       = errors.New("the peer's process has ended")
	ErrClosed     = errors.New("closed")  // the Peer was closed
	ErrVersion    = rendezvous.ErrVersion // see VersionError
	ErrNarrow     = handshake.ErrNarrow   // the server answers, but packets of 576 bytes do not get through
)

// Errors of links and streams; test with errors.Is.
var (
	// ErrIdle is the error of a link that ended because the other end was silent for two minutes.
	ErrIdle = link.ErrIdle
	// ErrStreamClosed is returned by a stream after Close on this side.
	ErrStreamClosed = link.ErrStreamClosed
)

// Errors of links and streams with details; test with errors.As.
type (
	// A CloseError is the error of a link that was closed: by which side, with which code and reason.
	CloseError = link.CloseError
	// A ResetError is the error of a stream that the other side reset.
	ResetError = link.ResetError
)

// A VersionError reports that the peer or the server runs another version of the protocol, and which of the two has to
// be updated. errors.Is finds ErrVersion in it.
type VersionError = rendezvous.VersionError

// An UncheckedError is returned by PeerOptions.CheckServerKey if the expected key could not be looked up. It does not
// mean that the key is wrong.
type UncheckedError struct{ Err error }

// Error returns the text of the error.
func (e *UncheckedError) Error() string {
	return "the server's key could not be checked: " + e.Err.Error()
}

// Unwrap returns Err.
func (e *UncheckedError) Unwrap() error { return e.Err }

// Codes with which links are closed. An application's own codes begin at AppCode.
const (
	CodeDone     = link.CodeDone     // closed normally
	CodeReplaced = link.CodeReplaced // another link with the same peer is used instead
	CodeBusy     = link.CodeBusy     // closed to limit what strangers use
	AppCode      = link.AppCode
)

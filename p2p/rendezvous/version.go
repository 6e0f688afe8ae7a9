package rendezvous

import (
	"errors"
	"fmt"
)

// The versions of the two protocols that HELLO and COOKIE are common to. Both sides must speak the same version:
// there is no negotiation. HELLO, COOKIE and UNKNOWN have the same form in all versions.
const (
	ServerVersion = 2 // between a peer and its server
	LinkVersion   = 2 // between two peers
)

// ErrVersion is what every VersionError is; test with errors.Is.
var ErrVersion = errors.New("another version of the protocol")

// A VersionError says that the other side speaks another version of a protocol. Its text is a predicate, to be
// preceded by the name of the other side.
type VersionError struct{ Theirs, Ours byte }

// Error returns for example "runs protocol 3, this is 4: update p2ptool there".
func (e *VersionError) Error() string {
	where := "there"
	if e.Theirs > e.Ours {
		where = "here"
	}
	return fmt.Sprintf("runs protocol %d, this is %d: update p2ptool %s", e.Theirs, e.Ours, where)
}

// Is makes errors.Is(e, ErrVersion) true.
func (e *VersionError) Is(target error) bool { return target == ErrVersion }

// Version returns the version that is spoken here.
func (p Purpose) Version() byte {
	if p == PurposeLink {
		return LinkVersion
	}
	return ServerVersion
}

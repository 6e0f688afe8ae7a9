package rendezvous

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"p2ptool/p2p/limit"
)

// The versions of the two protocols that HELLO and COOKIE are common to. Both ends have to speak the
// same version; there is no negotiation. HELLO, COOKIE and UNKNOWN keep their form in all versions.
const (
	ServerVersion = 2 // between a peer and its server
	LinkVersion   = 2 // between two peers
)

// ErrVersion is what every VersionError is; test with errors.Is.
var ErrVersion = errors.New("another version of the protocol")

// A VersionError says that the other end speaks another version of a protocol. Its text is a
// predicate, for the name of the other end to be put in front.
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

// version returns the version that is spoken here.
func (p Purpose) version() byte {
	if p == PurposeLink {
		return LinkVersion
	}
	return ServerVersion
}

// versionReports is how often another version is reported: anybody can send a HELLO of any.
var versionReports = limit.Rate{PerSecond: 1.0 / 60, Burst: 3}

// SeldomVersion returns report such that it is called at most three times at once and once a minute;
// nil where report is nil. It is safe for concurrent use; now is the current time.
func SeldomVersion(now time.Time, report func(from netip.AddrPort, version byte)) func(netip.AddrPort, byte) {
	if report == nil {
		return nil
	}
	var mu sync.Mutex
	var pace limit.Pace
	return func(from netip.AddrPort, version byte) {
		mu.Lock()
		ok := pace.Allow(time.Since(now), versionReports, 1)
		mu.Unlock()
		if ok {
			report(from, version)
		}
	}
}

package handshake

import (
	"net/netip"
	"sync"
	"time"

	"p2ptool/p2p/limit"
)

// versionReports is the rate of reports of other versions: anybody can send a HELLO of any version.
var versionReports = limit.Rate{PerSecond: 1.0 / 60, Burst: 3}

// LimitVersionReports returns a function that calls report at most once a minute, after a burst of
// three; nil if report is nil. It is safe for concurrent use; now is the current time.
func LimitVersionReports(now time.Time, report func(from netip.AddrPort, version byte)) func(netip.AddrPort, byte) {
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

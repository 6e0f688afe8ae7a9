package path

import (
	"net/netip"
	"slices"
	"time"
)

// Limits on the probes to addresses that only the peer names. Each of these addresses gets a short
// schedule of probes (NewShortSchedule).
const (
	ProbeBudget = 32               // addresses at first: two full lists of candidates
	ProbeRefill = 10 * time.Second // for each additional address
	ProbePorts  = 4                // ports of one host
	probeForget = 10 * time.Minute // until an address may be probed again and no longer counts for ProbePorts
)

// A budget limits the probes to addresses that the peer names, or that its packets claim to come
// from. These addresses may belong to someone else.
type budget struct {
	began time.Time
	spent int
	tried []probed // recently, oldest first
}

type probed struct {
	addr netip.AddrPort
	at   time.Time
}

// allow reports whether an address may be probed now, and counts it if so.
func (b *budget) allow(a netip.AddrPort, now time.Time) bool {
	b.tried = slices.DeleteFunc(b.tried, func(t probed) bool { return now.Sub(t.at) >= probeForget })
	ports := 0
	for _, t := range b.tried {
		switch {
		case t.addr == a:
			return false
		case t.addr.Addr() == a.Addr():
			ports++
		}
	}
	if ports >= ProbePorts || b.spent >= ProbeBudget+int(now.Sub(b.began)/ProbeRefill) {
		return false
	}
	b.spent++
	b.tried = append(b.tried, probed{a, now})
	return true
}

package campaign

import (
	"fmt"
	"time"

	"p2ptool/internal/netsim"
)

// A place is what lies between a home and the internet.
type place int

const (
	public  place = iota // nothing: the host has an address of the internet
	behind               // a NAT
	carrier              // a NAT, and another one of the carrier's
	noUDP                // a NAT that lets no UDP pass
)

// A home is where a machine is connected.
type home struct {
	place place
	kind  netsim.Kind // of the NAT at home
	outer netsim.Kind // of the carrier's
	link  netsim.Link
	life  time.Duration // of a mapping
	same  bool          // the NAT is reached from within by its outer address
	v6    bool          // each machine has an IPv6 address of the internet as well
}

func (h home) String() string {
	names := map[place]string{
		public: "no NAT", behind: h.kind.String(), carrier: fmt.Sprintf("%v behind %v", h.kind, h.outer), noUDP: "no UDP",
	}
	l := h.link
	s := fmt.Sprintf("%s, %v", names[h.place], l.Delay)
	for _, part := range []struct {
		is   bool
		text string
	}{
		{l.Jitter > 0, fmt.Sprintf("jitter %v", l.Jitter)},
		{l.Loss > 0, fmt.Sprintf("loss %.1f%% in %.0f", l.Loss*100, max(l.Burst, 1))},
		{l.Reorder > 0, "reorders"},
		{l.Duplicate > 0, "duplicates"},
		{l.Rate > 0, fmt.Sprintf("%d KB/s, queue %d KB", l.Rate/1000, l.Queue/1000)},
		{l.MTU > 0, fmt.Sprintf("payload %d", l.MTU)},
		{h.v6, "IPv6"},
	} {
		if part.is {
			s += ", " + part.text
		}
	}
	return s
}

func drawHome(d dice, tls bool) home {
	kinds := []netsim.Kind{netsim.FullCone, netsim.AddressRestricted, netsim.PortRestricted, netsim.PortRestricted,
		netsim.Symmetric, netsim.SymmetricSequential, netsim.BareMasquerade}
	h := home{
		place: weigh(d, share[place]{15, public}, share[place]{65, behind}, share[place]{10, carrier}, share[place]{10, noUDP}),
		kind:  pick(d, kinds...), outer: pick(d, kinds...), link: drawLink(d),
		life: pick(d, 30*time.Second, time.Minute, 2*time.Minute), same: d.chance(.5),
	}
	if h.place == noUDP && !tls {
		h.place = behind
	}
	return h
}

// drawLink draws an access link, from fibre to a bad radio.
func drawLink(d dice) netsim.Link {
	l := netsim.Link{Delay: d.scaleSpan(time.Millisecond, 120*time.Millisecond)}
	if d.chance(.3) {
		l.Jitter = l.Delay / 4
	}
	l.Loss = weigh(d, share[float64]{50, 0}, share[float64]{25, d.scale(.001, .01)}, share[float64]{18, d.scale(.01, .05)}, share[float64]{7, d.scale(.05, .2)})
	if d.chance(.3) {
		l.Burst = d.scale(2, 6)
	}
	if d.chance(.15) {
		l.Reorder, l.ReorderBy = .02, d.scaleSpan(time.Millisecond, 20*time.Millisecond)
	}
	if d.chance(.1) {
		l.Duplicate = .02
	}
	if d.chance(.7) {
		l.Rate = int(d.scale(40e3, 4e6))
		l.Queue = max(20_000, int(float64(l.Rate)*d.scale(.02, .6)))
	}
	l.MTU = weigh(d, share[int]{60, 1472}, share[int]{15, 0}, share[int]{20, 1240 + d.IntN(233)}, share[int]{5, leastMTU + d.IntN(1473-leastMTU)})
	return l
}

// leastMTU is the shortest longest payload that is drawn: an IPv4 host takes packets of 576 bytes.
const leastMTU = 560

// slowest is the rate in bytes a second of the slower of two homes, or what will do.
func slowest(a, b home) int {
	rate := 4_000_000
	for _, h := range []home{a, b} {
		if h.link.Rate > 0 {
			rate = min(rate, h.link.Rate)
		}
	}
	return rate
}

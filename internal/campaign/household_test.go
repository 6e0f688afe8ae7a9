package campaign

import (
	"fmt"
	"slices"

	"p2ptool/internal/netsim"
)

// A household is a home in a world, with its troubles of the moment.
type household struct {
	index    int
	plan     home
	nat      *netsim.NAT // nil: none
	outer    *netsim.NAT // of the carrier; nil: none
	troubles []*trouble
	machines []*machine // that are there now
}

// newHousehold makes the NATs of a home.
func (w *world) newHousehold(index int, plan home) *household {
	h := &household{index: index, plan: plan}
	realm := w.net.Realm
	if plan.place == carrier {
		h.outer = realm.NAT(w.newAddr(), plan.outer)
		h.outer.SetTimeout(plan.life)
		realm = h.outer.Realm
	}
	if plan.place != public {
		addr := "100.64.0.2"
		if plan.place != carrier {
			addr = w.newAddr()
		}
		h.nat = realm.NAT(addr, plan.kind)
		h.nat.SetTimeout(plan.life)
		h.nat.SetHairpin(plan.same)
		w.printer(h)
	}
	h.apply(w)
	return h
}

// newAddr is an address of the internet that nobody has had.
func (w *world) newAddr() string {
	w.addresses++
	return fmt.Sprintf("198.51.100.%d", w.addresses)
}

// admit attaches a machine.
func (h *household) admit(w *world, m *machine) {
	h.machines = append(h.machines, m)
	switch {
	case h.nat == nil && m.host == nil:
		m.host = w.net.Host(w.newAddr())
	case h.nat == nil:
		m.host.Move(w.net.Realm, w.newAddr())
	case m.host == nil:
		m.host = h.nat.Host(m.inner())
	default:
		m.host.Move(h.nat.Realm, m.inner())
	}
	h.attach6(w, m)
	m.home = h
	h.apply(w)
}

// attach6 gives a machine its IPv6 address.
func (h *household) attach6(w *world, m *machine) {
	if h.plan.v6 {
		w.addresses++
		m.host.Attach(w.net.Realm, fmt.Sprintf("2001:db8::%d", w.addresses))
	}
}

// shared reports whether the machines' traffic takes the NAT's link, and not one each: that of IPv6
// does not pass the NAT.
func (h *household) shared() bool { return h.nat != nil && !h.plan.v6 }

// dismiss removes a machine from the household.
func (h *household) dismiss(m *machine) {
	h.machines = slices.DeleteFunc(h.machines, func(o *machine) bool { return o == m })
}

// end ends a trouble.
func (h *household) end(w *world, t *trouble) {
	h.troubles = slices.DeleteFunc(h.troubles, func(o *trouble) bool { return o == t })
	h.apply(w)
}

// apply has the access be as the plan and the troubles say.
func (h *household) apply(w *world) {
	link, cut, noUDPNow := h.plan.link, false, h.plan.place == noUDP
	for _, t := range h.troubles {
		link, cut, noUDPNow = t.worsen(link, cut, noUDPNow)
	}
	for _, m := range h.machines {
		m.plug.pull(cut)
		if h.shared() {
			m.host.Link(netsim.Link{})
			m.host.Heal()
		}
	}
	if h.shared() {
		h.access(h.nat, link, cut || noUDPNow)
		return
	}
	for _, m := range h.machines {
		h.access(m.host, link, cut || noUDPNow)
	}
}

// An access is a NAT's or a host's.
type access interface {
	Link(netsim.Link)
	Cut()
	Heal()
}

func (h *household) access(a access, link netsim.Link, cut bool) {
	a.Link(link)
	if cut {
		a.Cut()
	} else {
		a.Heal()
	}
}

// worsen adds a trouble to what an access does.
func (t *trouble) worsen(l netsim.Link, cut, noUDPNow bool) (netsim.Link, bool, bool) {
	switch t.kind {
	case "cut":
		cut = true
	case "no UDP":
		noUDPNow = true
	case "loss":
		l.Loss = max(l.Loss, t.loss)
	case "rate":
		if l.Rate == 0 {
			l.Rate = 4_000_000
		}
		l.Rate = max(2000, int(float64(l.Rate)*t.part))
	case "mtu":
		if l.MTU == 0 || t.mtu < l.MTU {
			l.MTU = t.mtu
		}
	case "delay":
		l.Delay += t.delay
	}
	return l, cut, noUDPNow
}

// readdress gives the home another address, and the old one to a stranger.
func (h *household) readdress(w *world) {
	addr := w.newAddr()
	switch {
	case h.outer != nil:
		old := h.outer.Addr().String()
		h.outer.Readdress(addr)
		w.heir(old)
	case h.nat != nil:
		old := h.nat.Addr().String()
		h.nat.Readdress(addr)
		w.heir(old)
	default:
		for _, m := range h.machines {
			old := m.outerAddr()
			m.host.Move(w.net.Realm, w.newAddr())
			h.attach6(w, m)
			w.heir(old)
		}
	}
}

// A stranger is a host that takes no part in anything.
type stranger struct {
	name string
	host *netsim.Host
	home int

	addresses int
	heir      bool // it got an address that somebody had before
}

// printer puts a host into a home, at addresses that people have in theirs.
func (w *world) printer(h *household) {
	var addrs []string
	for i := range w.plan.people {
		if !w.comes(i, h.index) {
			addrs = append(addrs, innerAddr(i))
		}
	}
	if len(addrs) > 0 {
		w.strangers = append(w.strangers, &stranger{name: fmt.Sprintf("printer in home %d", h.index), home: h.index, addresses: len(addrs), host: h.nat.Host(addrs...)})
	}
}

// comes reports whether a person is ever in a home.
func (w *world) comes(who, home int) bool {
	return w.plan.people[who].home == home || len(w.plan.people)+who == home
}

// heir gives an address that is free now to a stranger.
func (w *world) heir(addr string) {
	w.strangers = append(w.strangers, &stranger{name: "heir of " + addr, host: w.net.Host(addr), heir: true})
}

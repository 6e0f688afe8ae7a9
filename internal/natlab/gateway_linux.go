package natlab

import (
	"net"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
)

// ctStatusDstNAT is IPS_DST_NAT of the kernel: the destination was translated.
const ctStatusDstNAT = 1 << 5

// Gateway gives the router an inner address of a /24, by which the hosts that are
// added from then on send: so they have a router to speak to. What a port mapping leads
// inside passes the filter, as at home. It is for kinds that filter, so not for FullCone.
//
// A daemon that maps ports finds table inet filter with the chains miniupnpd,
// prerouting_miniupnpd and postrouting_miniupnpd in their places.
func (r *Router) Gateway(addr string) {
	r.lab.t.Helper()
	ip := netip.MustParseAddr(addr)
	r.lab.must(r.ns.do(func() error {
		link, err := netlink.LinkByName(lan)
		if err != nil {
			return err
		}
		home := &net.IPNet{IP: ip.AsSlice(), Mask: net.CIDRMask(24, 32)}
		if err := netlink.AddrAdd(link, &netlink.Addr{IPNet: home}); err != nil {
			return err
		}
		return passMapped()
	}))
	r.gateway = ip
}

// via sends what is not for the own segment to a gateway.
func via(device string, gateway netip.Addr) error {
	link, err := netlink.LinkByName(device)
	if err != nil {
		return err
	}
	return netlink.RouteReplace(&netlink.Route{
		LinkIndex: link.Attrs().Index, Dst: everything(false), Gw: gateway.AsSlice(), Flags: int(netlink.FLAG_ONLINK),
	})
}

// passMapped makes the chains of a daemon, and lets pass what they translate:
//
//	table ip natlab chain forward: iifname wan ct status dnat accept
//	table inet filter:             chain prerouting, type nat: jump prerouting_miniupnpd; and so on
func passMapped() error {
	err := edit(func(t table) error {
		forward := &nftables.Chain{Name: "forward", Table: t.t}
		t.conn.InsertRule(&nftables.Rule{Table: t.t, Chain: forward, Exprs: concat([][]expr.Any{
			on(expr.MetaKeyIIFNAME, wan), ctHas(expr.CtKeySTATUS, ctStatusDstNAT), verdict(expr.VerdictAccept),
		})})
		return nil
	})
	if err != nil {
		return err
	}
	editing.Lock()
	defer editing.Unlock()
	conn, err := nftables.New()
	if err != nil {
		return err
	}
	t := table{conn, conn.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "filter"})}
	for _, c := range []struct {
		name, jump string
		kind       nftables.ChainType
		hook       *nftables.ChainHook
		priority   *nftables.ChainPriority
	}{
		{"forward", "miniupnpd", nftables.ChainTypeFilter, nftables.ChainHookForward, nftables.ChainPriorityFilter},
		{"prerouting", "prerouting_miniupnpd", nftables.ChainTypeNAT, nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest},
		{"postrouting", "postrouting_miniupnpd", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource},
	} {
		conn.AddChain(&nftables.Chain{Table: t.t, Name: c.jump})
		base := t.chain(c.name, c.kind, c.hook, *c.priority)
		t.rule(base, []expr.Any{&expr.Verdict{Kind: expr.VerdictJump, Chain: c.jump}})
	}
	return conn.Flush()
}

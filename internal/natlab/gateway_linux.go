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

// Gateway gives the router an inner address in a /24 network. Hosts that are added afterwards
// use it as their default gateway, so they can ask it for port mappings. Packets that a port
// mapping lets in pass the filter, as they do on a home router. It is for kinds that filter,
// so not for FullCone.
//
// A port mapping daemon finds the table inet filter with the chains miniupnpd,
// prerouting_miniupnpd and postrouting_miniupnpd already in place.
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

// via adds a default route by a gateway.
func via(device string, gateway netip.Addr) error {
	link, err := netlink.LinkByName(device)
	if err != nil {
		return err
	}
	return netlink.RouteReplace(&netlink.Route{
		LinkIndex: link.Attrs().Index, Dst: everything(false), Gw: gateway.AsSlice(), Flags: int(netlink.FLAG_ONLINK),
	})
}

// passMapped makes the chains for a port mapping daemon, and accepts the packets that they translate:
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

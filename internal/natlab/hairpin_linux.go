package natlab

import (
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// statusDNAT is the bit of a connection whose destination was translated
// (IPS_DST_NAT of linux/netfilter/nf_conntrack_common.h).
const statusDNAT = 1 << 5

// hairpin sends packets from inner hosts to the router's outer address back inside:
//
//	chain turn, type nat hook prerouting:
//	  iifname lan ip daddr <outside> meta l4proto udp dnat ip to udp dport map @eim
//	chain back, type nat hook postrouting, before chain post:
//	  iifname lan oifname lan ct status dnat snat ip to <outside>
func hairpin(outside netip.Addr) error {
	return edit(func(t table) error {
		eim, err := t.conn.GetSetByName(t.t, "eim")
		if err != nil {
			return err
		}
		turn := t.chain("turn", nftables.ChainTypeNAT, nftables.ChainHookPrerouting, *nftables.ChainPriorityNATDest-1)
		t.rule(turn, on(expr.MetaKeyIIFNAME, lan), isUDP(), []expr.Any{
			destAddr(reg1), equals(outside.AsSlice()), destPort(reg1),
			&expr.Lookup{SourceRegister: reg1, DestRegister: reg1, IsDestRegSet: true, SetName: eim.Name, SetID: eim.ID},
			&expr.NAT{Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: reg1, RegProtoMin: reg1b},
		})
		back := t.chain("back", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, *nftables.ChainPriorityNATSource-1)
		t.rule(back, on(expr.MetaKeyIIFNAME, lan), on(expr.MetaKeyOIFNAME, lan), []expr.Any{
			&expr.Ct{Key: expr.CtKeySTATUS, Register: reg1},
			&expr.Bitwise{
				SourceRegister: reg1, DestRegister: reg1, Len: 4,
				Mask: binaryutil.NativeEndian.PutUint32(statusDNAT), Xor: make([]byte, 4),
			},
			&expr.Cmp{Op: expr.CmpOpNeq, Register: reg1, Data: make([]byte, 4)},
			&expr.Immediate{Register: reg1, Data: outside.AsSlice()},
			&expr.NAT{Type: expr.NATTypeSourceNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: reg1},
		})
		return nil
	})
}

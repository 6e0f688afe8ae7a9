package natlab

import (
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// The ports of a sequence.
const (
	firstPort = 20_000
	portCount = 40_000
)

// countUp gives each new mapping the next port. Package nftables cannot express this for
// masquerade, so the rule is an snat with the outside address.
func countUp(outside netip.Addr) error {
	return edit(func(t table) error {
		count := t.chain("count", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, *nftables.ChainPriorityNATSource-1)
		t.conn.FlushChain(count)
		t.rule(count, on(expr.MetaKeyOIFNAME, wan), isUDP(), []expr.Any{
			&expr.Immediate{Register: reg1, Data: outside.AsSlice()},
			&expr.Numgen{Register: reg2, Modulus: portCount, Type: unix.NFT_NG_INCREMENTAL, Offset: firstPort},
			// The number is in host byte order: on a little-endian machine the port is in
			// its first two bytes. NAT expects network byte order.
			&expr.Byteorder{SourceRegister: reg2, DestRegister: reg2, Op: expr.ByteorderHton, Len: 2, Size: 2},
			&expr.NAT{Type: expr.NATTypeSourceNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: reg1, RegProtoMin: reg2, Specified: true},
		})
		return nil
	})
}

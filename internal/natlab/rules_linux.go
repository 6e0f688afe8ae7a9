package natlab

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// The rules of the kinds, as nft(8) writes them; all are in table ip natlab.
//
//	chain post, type nat hook postrouting:
//	  oifname wan [meta l4proto udp update @eim { udp sport : ip saddr . udp sport }]  full cone, address-restricted
//	  oifname wan masquerade [fully-random]                                           (symmetric)
//	chain count, type nat hook postrouting, before post:                              symmetric sequential
//	  oifname wan meta l4proto udp snat to <outside> : numgen inc mod 40000 offset 20000
//	chain pre, type nat hook prerouting:                                              full cone, address-restricted
//	  iifname wan meta l4proto udp dnat ip to udp dport map @eim
//	chain forward and chain input, type filter:                                       all but full cone; bare masquerade without input
//	  [oifname wan meta l4proto udp update @seen { ip saddr . udp sport . ip daddr }]  address-restricted
//	  iifname wan ct state established,related accept
//	  [iifname wan meta l4proto udp ip daddr . udp dport . ip saddr @seen accept]      address-restricted
//	  iifname wan drop

const (
	tableName = "natlab"
	// setTimeout is the lifetime of a full cone's mappings, which are kept in a set and
	// not in the connection table.
	setTimeout = 300 * time.Second
	setSize    = 65535
)

// The kernel has four registers of 16 bytes. Their second 4-byte words have numbers of their
// own.
const (
	reg1  = 1
	reg1b = 9
	reg1c = 10
	reg2  = 2
	reg2b = 13
)

// A table is the nftables table being written in the thread's namespace.
type table struct {
	conn *nftables.Conn
	t    *nftables.Table
}

// editing serializes the use of package nftables, which numbers the sets of all connections
// by one unguarded counter.
var editing sync.Mutex

// edit calls f and sends its additions to the kernel in one transaction.
func edit(f func(table) error) error {
	editing.Lock()
	defer editing.Unlock()
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	t := table{conn, conn.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: tableName})}
	if err := f(t); err != nil {
		return err
	}
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	return nil
}

// translate installs the rules of a kind of router in the thread's namespace.
func translate(kind Kind) error {
	return edit(func(t table) error {
		mapped := kind == FullCone || kind == AddressRestricted
		post := t.chain("post", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, *nftables.ChainPriorityNATSource)
		if mapped {
			if err := t.keepMapping(post); err != nil {
				return err
			}
		}
		t.rule(post, on(expr.MetaKeyOIFNAME, wan), []expr.Any{&expr.Masq{FullyRandom: kind == Symmetric}})
		if kind == FullCone {
			return nil
		}
		forward := t.chain("forward", nftables.ChainTypeFilter, nftables.ChainHookForward, *nftables.ChainPriorityFilter)
		if err := t.filter(forward, kind == AddressRestricted); err != nil {
			return err
		}
		if kind == BareMasquerade {
			return nil
		}
		input := t.chain("input", nftables.ChainTypeFilter, nftables.ChainHookInput, *nftables.ChainPriorityFilter)
		return t.filter(input, false)
	})
}

func (t table) chain(name string, kind nftables.ChainType, hook *nftables.ChainHook, priority nftables.ChainPriority) *nftables.Chain {
	return t.conn.AddChain(&nftables.Chain{Table: t.t, Name: name, Type: kind, Hooknum: hook, Priority: &priority})
}

func (t table) rule(chain *nftables.Chain, parts ...[]expr.Any) {
	t.conn.AddRule(&nftables.Rule{Table: t.t, Chain: chain, Exprs: concat(parts)})
}

func concat(parts [][]expr.Any) (all []expr.Any) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// keepMapping records a host's port when the host sends, and forwards packets from any source
// to that port to the host.
func (t table) keepMapping(post *nftables.Chain) error {
	eim := &nftables.Set{
		Table: t.t, Name: "eim", IsMap: true, Dynamic: true,
		HasTimeout: true, Timeout: setTimeout, Size: setSize,
		KeyType:  nftables.TypeInetService,
		DataType: nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetService),
	}
	if err := t.conn.AddSet(eim, nil); err != nil {
		return err
	}
	t.rule(post, on(expr.MetaKeyOIFNAME, wan), isUDP(), []expr.Any{
		sourcePort(reg1), sourceAddr(reg2), sourcePort(reg2b),
		&expr.Dynset{SrcRegKey: reg1, SrcRegData: reg2, SetName: eim.Name, SetID: eim.ID, Operation: unix.NFT_DYNSET_OP_UPDATE},
	})
	pre := t.chain("pre", nftables.ChainTypeNAT, nftables.ChainHookPrerouting, *nftables.ChainPriorityNATDest)
	t.rule(pre, on(expr.MetaKeyIIFNAME, wan), isUDP(), []expr.Any{
		destPort(reg1),
		&expr.Lookup{SourceRegister: reg1, DestRegister: reg1, IsDestRegSet: true, SetName: eim.Name, SetID: eim.ID},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: reg1, RegProtoMin: reg1b},
	})
	return nil
}

// filter accepts only answers, or with byAddress also packets from an address to which the
// host has sent.
func (t table) filter(chain *nftables.Chain, byAddress bool) error {
	fromWAN := on(expr.MetaKeyIIFNAME, wan)
	seen := &nftables.Set{
		Table: t.t, Name: "seen", Dynamic: true,
		HasTimeout: true, Timeout: setTimeout, Size: setSize,
		KeyType: nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetService, nftables.TypeIPAddr),
	}
	if byAddress {
		if err := t.conn.AddSet(seen, nil); err != nil {
			return err
		}
		t.rule(chain, on(expr.MetaKeyOIFNAME, wan), isUDP(), []expr.Any{
			sourceAddr(reg1), sourcePort(reg1b), destAddr(reg1c),
			&expr.Dynset{SrcRegKey: reg1, SetName: seen.Name, SetID: seen.ID, Operation: unix.NFT_DYNSET_OP_UPDATE},
		})
	}
	t.rule(chain, fromWAN, isAnswer(), verdict(expr.VerdictAccept))
	if byAddress {
		t.rule(chain, fromWAN, isUDP(), []expr.Any{
			destAddr(reg1), destPort(reg1b), sourceAddr(reg1c),
			&expr.Lookup{SourceRegister: reg1, SetName: seen.Name, SetID: seen.ID},
		}, verdict(expr.VerdictAccept))
	}
	t.rule(chain, fromWAN, verdict(expr.VerdictDrop))
	return nil
}

// remap maps these inner ports to outer ones, before the rules of chain post:
// oifname wan udp sport inner snat to outside:outer.
func remap(ports map[uint16]uint16, outside netip.Addr) error {
	return edit(func(t table) error {
		first := t.chain("remap", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, *nftables.ChainPriorityNATSource-1)
		t.conn.FlushChain(first)
		for inner, outer := range ports {
			t.rule(first, on(expr.MetaKeyOIFNAME, wan), isUDP(), []expr.Any{
				sourcePort(reg1), equals(portBytes(inner)),
				&expr.Immediate{Register: reg1, Data: outside.AsSlice()},
				&expr.Immediate{Register: reg2, Data: portBytes(outer)},
				&expr.NAT{Type: expr.NATTypeSourceNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: reg1, RegProtoMin: reg2},
			})
		}
		return nil
	})
}

// blockUDP adds a rule to chain forward: meta l4proto udp udp dport != 53 drop.
func blockUDP() error {
	return edit(func(t table) error {
		block := t.chain("block", nftables.ChainTypeFilter, nftables.ChainHookForward, *nftables.ChainPriorityFilter-1)
		notDNS := &expr.Cmp{Op: expr.CmpOpNeq, Register: reg1, Data: portBytes(53)}
		t.rule(block, isUDP(), []expr.Any{destPort(reg1), notDNS}, verdict(expr.VerdictDrop))
		return nil
	})
}

// allowUDP removes the rule of blockUDP.
func allowUDP() error {
	return edit(func(t table) error {
		t.conn.FlushChain(&nftables.Chain{Table: t.t, Name: "block"})
		return nil
	})
}

// dropLonger drops forwarded packets of more than n bytes.
func dropLonger(n uint32) error {
	return edit(func(t table) error {
		hole := t.chain("hole", nftables.ChainTypeFilter, nftables.ChainHookForward, *nftables.ChainPriorityFilter)
		t.rule(hole, []expr.Any{
			&expr.Meta{Key: expr.MetaKeyLEN, Register: reg1},
			&expr.Byteorder{SourceRegister: reg1, DestRegister: reg1, Op: expr.ByteorderHton, Len: 4, Size: 4},
			&expr.Cmp{Op: expr.CmpOpGt, Register: reg1, Data: binary.BigEndian.AppendUint32(nil, n)},
		}, verdict(expr.VerdictDrop))
		return nil
	})
}

// forgetSets empties all sets of the table.
func forgetSets() error {
	return edit(func(t table) error {
		sets, err := t.conn.GetSets(t.t)
		for _, s := range sets {
			t.conn.FlushSet(s)
		}
		return err
	})
}

// on matches the input or output device of a packet.
func on(key expr.MetaKey, device string) []expr.Any {
	name := make([]byte, unix.IFNAMSIZ)
	copy(name, device)
	return []expr.Any{&expr.Meta{Key: key, Register: reg1}, equals(name)}
}

func isUDP() []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: reg1}, equals([]byte{unix.IPPROTO_UDP})}
}

// isAnswer matches packets of connections that were begun from inside.
func isAnswer() []expr.Any {
	return ctHas(expr.CtKeySTATE, expr.CtStateBitESTABLISHED|expr.CtStateBitRELATED)
}

// ctHas matches packets whose connection has one of these bits.
func ctHas(key expr.CtKey, bits uint32) []expr.Any {
	return []expr.Any{
		&expr.Ct{Key: key, Register: reg1},
		&expr.Bitwise{
			SourceRegister: reg1, DestRegister: reg1, Len: 4,
			Mask: binaryutil.NativeEndian.PutUint32(bits),
			Xor:  make([]byte, 4),
		},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: reg1, Data: make([]byte, 4)},
	}
}

func verdict(kind expr.VerdictKind) []expr.Any { return []expr.Any{&expr.Verdict{Kind: kind}} }

func equals(data []byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpEq, Register: reg1, Data: data} }

func portBytes(p uint16) []byte { return binary.BigEndian.AppendUint16(nil, p) }

func payload(base expr.PayloadBase, offset, n, register uint32) expr.Any {
	return &expr.Payload{DestRegister: register, Base: base, Offset: offset, Len: n}
}

func sourceAddr(reg uint32) expr.Any { return payload(expr.PayloadBaseNetworkHeader, 12, 4, reg) }
func destAddr(reg uint32) expr.Any   { return payload(expr.PayloadBaseNetworkHeader, 16, 4, reg) }
func sourcePort(reg uint32) expr.Any { return payload(expr.PayloadBaseTransportHeader, 0, 2, reg) }
func destPort(reg uint32) expr.Any   { return payload(expr.PayloadBaseTransportHeader, 2, 2, reg) }

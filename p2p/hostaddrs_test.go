package p2p_test

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p"
)

// crowded is a host with more addresses than a peer can name, the useful ones last. If sealed
// is set, its interfaces cannot be listed.
type crowded struct {
	*netsim.Host
	sealed bool
}

func (c crowded) Addrs() ([]netip.Addr, error) {
	if c.sealed {
		return nil, errors.New("permission denied")
	}
	var all []netip.Addr
	for i := range 20 {
		all = append(all, netip.MustParseAddr(fmt.Sprintf("172.%d.0.1", 17+i)))
	}
	own, err := c.Host.Addrs()
	return append(all, own...), err
}

// Neighbours find each other even if they have many bridges for containers, or if the system
// does not let programs list the interfaces.
func TestLANAddressAmongMany(t *testing.T) {
	for name, sealed := range map[string]bool{"many": false, "none": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				nat, ha := w.behind("198.51.100.1", "192.168.1.2", netsim.PortRestricted)
				hb := nat.Host("192.168.1.3")
				a, b := w.peer(crowded{ha, sealed}, nil), w.peer(crowded{hb, sealed}, nil)
				l, _ := mustConnect(t, a, b)
				time.Sleep(time.Second)
				if l.Path().Kind.Relayed() {
					t.Errorf("path is %v", l.Path())
				}
				v, err := l.View(t.Context())
				if err != nil || len(v.Candidates) == 0 || v.Candidates[0].Addr.Addr() != netip.MustParseAddr("198.51.100.1") {
					t.Errorf("%+v, %v", v.Candidates, err)
				}
				if want := netip.MustParseAddr("192.168.1.2"); !hasAddr(v.Candidates, want) {
					t.Errorf("%v is not among %v", want, v.Candidates)
				}
				a.Close()
				b.Close()
			})
		})
	}
}

func hasAddr(cs []p2p.Candidate, a netip.Addr) bool {
	for _, c := range cs {
		if c.Addr.Addr() == a {
			return true
		}
	}
	return false
}

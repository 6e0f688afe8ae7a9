package server

import (
	"net/netip"
	"testing"

	"p2ptool/p2p/noise"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/udp"
)

// A recorder is a socket that only notes to whom is sent.
type recorder struct {
	udp.Conn
	sent []netip.AddrPort
}

func (r *recorder) Write(b udp.Batch) error {
	r.sent = append(r.sent, b.Addr)
	return nil
}

// However much has come before from those without a session, a packet of a session is answered before any of it. Of
// that a bounded part is kept, of each kind, and none of a flood of one kind takes the place of another.
func TestSessionsBeforeAllOthers(t *testing.T) {
	r := newRig(t, Limits{})
	m := r.join(source(1), newKey(t), listener)
	m.tell(m.at, ping(0))
	var conn recorder
	give := func(from netip.AddrPort, d []byte) { r.s.handle(&conn, udp.Batch{Addr: from, Data: d, Size: len(d)}) }
	relayed := append(rendezvous.AppendRelay(nil, 77), floods["data"]()...)
	for i := range 3 * unauthenticatedQueue {
		for _, kind := range []string{"hello", "stun", "data", "init"} {
			give(source(100+i), floods[kind]())
		}
		give(source(100+i), relayed)
		forged := floods["data"]()
		copy(forged[1:5], m.seal(ping(0))[1:5]) // the index of the session, from elsewhere
		give(source(100+i), forged)
	}
	if len(conn.sent) != 0 {
		t.Fatalf("%d answers are sent at once", len(conn.sent))
	}
	give(m.at, m.seal(ping(0)))
	if len(conn.sent) != 1 || conn.sent[0] != m.at {
		t.Fatalf("the session's packet is answered by %v", conn.sent)
	}
	var i unauthenticatedItem
	var turns []queueKind
	kept := map[queueKind]int{}
	for r.s.unauthenticated.pop(&i) {
		turns = append(turns, i.kind)
		kept[i.kind]++
	}
	for k := range queueKinds {
		if kept[k] != unauthenticatedQueue || turns[0] == turns[1] {
			t.Errorf("%d of kind %d are kept, in the order %v", kept[k], k, turns[:6])
		}
	}
	if dropped := r.s.Stats().Busy; dropped != 13*unauthenticatedQueue {
		t.Errorf("%d datagrams are counted as dropped", dropped)
	}
}

// What waits keeps its content and its order although buffers are used again.
func TestUnauthenticatedQueueKeepsContent(t *testing.T) {
	u := newUnauthenticated()
	var i unauthenticatedItem
	next := byte(0)
	for n := range 5 * unauthenticatedQueue {
		d := make([]byte, noise.Overhead+n%50)
		d[0], d[1] = rendezvous.TypeData, byte(n)
		if !u.push(queueData, nil, source(n), d) {
			t.Fatal("full")
		}
		if n%3 == 0 {
			continue
		}
		for range 1 + n%2 {
			if !u.pop(&i) {
				break
			}
			if i.datagram[1] != next {
				t.Fatalf("number %d instead of %d", i.datagram[1], next)
			}
			next++
		}
	}
}

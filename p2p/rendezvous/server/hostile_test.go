package server

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p/identity"
	"p2ptool/p2p/limit"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/handshake"
	"p2ptool/p2p/stun"
	"p2ptool/p2p/tunnel"
	"p2ptool/p2p/udp"
)

func TestForgedHandshakesLeaveNothing(t *testing.T) {
	r := newRig(t, Limits{})
	genuine, _ := r.initiate(source(1), newKey(t), listener)
	for i := range 5_000 {
		from := source(1000 + i)
		r.request(from, rendezvous.Hello{Version: 1, Purpose: rendezvous.PurposeServer, Nonce: [16]byte{1}}.Append(nil))
		r.request(from, genuine.init) // a cookie made for another address
		forged := bytes.Clone(genuine.init)
		forged[24+i%16]++
		r.request(source(1), forged)
	}
	if got := r.s.Stats(); got.Pending+got.Peers != 0 || got.BadCookie != 10_000 {
		t.Errorf("after a flood: %+v", got)
	}
	if len(r.s.registry.chunks) != 0 {
		t.Error("a flood without cookies has left something")
	}
	r.request(source(1), genuine.init)
	if got := r.s.Stats(); got.Pending != 1 {
		t.Errorf("the genuine one is shut out: %+v", got)
	}
}

func TestCookiesAge(t *testing.T) {
	r := newRig(t, Limits{})
	old, _ := r.initiate(source(1), newKey(t), listener)
	r.now += cookieLife + time.Second
	r.request(source(2), rendezvous.Hello{Version: 1, Purpose: rendezvous.PurposeServer, Nonce: [16]byte{1}}.Append(nil)) // a new secret is drawn
	if r.request(source(1), old.init) == nil {
		t.Error("a cookie of the secret before is refused")
	}
	older, _ := r.initiate(source(1), newKey(t), listener)
	r.now += 2*cookieLife + time.Second
	if r.request(source(1), older.init) != nil {
		t.Error("a cookie of four minutes ago is taken")
	}
}

func TestReplayedInitHasNoEffect(t *testing.T) {
	r := newRig(t, Limits{})
	key := newKey(t)
	m := r.join(source(1), key, listener)
	m.tell(m.at, ping(0))
	before := *r.s.registry.callee(0, key.GUID(), 0)
	for range 100 {
		if got := r.request(m.at, m.init); !bytes.Equal(got, m.resp) {
			t.Fatalf("a repeated INIT is answered with %x", got)
		}
	}
	if got := r.s.Stats(); got.Pending != 0 || got.Peers != 1 {
		t.Fatalf("repetitions have made %+v", got)
	}
	r.now += handshake.PendingLife // it is forgotten, its cookie is still good
	if got := r.request(m.at, m.init); got == nil || bytes.Equal(got, m.resp) {
		t.Errorf("a replayed INIT is answered with %x", got)
	}
	if now := r.s.registry.callee(0, key.GUID(), 0); now == nil || now.index != before.index || now.at != before.at {
		t.Error("a replayed INIT has displaced the session")
	}
	if _, ok := m.tell(m.at, ping(0)); !ok {
		t.Error("a replayed INIT has broken the session")
	}
	r.now += handshake.PendingLife + time.Second
	m.tell(m.at, ping(0))
	r.s.sweepOnce(r.now)
	for range sweepTurns {
		r.s.sweepOnce(r.now)
	}
	if got := r.s.Stats(); got.Pending != 0 || got.Peers != 1 {
		t.Errorf("of the replay is left: %+v", got)
	}
}

// Whatever is sent to a server, and from whomever: it answers with less.
func TestNothingIsAmplified(t *testing.T) {
	r := newRig(t, Limits{})
	m := r.join(source(1), newKey(t), listener)
	other := r.join(source(2), newKey(t), rendezvous.Registration{Instance: 9, Flags: rendezvous.FlagListening | rendezvous.FlagListed, Version: 1, Name: string(bytes.Repeat([]byte("n"), rendezvous.MaxName))})
	other.tell(other.at, ping(0))
	for i := range 40 { // a list that fills its answer
		o := r.join(source(10+i), newKey(t), rendezvous.Registration{Instance: 1, Flags: rendezvous.FlagListening | rendezvous.FlagListed, Version: 1, Name: string(bytes.Repeat([]byte("n"), i))})
		o.tell(o.at, ping(0))
	}
	strange := source(3)
	for _, from := range []netip.AddrPort{m.at, strange} {
		for _, msg := range []rendezvous.Message{
			ping(0), ping(99),
			{Kind: rendezvous.KindLookup, Request: 2, Body: rendezvous.Lookup{GUID: other.key.GUID()}.Append(nil)},
			{Kind: rendezvous.KindLookup, Request: 3, Body: rendezvous.Lookup{GUID: identity.GUID{1}}.Append(nil)},
			{Kind: rendezvous.KindList, Request: 4, Body: rendezvous.List{Cursor: 0}.Append(nil)},
			{Kind: rendezvous.KindIntroduce, Request: 5, Body: rendezvous.Introduce{GUID: other.key.GUID(), Instance: 0, Version: 1, What: 1, Data: make([]byte, rendezvous.MaxIntroduction)}.Append(nil)},
			{Kind: rendezvous.KindIntroduce, Request: 6, Body: rendezvous.Introduce{GUID: identity.GUID{1}, Instance: 0, Version: 1, What: 1, Data: nil}.Append(nil)},
			{Kind: rendezvous.KindAnswer, Request: 7, Body: rendezvous.Answer{Data: []byte("x")}.Append(nil)},
			{Kind: rendezvous.KindFailed, Request: 7, Body: []byte{2}},
		} {
			answer, ok := m.tell(from, msg) // request checks the length
			if wants := msg.Kind != rendezvous.KindAnswer && msg.Kind != rendezvous.KindFailed && !(msg.Kind == rendezvous.KindIntroduce && msg.Request == 5 && from == m.at); ok != wants {
				t.Errorf("kind %d from %v: answered %v with %d", msg.Kind, from, ok, answer.Kind)
			}
		}
		for k := range 256 { // each kind with bodies too short
			for _, n := range []int{0, 1, 27, 28, 40} {
				m.tell(from, rendezvous.Message{Kind: rendezvous.Kind(k), Request: 8, Body: make([]byte, n)})
				if rendezvous.Kind(k) == rendezvous.KindBye {
					m = r.join(source(1), m.key, listener)
				}
			}
		}
	}
	r.request(strange, stun.Request{ID: stun.ID{1}}.Append(nil))
	r.request(netip.MustParseAddrPort("[2001:db8::1]:9"), stun.Request{ID: stun.ID{1}}.Append(nil))
	unknown := m.seal(ping(0))
	unknown[4]++
	if got := r.request(strange, unknown); len(got) != unknownSize {
		t.Errorf("an unknown session is answered with %x", got)
	}
}

// A packet whose index is, after a restart, that of another's session is
// answered as one of an unknown session; a repeated one is not.
func TestIndexOfAnother(t *testing.T) {
	r := newRig(t, Limits{})
	m := r.join(source(1), newKey(t), listener)
	d := m.seal(ping(0))
	if got := r.request(m.at, d); len(got) <= unknownSize {
		t.Errorf("a packet is answered with %x", got)
	}
	if got := r.request(m.at, d); got != nil {
		t.Errorf("a repeated packet is answered with %x", got)
	}
	other := noise.Secrets{Send: [32]byte{1}}.NewCompact()
	stale, _ := other.Seal(ping(0).Append(make([]byte, noise.HeaderSize, 100)), rendezvous.TypeData, m.index)
	if got, answered, err := rendezvous.ParseUnknown(r.request(source(2), stale)); err != nil || got != m.index || answered != rendezvous.TagOf(stale) {
		t.Errorf("a packet of another session is answered with %x, %x, %v", got, answered, err)
	}
}

// A session that is reserved has no keys: what is sealed with zeros must not
// open.
func TestReservedSessionOpensNothing(t *testing.T) {
	r := newRig(t, Limits{})
	p := r.s.registry.add(0, source(1))
	zeros := noise.Secrets{}.NewCompact()
	d, _ := zeros.Seal(ping(0).Append(make([]byte, noise.HeaderSize, 100)), rendezvous.TypeData, p.index)
	if got := r.request(source(1), d); len(got) != unknownSize || p.state != stateReserved {
		t.Errorf("answered with %x, state %d", got, p.state)
	}
}

// Two servers that are made to talk to each other fall silent.
func TestNoAnswerIsAnswered(t *testing.T) {
	r := newRig(t, Limits{})
	for _, d := range [][]byte{
		rendezvous.CookieReply{Version: 1, Purpose: rendezvous.PurposeServer, Observed: testV4}.Append(nil),
		rendezvous.Response{Version: 1, Purpose: rendezvous.PurposeServer, Noise: make([]byte, 200)}.Append(nil),
		rendezvous.AppendUnknown(nil, make([]byte, noise.Overhead)), rendezvous.AppendStale(nil, 1),
		stun.Response{Observed: testV4}.Append(nil), stun.Response{Observed: testV6}.Append(nil),
		{12, 1, 2, 3}, {63}, {64}, {255}, {},
	} {
		if got := r.request(source(1), d); got != nil {
			t.Errorf("%x is answered with %x", d, got)
		}
	}
}

// A session that claims an address it does not receive at stays where it is.
func TestClaimedAddressIsNotBelieved(t *testing.T) {
	r := newRig(t, Limits{})
	m := r.join(source(1), newKey(t), listener)
	m.tell(m.at, ping(0))
	p := r.s.registry.get(m.index)
	victim := source(666)
	for token := range uint64(50) {
		m.tell(victim, ping(token))
		if p.at.Addr() != m.at {
			t.Fatal("the session has moved without a proof")
		}
	}
	// A token is good for the address that it was sent to, and no other.
	a, _ := m.tell(source(2), ping(0))
	got, err := rendezvous.ParseAlive(a.Body)
	if err != nil || got.Token == 0 {
		t.Fatalf("no token: %+v, %v", got, err)
	}
	if m.tell(victim, ping(got.Token)); p.at.Addr() != m.at {
		t.Error("the session has moved with a token for another address")
	}
	late := m.seal(ping(got.Token))
	if m.tell(source(2), ping(got.Token)); p.at.Addr() != source(2) {
		t.Fatal("the session has not moved with its token")
	}
	a, _ = m.tell(source(4), ping(0))
	got, _ = rendezvous.ParseAlive(a.Body)
	if m.tell(source(4), ping(got.Token)); p.at.Addr() != source(4) {
		t.Fatal("the session has not moved on")
	}
	if r.request(source(2), late); p.at.Addr() != source(4) {
		t.Error("a late packet has moved the session back")
	}
}

// What was proven by a stream proves nothing for UDP: anybody can have a TCP connection
// from an address at which another program, or another host behind the same NAT, receives UDP.
func TestProofByStreamIsNotOneForUDP(t *testing.T) {
	r := newRig(t, Limits{})
	m := r.join(source(1), newKey(t), listener)
	m.tell(m.at, ping(0))
	p := r.s.registry.get(m.index)
	victim := source(666)
	a, _ := m.tell(tunnel.Mark(victim), ping(0))
	got, err := rendezvous.ParseAlive(a.Body)
	if err != nil || got.Token == 0 {
		t.Fatalf("no token: %+v, %v", got, err)
	}
	if m.tell(victim, ping(got.Token)); p.at.Addr() != m.at {
		t.Error("a token that came by a stream has moved the session to a UDP address")
	}
	if m.tell(tunnel.Mark(victim), ping(got.Token)); p.at.Addr() != tunnel.Mark(victim) {
		t.Error("the session has not moved to the stream")
	}

	key := newKey(t)
	other, _ := r.initiate(tunnel.Mark(victim), key, listener)
	if r.request(victim, other.init) != nil {
		t.Error("a cookie that came by a stream counts at a UDP address")
	}
	if r.request(tunnel.Mark(victim), other.init) == nil {
		t.Error("a cookie does not count where it came from")
	}
}

func TestLimitsBySource(t *testing.T) {
	r := newRig(t, Limits{
		HelloRate: limit.Rate{PerSecond: 10, Burst: 20}, InitRate: limit.Rate{PerSecond: 1, Burst: 5}, UnauthenticatedRate: limit.Rate{PerSecond: 1, Burst: 10}, PeersPerSource: 4,
	})
	request := stun.Request{ID: stun.ID{1}}.Append(nil)
	count := func(n int, from func(int) netip.AddrPort, d []byte) (answered int) {
		for i := range n {
			if r.request(from(i), d) != nil {
				answered++
			}
		}
		return answered
	}
	one := func(int) netip.AddrPort { return source(1) }
	sameNet := func(i int) netip.AddrPort {
		return netip.AddrPortFrom(netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1)), 9)
	}
	hi := rendezvous.Hello{Version: 1, Purpose: rendezvous.PurposeServer, Nonce: [16]byte{1}}.Append(nil)
	if got := count(100, one, hi); got != 20 {
		t.Errorf("%d of 100 HELLOs at once are answered", got)
	}
	if got := count(100, sameNet, request); got != 10 {
		t.Errorf("%d of 100 STUN requests of one network are answered", got)
	}
	if got := count(100, source, request); got != 100 {
		t.Errorf("%d of 100 sources are answered", got)
	}
	r.now += time.Minute
	for i := range 4 {
		r.join(source(1), newKey(t), rendezvous.Registration{Instance: uint64(i + 1)})
	}
	more, _ := r.initiate(source(1), newKey(t), listener)
	if r.request(source(1), more.init) != nil || r.s.Stats().Full != 1 {
		t.Error("a source got more sessions than it may have")
	}
	r.join(source(2), newKey(t), listener)
	r.now += handshake.PendingLife + time.Second
	for range sweepTurns {
		r.s.sweepOnce(r.now)
	}
	if got := r.s.Stats(); got.Pending != 0 || r.s.registry.sources.Count(source(1).Addr()) != 0 {
		t.Errorf("after their time %d sessions are left", got.Pending)
	}
}

func TestProcessesOfOneGUIDAreBounded(t *testing.T) {
	r := newRig(t, Limits{})
	key := newKey(t)
	var first, last *member
	for i := range maxProcesses + 5 {
		last = r.join(source(i), key, rendezvous.Registration{Instance: uint64(i + 1), Flags: rendezvous.FlagListening})
		last.tell(last.at, ping(0))
		if i == 0 {
			first = last
		}
	}
	if got := r.s.Stats().Peers; got != maxProcesses {
		t.Errorf("%d processes are registered", got)
	}
	if r.s.registry.callee(0, key.GUID(), 0).index != last.index || r.s.registry.get(first.index) != nil {
		t.Error("it is not the oldest that has gone")
	}
}

// A flood of handshakes with good cookies, which never confirm, does not keep
// a peer out.
func TestPendingSessionsAreCrowdedOut(t *testing.T) {
	r := newRig(t, Limits{})
	r.s.registry.maxUnanswered = 20
	for i := range 60 {
		r.join(source(i), newKey(t), listener)
	}
	if got := r.s.Stats().Pending; got > 20 {
		t.Errorf("%d sessions are pending", got)
	}
	m := r.join(source(1000), newKey(t), listener)
	if a, ok := m.tell(m.at, ping(0)); !ok || a.Kind != rendezvous.KindAlive {
		t.Error("a peer is kept out")
	}
}

// Peers that register while strangers flood the server's link do so soon.
func TestFloodIsNotFelt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		startServer(t, n.Host(serverHost), nil)
		flooder := startPeer(t, n.Host("198.51.100.66"), nil)
		done := make(chan struct{})
		hi := rendezvous.Hello{Version: 1, Purpose: rendezvous.PurposeServer, Nonce: [16]byte{1}}.Append(nil)
		init := rendezvous.Initiation{Version: 1, Purpose: rendezvous.PurposeServer, Noise: make([]byte, 120)}.Append(nil)
		go func() {
			defer close(done)
			for range 400 { // 8,000 of each within a second
				flooder.conn.Write(udp.Batch{Addr: netip.MustParseAddrPort(serverAddr), Data: bytes.Repeat(hi, 20), Size: len(hi)})
				flooder.conn.Write(udp.Batch{Addr: netip.MustParseAddrPort(serverAddr), Data: bytes.Repeat(init, 20), Size: len(init)})
				time.Sleep(ms)
			}
		}()
		time.Sleep(100 * ms)
		took := startPeer(t, n.Host("198.51.100.2"), nil).mustRegister(time.Second)
		if t.Logf("registered after %v", took); took > 100*ms {
			t.Error("that is too late")
		}
		<-done
	})
}

// INITs of another version are dropped, even with a cookie.
func TestInitiationOfAnotherVersion(t *testing.T) {
	r := newRig(t, Limits{})
	m, _ := r.initiate(source(1), newKey(t), listener)
	m.init[1]++
	if d := r.request(source(1), m.init); d != nil {
		t.Errorf("answered with type %d", d[0])
	}
}

// FuzzServer gives the server arbitrary datagrams, and arbitrary messages in
// genuine packets.
func FuzzServer(f *testing.F) {
	r := newRig(f, Limits{})
	f.Add([]byte{}, byte(1), make([]byte, 28))
	f.Add(rendezvous.Hello{Version: 1, Purpose: rendezvous.PurposeServer, Nonce: [16]byte{}}.Append(nil), byte(rendezvous.KindList), rendezvous.List{Cursor: 3}.Append(nil))
	f.Add(stun.Request{}.Append(nil), byte(rendezvous.KindIntroduce), rendezvous.Introduce{What: 1, Data: []byte("x")}.Append(nil))
	f.Add(rendezvous.AppendRelay(nil, 1), byte(rendezvous.KindAnswer), rendezvous.Answer{Data: []byte("x")}.Append(nil))
	key := newKey(f)
	f.Fuzz(func(t *testing.T, d []byte, k byte, body []byte) {
		r.t = t
		r.now += time.Second
		r.request(source(1), d)
		if len(body) > 1100 {
			body = body[:1100]
		}
		m := r.join(source(2), key, listener)
		m.tell(m.at, rendezvous.Message{Kind: rendezvous.Kind(k), Request: 1, Body: body})
		m.tell(source(3), rendezvous.Message{Kind: rendezvous.Kind(k), Request: 2, Body: body})
	})
}

package server

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"p2ptool/p2p/identity"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/rendezvous"
)

// A rig drives a server without sockets, datagram by datagram.
type rig struct {
	t   testing.TB
	s   *Server
	now time.Duration
}

func newRig(t testing.TB, l Limits) *rig {
	return &rig{t: t, s: newServer(Config{Key: newKey(t), Limits: l}, sockets{}, time.Now())}
}

// request gives a datagram to the server, and checks its answer's length.
func (r *rig) request(from netip.AddrPort, d []byte) []byte {
	r.t.Helper()
	size := len(d)
	d = bytes.Clone(d)
	reply := r.s.datagram(r.now, from, d)
	select {
	case hs := <-r.s.inits:
		reply = r.s.init(r.now, hs)
	default:
	}
	if len(reply) > size {
		r.t.Errorf("a datagram of type %d and %d bytes is answered with %d", d[0], size, len(reply))
	}
	return reply
}

// A member is a peer of a rig.
type member struct {
	r      *rig
	at     netip.AddrPort
	key    identity.SecretKey
	init   []byte // its INIT
	resp   []byte // and the answer
	index  uint32 // the server's
	crypto noise.Compact
}

// initiate makes the INIT of a peer, after the cookie.
func (r *rig) initiate(at netip.AddrPort, key identity.SecretKey, reg rendezvous.Registration) (*member, *noise.Initiator) {
	r.t.Helper()
	h := rendezvous.Hello{Version: rendezvous.ServerVersion, Purpose: rendezvous.PurposeServer, Nonce: [16]byte{byte(rand.Uint32()), 1}}
	c, err := rendezvous.ParseCookieReply(r.request(at, h.Append(nil)))
	if err != nil {
		r.t.Fatal(err)
	}
	state, msg, err := noise.Initiate(key, r.s.config.Key.Public(), rendezvous.Prologue(rendezvous.ServerVersion, rendezvous.PurposeServer), reg.Append(nil))
	if err != nil {
		r.t.Fatal(err)
	}
	m := rendezvous.Initiation{Version: rendezvous.ServerVersion, Purpose: rendezvous.PurposeServer, Index: rand.Uint32(), Nonce: c.Nonce, Cookie: c.Cookie, Noise: msg}
	return &member{r: r, at: at, key: key, init: m.Append(nil)}, state
}

// join registers a peer, but for its first packet.
func (r *rig) join(at netip.AddrPort, key identity.SecretKey, reg rendezvous.Registration) *member {
	r.t.Helper()
	m, state := r.initiate(at, key, reg)
	m.resp = r.request(at, m.init)
	resp, err := rendezvous.ParseResponse(m.resp)
	if err != nil {
		r.t.Fatal("no RESPONSE:", err)
	}
	_, secrets, err := state.Finish(resp.Noise)
	if err != nil {
		r.t.Fatal(err)
	}
	m.index, m.crypto = resp.Index, secrets.NewCompact()
	return m
}

// seal makes a packet of the peer.
func (m *member) seal(msg rendezvous.Message) []byte {
	m.r.t.Helper()
	d, err := m.crypto.Seal(msg.Append(make([]byte, noise.HeaderSize, 2000)), rendezvous.TypeData, m.index)
	if err != nil {
		m.r.t.Fatal(err)
	}
	return d
}

// tell sends a message to the server, from an address, and returns the answer.
func (m *member) tell(from netip.AddrPort, msg rendezvous.Message) (rendezvous.Message, bool) {
	m.r.t.Helper()
	reply := m.r.request(from, m.seal(msg))
	if reply == nil {
		return rendezvous.Message{}, false
	}
	plain, _, err := m.crypto.Open(reply)
	if err != nil {
		return rendezvous.Message{}, false
	}
	answer, err := rendezvous.ParseMessage(plain)
	if err != nil {
		m.r.t.Fatal(err)
	}
	return answer, true
}

func ping(token uint64) rendezvous.Message {
	return rendezvous.Message{Kind: rendezvous.KindKeepalive, Request: 1, Body: rendezvous.Keepalive{Token: token}.Append(nil)}
}

func source(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{100, byte(i >> 16), byte(i >> 8), byte(i)}), 4000)
}

var listener = rendezvous.Registration{Instance: 7, Flags: rendezvous.FlagListening | rendezvous.FlagListed, Version: 1, Name: "bob"}

package handshake

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/p2p/identity"
	"p2ptool/p2p/rendezvous"
)

var (
	initiatorAddr = netip.MustParseAddrPort("198.51.100.2:4000")
	responderAddr = netip.MustParseAddrPort("203.0.113.1:3478")
)

func newKey(t testing.TB) identity.SecretKey {
	t.Helper()
	k, err := identity.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// handshakeOver makes a session through a network that loses a part of the datagrams of each direction.
func handshakeOver(t *testing.T, loss float64, dial DialConfig, respond ResponderConfig) (s Session, in *Incoming, err error) {
	respond.Key, dial.Key, dial.Remote = newKey(t), newKey(t), responderAddr
	r := NewResponder(respond, time.Now())
	rng := rand.New(rand.NewPCG(1, uint64(loss*100)))
	var d *Dial
	dial.Payload = func() []byte { return []byte("from the initiator") }
	dial.Send = func(b []byte) {
		if rng.Float64() < loss {
			return
		}
		reply, arrived := r.HandleDatagram(time.Now(), initiatorAddr, bytes.Clone(b))
		if arrived != nil {
			in = arrived
			if reply, _, err = in.Accept(7, []byte("from the responder")); err != nil {
				t.Error(err)
			}
		}
		if len(reply) > len(b) {
			t.Errorf("%d bytes are answered with %d", len(b), len(reply))
		}
		if reply != nil && rng.Float64() >= loss {
			d.HandleDatagram(responderAddr, reply)
		}
	}
	d = NewDial(dial)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err = d.Run(ctx)
	return s, in, err
}

func TestHandshake(t *testing.T) {
	for _, loss := range []float64{0, 0.2, 0.5} {
		synctest.Test(t, func(t *testing.T) {
			s, in, err := handshakeOver(t, loss, DialConfig{Purpose: rendezvous.PurposeServer, Index: 5}, ResponderConfig{Purpose: rendezvous.PurposeServer})
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.HasPrefix(in.Payload, []byte("from the initiator")) || !bytes.HasPrefix(s.Payload, []byte("from the responder")) {
				t.Errorf("payloads %q and %q", in.Payload, s.Payload)
			}
			if in.Index != 5 || s.Index != 7 || in.From != initiatorAddr || s.Observed != initiatorAddr {
				t.Errorf("indexes %d and %d, addresses %v and %v", in.Index, s.Index, in.From, s.Observed)
			}
		})
	}
}

func TestHandshakeOfTwoVersions(t *testing.T) {
	for _, versions := range [][2]byte{{3, 4}, {4, 3}} {
		synctest.Test(t, func(t *testing.T) {
			var reported byte
			began := time.Now()
			_, in, err := handshakeOver(t, 0,
				DialConfig{Purpose: rendezvous.PurposeLink, Version: versions[0]},
				ResponderConfig{Purpose: rendezvous.PurposeLink, Version: versions[1], OnVersion: func(_ netip.AddrPort, v byte) { reported = v }})
			v, ok := errors.AsType[*rendezvous.VersionError](err)
			if !ok || v.Ours != versions[0] || v.Theirs != versions[1] || reported != versions[0] || in != nil {
				t.Errorf("the initiator of version %d gets %v, the responder of %d reports %d", versions[0], err, versions[1], reported)
			}
			if time.Since(began) != 0 {
				t.Errorf("after %v", time.Since(began))
			}
		})
	}
}

// A purpose is not answered by a responder for another one.
func TestHandshakeOfAnotherPurpose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, in, err := handshakeOver(t, 0, DialConfig{Purpose: rendezvous.PurposeLink}, ResponderConfig{Purpose: rendezvous.PurposeServer})
		if !errors.Is(err, context.DeadlineExceeded) || in != nil {
			t.Errorf("%v, %v", in, err)
		}
	})
}

// Datagrams without a valid cookie leave nothing behind.
func TestForgedInitiationsLeaveNothing(t *testing.T) {
	r := NewResponder(ResponderConfig{Key: newKey(t), Purpose: rendezvous.PurposeServer}, time.Now())
	for i := range 1000 {
		from := netip.AddrPortFrom(initiatorAddr.Addr(), uint16(i+1))
		r.Hello(time.Now(), from, rendezvous.Hello{Version: rendezvous.ServerVersion, Purpose: rendezvous.PurposeServer}.Append(nil))
		m := rendezvous.Initiation{Version: rendezvous.ServerVersion, Purpose: rendezvous.PurposeServer, Noise: make([]byte, 400)}
		if reply, in := r.Init(time.Now(), from, m.Append(nil)); reply != nil || in != nil {
			t.Fatal("accepted")
		}
	}
	if len(r.recent)+len(r.oldest) != 0 || r.Drops().BadCookie != 1000 {
		t.Errorf("%d INITs are kept, %+v", len(r.recent), r.Drops())
	}
}

// A token is good for one session at one address by one transport, for two to four minutes.
func TestToken(t *testing.T) {
	r := NewResponder(ResponderConfig{Key: newKey(t), Purpose: rendezvous.PurposeServer}, time.Now())
	now := time.Now()
	at := rendezvous.EndpointOf(initiatorAddr)
	token := r.Token(now, 1, at)
	stream := at
	stream.Stream = true
	for _, c := range []struct {
		after time.Duration
		index uint32
		at    rendezvous.Endpoint
		good  bool
	}{
		{0, 1, at, true}, {0, 2, at, false}, {0, 1, rendezvous.EndpointOf(responderAddr), false}, {0, 1, stream, false},
		{cookieLife + time.Second, 1, at, true}, {3 * cookieLife, 1, at, false},
	} {
		if got := r.CheckToken(now.Add(c.after), token, c.index, c.at); got != c.good {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

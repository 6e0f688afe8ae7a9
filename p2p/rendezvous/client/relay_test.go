package client

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/server"
	"p2ptool/p2p/udp"
)

// relayed makes a datagram for the relay with something recognisable in it.
func relayed(channel uint64, fill byte, size int) []byte {
	d := append(rendezvous.AppendRelay(nil, channel), rendezvous.TypeData)
	return append(d, bytes.Repeat([]byte{fill}, size-len(d))...)
}

func TestRelayGoesToTheOtherEndOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		s, a, b := pairOf(t, n, nil)
		c := startPeer(t, n.Host("198.51.100.4"), nil)
		c.mustRegister(time.Second)
		in, err := a.introduce(b.key.GUID(), "x")
		if err != nil {
			t.Fatal(err)
		}
		mine, theirs := in.Channel, b.called()[0].Channel
		server := a.ServerAddr()

		a.send(server, relayed(mine, 1, 1000))
		b.send(server, relayed(theirs, 2, 100))
		time.Sleep(100 * ms)
		if got := b.strays(); len(got) != 1 || !bytes.Equal(got[0], relayed(theirs, 1, 1000)) {
			t.Errorf("the callee got %x", got)
		}
		if got := a.strays(); len(got) != 1 || !bytes.Equal(got[0], relayed(mine, 2, 100)) {
			t.Errorf("the caller got %x", got)
		}

		// Nobody else is let in, not even with the right channel, and the ends
		// may not use each other's.
		c.send(server, relayed(mine, 3, 1000))
		a.send(server, relayed(theirs, 3, 1000))
		time.Sleep(100 * ms)
		if got := append(append(a.strays(), b.strays()...), c.strays()...); len(got) != 0 {
			t.Errorf("somebody got %x", got)
		}
		if got := s.Stats(); got.Relayed != 1100 || got.RelayStale != 2 || got.Channels != 1 {
			t.Errorf("the server counts %+v", got)
		}

		b.Client.Close()
		time.Sleep(100 * ms)
		a.send(server, relayed(mine, 4, 1000))
		time.Sleep(100 * ms)
		if got := b.strays(); len(got) != 0 || s.Stats().Channels != 0 {
			t.Errorf("after BYE %x came, of %d channels", got, s.Stats().Channels)
		}
	})
}

func TestRelayForwardsBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		s, a, b := pairOf(t, n, nil)
		in, _ := a.introduce(b.key.GUID(), "x")
		other, err := a.introduce(b.key.GUID(), "y")
		if err != nil {
			t.Fatal(err)
		}
		var batch []byte
		for i := range byte(40) {
			batch = append(batch, relayed(in.Channel, i, 1200)...)
		}
		batch = append(batch, relayed(other.Channel, 40, 1200)...) // a run of its own
		batch = append(batch, relayed(other.Channel, 41, 700)...)  // the last may be shorter
		a.conn.Write(udp.Batch{Addr: a.ServerAddr(), Data: batch, Size: 1200})
		time.Sleep(100 * ms)
		got := b.strays()
		if len(got) != 42 {
			t.Fatalf("%d datagrams came", len(got))
		}
		for i, d := range got {
			want := relayed(b.called()[i/40].Channel, byte(i), len(d))
			if !bytes.Equal(d, want) {
				t.Errorf("datagram %d is %x…", i, d[:16])
			}
		}
		if got := s.Stats().Relayed; got != uint64(len(batch)) {
			t.Errorf("%d bytes are counted of %d", got, len(batch))
		}
	})
}

func TestRelayRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		const rate = 4 << 20
		s, a, b := pairOf(t, n, func(c *server.Config) { c.Relay.LinkRate = rate })
		in, err := a.introduce(b.key.GUID(), "x")
		if err != nil {
			t.Fatal(err)
		}
		batch := bytes.Repeat(relayed(in.Channel, 1, 1000), 60)
		for range 1000 { // 60 MB within a second
			a.conn.Write(udp.Batch{Addr: a.ServerAddr(), Data: batch, Size: 1000})
			time.Sleep(ms)
		}
		got := s.Stats()
		if most := uint64(rate*11/10 + 4*udp.MaxBatch); got.Relayed > most || got.Relayed < rate*9/10 {
			t.Errorf("%d bytes were relayed in a second at %d bytes a second", got.Relayed, rate)
		}
		if got.RelayLimited*1000+got.Relayed < 58_000_000 {
			t.Errorf("what was dropped is not counted: %+v", got)
		}
	})
}

func TestRelayDisabledAndIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		s, a, b := pairOf(t, n, func(c *server.Config) { c.Relay.Disabled = true })
		if in, err := a.introduce(b.key.GUID(), "x"); err != nil || in.Channel != 0 || b.called()[0].Channel != 0 {
			t.Errorf("with the relay off: %+v, %v", in, err)
		}
		s.Close()
		s.config.Relay.Disabled = false
		s.start()
		time.Sleep(10 * time.Second)
		if _, err := a.introduce(b.key.GUID(), "x"); err != nil || s.Stats().Channels != 1 {
			t.Errorf("%d channels, %v", s.Stats().Channels, err)
		}
		time.Sleep(2*time.Minute + 10*time.Second)
		if s.Stats().Channels != 0 {
			t.Error("an idle channel is still there")
		}
	})
}

// The relay follows a peer to a new address, once it has proven to be there,
// and to the session that it makes after it was lost.
func TestRelayFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		startServer(t, n.Host(serverHost), nil)
		nat := n.NAT("198.51.100.1", netsim.PortRestricted)
		a := startPeer(t, nat.Host("192.168.1.2"), nil)
		b := startPeer(t, n.Host("198.51.100.3"), nil)
		b.answerWith(echo)
		a.mustRegister(time.Second)
		b.mustRegister(time.Second)
		time.Sleep(ms)
		in, err := a.introduce(b.key.GUID(), "x")
		if err != nil {
			t.Fatal(err)
		}
		theirs, server := b.called()[0].Channel, b.ServerAddr()
		send := func(when string) {
			t.Helper()
			b.send(server, relayed(theirs, 1, 100))
			time.Sleep(100 * ms)
			if got := a.strays(); len(got) != 1 || !bytes.Equal(got[0], relayed(in.Channel, 1, 100)) {
				t.Errorf("%s it got %x", when, got)
			}
		}
		send("at first")
		nat.Rebind()
		a.send(server, relayed(in.Channel, 2, 100)) // is answered with STALE
		time.Sleep(100 * ms)
		if got := b.strays(); len(got) != 0 {
			t.Errorf("from a new address was relayed: %x", got)
		}
		send("after STALE")

		nat.Cut()
		for a.State() == Registered {
			time.Sleep(100 * ms)
		}
		nat.Heal()
		a.mustRegister(time.Minute)
		time.Sleep(100 * ms)
		send("in its new session")
	})
}

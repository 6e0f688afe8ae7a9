package rendezvous

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p/identity"
	"p2ptool/p2p/udp"
)

// echo answers each call with what it carried.
func echo(c *Call) { c.Answer(append([]byte("re: "), c.Data...)) }

// pairOf starts a server, a peer that calls and one that is called, each 20 ms
// away from the server, and waits until they are registered.
func pairOf(t *testing.T, n *netsim.Net, change func(*ServerConfig)) (s *testServer, a, b *testPeer) {
	t.Helper()
	s = startServer(t, n.Host(serverHost), change)
	a = startPeer(t, linked(n, "198.51.100.2", 20*ms), nil)
	b = startPeer(t, linked(n, "198.51.100.3", 20*ms), nil)
	b.answerWith(echo)
	a.mustRegister(time.Second)
	b.mustRegister(time.Second)
	time.Sleep(time.Second)
	return s, a, b
}

func (p *testPeer) introduce(to identity.GUID, data string) (Introduced, error) {
	return p.Introduce(context.Background(), Introduction{GUID: to, Version: 1, What: WhatNewLink, Data: []byte(data)})
}

func TestIntroduce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		_, a, b := pairOf(t, n, nil)
		start := time.Now()
		f, err := a.Lookup(t.Context(), b.key.GUID(), 0)
		if err != nil || !f.Key.Equal(b.key.Public()) || f.Instance != b.config.Instance || f.Version != Version {
			t.Fatalf("Lookup: %+v, %v", f, err)
		}
		got, err := a.introduce(b.key.GUID(), "hello")
		if took := time.Since(start); err != nil || took != 40*ms+80*ms {
			t.Fatalf("introduced after %v: %v", took, err)
		}
		c := b.called()[0]
		if string(got.Data) != "re: hello" || c.What != WhatNewLink || c.Version != 1 {
			t.Errorf("answer %q to call %+v", got.Data, c)
		}
		if got.Observed != b.View().V4.Main || c.Observed != a.View().V4.Main {
			t.Errorf("caller is told %v, callee %v", got.Observed, c.Observed)
		}
		if got.Channel == 0 || c.Channel == 0 || got.Channel == c.Channel {
			t.Errorf("channels %x and %x", got.Channel, c.Channel)
		}
	})
}

func TestIntroduceOnceUnderLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(5)
		s := startServer(t, n.Host(serverHost), nil)
		lossy := func(addr string) *netsim.Host {
			h := n.Host(addr)
			h.Link(netsim.Link{Delay: 20 * ms, Loss: 0.1, Duplicate: 0.2, Reorder: 0.1})
			return h
		}
		a := startPeer(t, lossy("198.51.100.2"), nil)
		b := startPeer(t, lossy("198.51.100.3"), nil)
		b.answerWith(echo)
		a.mustRegister(time.Minute)
		b.mustRegister(time.Minute)
		const count = 20
		failed := 0
		for range count {
			if got, err := a.introduce(b.key.GUID(), "x"); err != nil {
				failed++
			} else if string(got.Data) != "re: x" {
				t.Errorf("answered with %q", got.Data)
			}
		}
		if failed > 0 || len(b.called()) > count {
			t.Errorf("%d of %d failed, with %d calls", failed, count, len(b.called()))
		}
		if got := s.Stats().Channels; got > count {
			t.Errorf("%d pairs of channels", got)
		}
	})
}

func TestIntroduceFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		s, a, b := pairOf(t, n, nil)
		b.answerWith((*Call).Refuse)
		if _, err := a.introduce(b.key.GUID(), "x"); !errors.Is(err, ErrRefused) {
			t.Errorf("refused: %v", err)
		}
		if _, err := a.introduce(newKey(t).GUID(), "x"); !errors.Is(err, ErrNotFound) {
			t.Errorf("unknown: %v", err)
		}
		if _, err := a.Lookup(t.Context(), newKey(t).GUID(), 0); !errors.Is(err, ErrNotFound) {
			t.Errorf("looked up: %v", err)
		}
		if _, err := a.introduce(b.key.GUID(), string(make([]byte, MaxIntroduction+1))); err == nil {
			t.Error("an introduction that is too long was sent")
		}
		b.answerWith(func(*Call) {}) // never
		start := time.Now()
		if _, err := a.introduce(b.key.GUID(), "x"); !errors.Is(err, ErrUnanswered) || time.Since(start) > 9*time.Second {
			t.Errorf("unanswered after %v: %v", time.Since(start), err)
		}
		b.answerWith(func(c *Call) { time.AfterFunc(3*time.Second, func() { echo(c) }) })
		if _, err := a.introduce(b.key.GUID(), "x"); err != nil {
			t.Errorf("answered late: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := a.Introduce(ctx, Introduction{GUID: b.key.GUID()}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cancelled: %v", err)
		}
		time.Sleep(20 * time.Second)
		s.mu.Lock()
		if i := s.introductions; len(i.byNumber)+len(i.byRequest)+len(i.oldest)+len(i.unanswered) != 0 {
			t.Errorf("the server keeps %+v", i)
		}
		s.mu.Unlock()
		a.Client.Close()
		if _, err := a.List(context.Background()); !errors.Is(err, ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	})
}

func TestIntroduceToInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		_, a, b := pairOf(t, n, nil)
		calling := startPeer(t, n.Host("198.51.100.4"), func(c *ClientConfig) { c.Key, c.Listening = b.key, false })
		calling.answerWith(func(c *Call) { c.Answer([]byte("from the one that calls")) })
		calling.mustRegister(time.Second)
		time.Sleep(ms)
		got, err := a.Introduce(t.Context(), Introduction{
			GUID: b.key.GUID(), Instance: calling.config.Instance, Version: 1, What: WhatOldLink, Data: []byte("x"),
		})
		if err != nil || string(got.Data) != "from the one that calls" {
			t.Errorf("%q, %v", got.Data, err)
		}
	})
}

// relayed makes a datagram for the relay with something recognisable in it.
func relayed(channel uint64, fill byte, size int) []byte {
	d := append(AppendRelay(nil, channel), TypeData)
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
		s, a, b := pairOf(t, n, func(c *ServerConfig) { c.Relay.LinkRate = rate })
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
		s, a, b := pairOf(t, n, func(c *ServerConfig) { c.Relay.Disabled = true })
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
		time.Sleep(channelIdle + 10*time.Second)
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

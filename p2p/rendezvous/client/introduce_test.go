package client

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p/identity"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/server"
)

// echo answers each call with what it carried.
func echo(c *Call) { c.Answer(append([]byte("re: "), c.Data...)) }

// pairOf starts a server, a peer that calls and one that is called, each 20 ms
// away from the server, and waits until they are registered.
func pairOf(t *testing.T, n *netsim.Net, change func(*server.Config)) (s *testServer, a, b *testPeer) {
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
	return p.Introduce(context.Background(), Introduction{GUID: to, Version: 1, What: rendezvous.WhatNewLink, Data: []byte(data)})
}

func TestIntroduce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		_, a, b := pairOf(t, n, nil)
		start := time.Now()
		f, err := a.Lookup(t.Context(), b.key.GUID(), 0)
		if err != nil || !f.Key.Equal(b.key.Public()) || f.Instance != b.config.Instance || f.Version != rendezvous.LinkVersion {
			t.Fatalf("Lookup: %+v, %v", f, err)
		}
		got, err := a.introduce(b.key.GUID(), "hello")
		if took := time.Since(start); err != nil || took != 40*ms+80*ms {
			t.Fatalf("introduced after %v: %v", took, err)
		}
		c := b.called()[0]
		if string(got.Data) != "re: hello" || c.What != rendezvous.WhatNewLink || c.Version != 1 {
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
		if _, err := a.introduce(b.key.GUID(), string(make([]byte, rendezvous.MaxIntroduction+1))); err == nil {
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
		if n := s.Stats().Introductions; n != 0 {
			t.Errorf("the server keeps %d introductions", n)
		}
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
		calling := startPeer(t, n.Host("198.51.100.4"), func(c *Config) { c.Key, c.Listening = b.key, false })
		calling.answerWith(func(c *Call) { c.Answer([]byte("from the one that calls")) })
		calling.mustRegister(time.Second)
		time.Sleep(ms)
		got, err := a.Introduce(t.Context(), Introduction{
			GUID: b.key.GUID(), Instance: calling.config.Instance, Version: 1, What: rendezvous.WhatOldLink, Data: []byte("x"),
		})
		if err != nil || string(got.Data) != "from the one that calls" {
			t.Errorf("%q, %v", got.Data, err)
		}
	})
}

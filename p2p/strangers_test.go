package p2p_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	"p2ptool/p2p"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/client"
	"p2ptool/p2p/udp"
)

// A flooder is a registered process that asks the server for many introductions, all with
// the same handshake message.
type flooder struct {
	client *client.Client
	conn   udp.Conn
	served chan struct{}
}

func (w *world) flooder(ip string) *flooder {
	w.t.Helper()
	conn, err := w.net.Host(ip).Listen("udp4", netip.MustParseAddrPort("0.0.0.0:0"))
	if err != nil {
		w.t.Fatal(err)
	}
	f := &flooder{conn: conn, served: make(chan struct{})}
	f.client = client.New(client.Config{
		Key: newKey(w.t), Server: serverAddr, Instance: rand.Uint64() | 1,
		Send: func(to netip.AddrPort, b []byte) { conn.Write(udp.Batch{Addr: to, Data: b, Size: len(b)}) },
	})
	go func() {
		defer close(f.served)
		udp.Serve(conn, func(_ udp.Conn, b udp.Batch) {
			b.Datagrams(func(d []byte) { f.client.HandleDatagram(b.Addr, d) })
		})
	}()
	return f
}

// flood asks for an introduction to a peer at the given interval until ctx ends.
func (f *flooder) flood(ctx context.Context, t *testing.T, victim *tester, key p2p.PublicKey, every time.Duration) {
	_, msg, err := noise.Initiate(newKey(t), key, rendezvous.Prologue(rendezvous.LinkVersion, rendezvous.PurposeLink), make([]byte, 30))
	if err != nil {
		t.Error(err)
		return
	}
	var asking sync.WaitGroup
	for ctx.Err() == nil {
		asking.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			defer cancel()
			f.client.Introduce(ctx, client.Introduction{
				GUID: victim.GUID(), Version: rendezvous.LinkVersion, What: rendezvous.WhatNewLink, Data: msg,
			})
		})
		select {
		case <-time.After(every):
		case <-ctx.Done():
		}
	}
	asking.Wait()
}

func (f *flooder) close() {
	f.client.Close()
	f.conn.Close()
	<-f.served
}

// Honest calls get through during a flood of a thousand introductions a second from
// strangers.
func TestHonestCallsBesideAFloodOfIntroductions(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		key := newKey(t)
		victim := w.peer(w.net.Host("198.51.100.1"), func(o *p2p.PeerOptions) { o.Key = key })
		if err := victim.Registered(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var flooding sync.WaitGroup
		var all []*flooder
		for i := range 20 {
			f := w.flooder(fmt.Sprintf("198.51.101.%d", i+1))
			all = append(all, f)
			flooding.Go(func() { f.flood(ctx, t, victim, key.Public(), 20*time.Millisecond) })
		}
		time.Sleep(time.Second)
		late, slowest := 0, time.Duration(0)
		for i := range 10 {
			honest := w.peer(w.net.Host(fmt.Sprintf("198.51.102.%d", i+1)), func(o *p2p.PeerOptions) { o.Calling = true })
			if err := honest.Registered(t.Context()); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			l, err := honest.Connect(ctx, victim.GUID(), p2p.ConnectOptions{})
			took := time.Since(began)
			slowest = max(slowest, took)
			if err != nil || took > 2*time.Second {
				late++
				t.Logf("call %d after %v: %v", i, took, err)
			} else {
				checkEcho(t, l, 100)
			}
			honest.Close()
		}
		t.Logf("the slowest of 10 honest calls took %v", slowest)
		if late > 0 {
			t.Errorf("%d of 10 honest calls did not get through within 2 s", late)
		}
		stop()
		flooding.Wait()
		for _, f := range all {
			f.close()
		}
		victim.Close()
	})
}

// Links with strangers are limited in number and in memory. Links with contacts, and links
// that the application has trusted, stay up.
func TestStrangersAreBounded(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		contact := newKey(t)
		host := w.net.Host("198.51.100.1")
		streams := make(chan *p2p.Link, 1)
		victim := w.peer(host, func(o *p2p.PeerOptions) {
			o.Known = func(g p2p.GUID) bool { return g == contact.GUID() }
			o.Handlers["hold"] = func(l *p2p.Link, s *p2p.Stream) {
				select {
				case streams <- l:
				default:
				}
				<-l.Done() // reads nothing
			}
		})
		friend := w.peer(w.net.Host("198.51.100.2"), func(o *p2p.PeerOptions) { o.Key = contact; o.Calling = true })
		known, _ := mustConnect(t, friend, victim)
		chosen := w.peer(w.net.Host("198.51.100.3"), func(o *p2p.PeerOptions) { o.Calling = true })
		trusted, _ := mustConnect(t, chosen, victim)
		hold(t, trusted, 1)
		(<-streams).Trust()

		attacker := w.net.Host("198.51.100.66")
		var crowd []*tester
		var busy int
		for range 140 {
			p := w.peer(attacker, func(o *p2p.PeerOptions) { o.Calling = true })
			crowd = append(crowd, p)
			l, _ := mustConnect(t, p, victim)
			hold(t, l, 8)
		}
		time.Sleep(5 * time.Second)
		if got := count[p2p.Connected](victim) - count[p2p.Disconnected](victim); got > 2+128 {
			t.Errorf("%d links of strangers are up", got-2)
		}
		for _, p := range crowd {
			p.mu.Lock()
			for _, e := range p.events {
				var closed *p2p.CloseError
				if d, ok := e.(p2p.Disconnected); ok && errors.As(d.Err, &closed) && closed.Code == p2p.CodeBusy {
					busy++
				}
			}
			p.mu.Unlock()
		}
		if busy < 140-128 {
			t.Errorf("%d of the strangers were let go of for want of room", busy)
		}
		checkAlive(t, "the link with a contact", known)
		checkAlive(t, "the link that was trusted", trusted)
		honest := w.peer(w.net.Host("198.51.100.4"), func(o *p2p.PeerOptions) { o.Calling = true })
		l, _ := mustConnect(t, honest, victim)
		checkAlive(t, "an honest stranger's link", l)
		time.Sleep(time.Minute)
		checkAlive(t, "an honest stranger's link, a minute later", l)
		for _, p := range append(crowd, friend, chosen, honest, victim) {
			p.Close()
		}
	})
}

// hold opens streams that the other side does not read, and fills their windows.
func hold(t *testing.T, l *p2p.Link, streams int) {
	t.Helper()
	for range streams {
		s, err := l.OpenStream("hold")
		if err != nil {
			return // the other side has closed the link
		}
		go s.Write(make([]byte, 64<<10-16))
	}
}

// A process that only calls accepts no link, even from a stranger who knows its port.
func TestCallingTakesNoLinks(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		victim := w.peer(w.net.Host("198.51.100.1"), func(o *p2p.PeerOptions) { o.Calling = true; o.Server = "" })
		stranger := w.peer(w.net.Host("198.51.100.2"), func(o *p2p.PeerOptions) { o.Server = "" })
		at := victim.LocalAddrs()[0]
		if l, err := stranger.Connect(t.Context(), victim.GUID(), p2p.ConnectOptions{Addr: netip.AddrPortFrom(netip.MustParseAddr("198.51.100.1"), at.Port()).String()}); err == nil {
			t.Errorf("a stranger has a link by %v", l.Path())
		}
		if n := count[p2p.Connected](victim); n != 0 {
			t.Errorf("%d links are up", n)
		}
		victim.Close()
		stranger.Close()
	})
}

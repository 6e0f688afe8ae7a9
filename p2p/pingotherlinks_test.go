package p2p_test

import (
	"testing"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p"
)

// A caller is killed, restarts and calls again. The listener gives up the link with
// the killed process.
func TestCallerRestarts(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		key := newKey(t)
		calling := func(o *p2p.PeerOptions) { o.Key, o.Calling = key, true }
		_, host := w.behind("198.51.100.1", "192.168.1.2", netsim.PortRestricted)
		b := w.public("198.51.100.2", nil)
		a := w.peer(host, calling)
		mustConnect(t, a, b)
		old, err := b.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		host.Cut()
		a.Close()
		host.Heal()
		a = w.peer(host, calling)
		l, _ := mustConnect(t, a, b)
		start := time.Now()
		<-old.Done()
		if d := time.Since(start); d > 3*time.Second {
			t.Errorf("the old link ended after %v", d)
		}
		checkEcho(t, l, 1000)
		a.Close()
		b.Close()
	})
}

// Two callers with the same key keep their links, even if a third of the packets
// are lost.
func TestCallersSideBySide(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		key := newKey(t)
		calling := func(o *p2p.PeerOptions) { o.Key, o.Calling = key, true }
		nat, host := w.behind("198.51.100.1", "192.168.1.2", netsim.PortRestricted)
		b := w.public("198.51.100.2", nil)
		first, second := w.peer(host, calling), w.peer(host, calling)
		one, _ := mustConnect(t, first, b)
		nat.Link(netsim.Link{Delay: oneWay, Loss: .33})
		two, _ := mustConnect(t, second, b)
		time.Sleep(10 * time.Second)
		nat.Link(netsim.Link{Delay: oneWay})
		checkEcho(t, one, 1000)
		checkEcho(t, two, 1000)
		first.Close()
		second.Close()
		b.Close()
	})
}

// A listener that is called by its address is killed and restarts. The old link
// ends soon, although there is no server.
func TestListenerRestartsWithoutServer(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		key := newKey(t)
		host := w.net.Host("198.51.100.2")
		host.Link(netsim.Link{Delay: oneWay})
		listen := func(o *p2p.PeerOptions) { o.Key, o.Server, o.Listen = key, "", ":7000" }
		b := w.peer(host, listen)
		_, ha := w.behind("198.51.100.1", "192.168.1.2", netsim.PortRestricted)
		a := w.peer(ha, func(o *p2p.PeerOptions) { o.Server, o.Calling = "", true })
		old, err := a.Connect(t.Context(), b.GUID(), p2p.ConnectOptions{Addr: "198.51.100.2:7000"})
		if err != nil {
			t.Fatal(err)
		}
		host.Cut()
		b.Close()
		host.Heal()
		b = w.peer(host, listen)
		start := time.Now()
		<-old.Done()
		if d := time.Since(start); d > 3*time.Second {
			t.Errorf("the old link ended after %v", d)
		}
		l, err := a.Connect(t.Context(), b.GUID(), p2p.ConnectOptions{Addr: "198.51.100.2:7000"})
		if err != nil {
			t.Fatal(err)
		}
		checkEcho(t, l, 1000)
		a.Close()
		b.Close()
	})
}

// A listener on a host with many addresses is killed and restarts. The old link
// does not wait for each of its paths in turn.
func TestListenerOfManyAddressesRestarts(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		key := newKey(t)
		host := w.net.Host("198.51.100.2", "198.51.100.3", "198.51.100.4", "198.51.100.5", "198.51.100.6", "198.51.100.7")
		host.Link(netsim.Link{Delay: oneWay})
		a := w.public("198.51.100.1", nil)
		b := w.peer(host, func(o *p2p.PeerOptions) { o.Key = key })
		old, _ := mustConnect(t, a, b)
		time.Sleep(time.Second) // all its paths are valid now
		host.Cut()
		b.Close()
		host.Heal()
		b = w.peer(host, func(o *p2p.PeerOptions) { o.Key = key })
		s, err := old.OpenStream("echo")
		if err != nil {
			t.Fatal(err)
		}
		s.Write([]byte("is anybody there"))
		start := time.Now()
		<-old.Done()
		if d := time.Since(start); d > 4*time.Second {
			t.Errorf("the old link ended after %v", d)
		}
		a.Close()
		b.Close()
	})
}

// A process that joined is killed, and another one replaces it. The link with the killed process ends
// soon, although neither is a listener.
func TestJoinedProcessIsReplaced(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		key := newKey(t)
		joined := func(o *p2p.PeerOptions) { o.Key, o.Fallback = key, true }
		_, host := w.behind("198.51.100.2", "192.168.1.2", netsim.PortRestricted)
		b := w.peer(host, joined)
		b.Registered(t.Context())
		a := w.public("198.51.100.1", nil)
		old, err := a.Connect(t.Context(), key.GUID(), p2p.ConnectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		host.Cut()
		b.Close()
		host.Heal()
		b = w.peer(host, joined)
		b.Registered(t.Context())
		start := time.Now()
		<-old.Done()
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("the old link ended after %v", d)
		}
		l, err := a.Connect(t.Context(), key.GUID(), p2p.ConnectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		checkEcho(t, l, 1000)
		a.Close()
		b.Close()
	})
}

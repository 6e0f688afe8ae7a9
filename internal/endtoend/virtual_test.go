package endtoend

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p"
	"p2ptool/p2p/chat"
	"p2ptool/p2p/identity"
	"p2ptool/transfer"
)

// These tests run everything except the commands in virtual time: server, NATs, hole punching,
// links, chats and transfers. On real networks they would take hours.

// A virtualPair is two peers behind port-restricted NATs. b receives files and chats.
type virtualPair struct {
	t          *testing.T
	net        *netsim.Net
	server     *p2p.Server
	natA, natB *netsim.NAT
	a, b       *p2p.Peer
	dir        string
	received   chan error
	arrival    arrival       // of the transfer that b has received
	talk       *chat.Session // b's
}

const virtualServer = "203.0.113.1:3478"

func inVirtualTime(t *testing.T, link netsim.Link, f func(t *testing.T, v *virtualPair)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		v := &virtualPair{t: t, net: netsim.New(1), dir: t.TempDir(), received: make(chan error, 1), talk: chat.New(chat.Options{})}
		host := v.net.Host("203.0.113.1")
		host.Link(netsim.Link{Delay: 10 * time.Millisecond})
		server, err := p2p.NewServer(p2p.ServerOptions{Key: virtualKey(t), Network: host})
		if err != nil {
			t.Fatal(err)
		}
		v.server = server
		v.natA, v.a = v.peer("198.51.100.1", nil)
		v.natB, v.b = v.peer("198.51.100.2", map[string]func(*p2p.Link, *p2p.Stream){
			"file": v.takeFile,
			"chat": func(_ *p2p.Link, s *p2p.Stream) { v.talk.Run(context.Background(), s) },
		})
		if err := v.b.Registered(t.Context()); err != nil {
			t.Fatal(err)
		}
		v.natA.Link(link)
		v.natB.Link(link)
		f(t, v)
		v.natA.Link(netsim.Link{}) // so that closing messages get through
		v.natB.Link(netsim.Link{})
		v.a.Close()
		v.b.Close()
		v.server.Close()
		v.net.Close()
	})
}

func (v *virtualPair) peer(addr string, handlers map[string]func(*p2p.Link, *p2p.Stream)) (*netsim.NAT, *p2p.Peer) {
	nat := v.net.NAT(addr, netsim.PortRestricted)
	nat.Link(netsim.Link{Delay: 10 * time.Millisecond})
	p, err := p2p.NewPeer(p2p.PeerOptions{Key: virtualKey(v.t), Server: virtualServer, Network: nat.Host("192.168.1.2"), Handlers: handlers})
	if err != nil {
		v.t.Fatal(err)
	}
	return nat, p
}

func virtualKey(t *testing.T) identity.SecretKey {
	t.Helper()
	k, err := identity.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (v *virtualPair) takeFile(l *p2p.Link, s *p2p.Stream) {
	v.arrival = arrival{last: time.Now()}
	_, err := transfer.Receive(context.Background(), s, transfer.ReceiveOptions{Dir: v.dir, Peer: l.Peer().String(), OnEvent: v.arrival.observe})
	v.received <- err
}

// An arrival measures how long no byte of a transfer arrived.
type arrival struct {
	bytes int64
	last  time.Time
	stall time.Duration
}

// observe is the OnEvent of the transfer.
func (a *arrival) observe(e transfer.Event) {
	now := time.Now()
	switch e := e.(type) {
	case transfer.Progress:
		if e.Bytes == a.bytes {
			return
		}
		a.bytes = e.Bytes
	case transfer.File: // the last bytes count before they are synced and the file gets its name
	default:
		return
	}
	a.stall = max(a.stall, now.Sub(a.last))
	a.last = now
}

func (v *virtualPair) connect() *p2p.Link {
	v.t.Helper()
	l, err := v.a.Connect(v.t.Context(), v.b.GUID(), p2p.ConnectOptions{})
	if err != nil {
		v.t.Fatal(err)
	}
	return l
}

// sendFile sends n bytes by a file transfer, checks that they arrived, and returns the longest
// stall.
func (v *virtualPair) sendFile(l *p2p.Link, n int) time.Duration {
	v.t.Helper()
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{2}).Read(data)
	file := filepath.Join(v.t.TempDir(), "file.bin")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		v.t.Fatal(err)
	}
	s, err := l.OpenStream("file")
	if err != nil {
		v.t.Fatal(err)
	}
	_, err = transfer.Send(v.t.Context(), s, transfer.Source{Paths: []string{file}}, transfer.SendOptions{})
	if err != nil {
		v.t.Fatal(err)
	}
	if err := <-v.received; err != nil {
		v.t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(v.dir, "file.bin"))
	if err != nil || !bytes.Equal(got, data) {
		v.t.Errorf("what arrived is not what was sent: %v", err)
	}
	return v.arrival.stall
}

// say sends chat lines and checks that each arrives once and in order.
func (v *virtualPair) say(l *p2p.Link, n int) {
	v.t.Helper()
	s, err := l.OpenStream("chat")
	if err != nil {
		v.t.Fatal(err)
	}
	talk := chat.New(chat.Options{})
	over := make(chan error, 1)
	go func() { over <- talk.Run(context.Background(), s) }()
	go func() {
		for i := range n {
			talk.Send(v.t.Context(), fmt.Sprintf("line %d", i))
		}
	}()
	for i := range n {
		m, err := v.talk.Receive(v.t.Context())
		if want := fmt.Sprintf("line %d", i); err != nil || m.Text != want {
			v.t.Fatalf("received %q, %v, not %q", m.Text, err, want)
		}
	}
	if err := talk.WaitDelivered(v.t.Context()); err != nil {
		v.t.Error(err)
	}
	talk.Close(v.t.Context())
	<-over
}

func TestLossInVirtualTime(t *testing.T) {
	const oneWay = 10 * time.Millisecond
	for _, c := range []struct {
		name string
		link netsim.Link
		size int
	}{
		{"none", netsim.Link{Delay: oneWay}, 4 << 20},
		{"5% and reordering and duplicates", netsim.Link{Delay: oneWay, Loss: .025, Reorder: .05, ReorderBy: 5 * time.Millisecond, Duplicate: .02}, 1 << 20},
		{"50%", netsim.Link{Delay: oneWay, Loss: .29}, 200 << 10}, // on either access link: half of all
	} {
		t.Run(c.name, func(t *testing.T) {
			inVirtualTime(t, c.link, func(t *testing.T, v *virtualPair) {
				start := time.Now()
				l := v.connect()
				v.say(l, 50)
				said := time.Since(start)
				v.sendFile(l, c.size)
				t.Logf("50 lines in %v, %d bytes in %v, path %v", said, c.size, time.Since(start)-said, l.Path().Kind)
			})
		})
	}
}

// megabyte is an access link of 1 MiB a second.
var megabyte = netsim.Link{Delay: 10 * time.Millisecond, Rate: 1 << 20, MTU: 1472}

func TestOutageInVirtualTime(t *testing.T) {
	inVirtualTime(t, megabyte, func(t *testing.T, v *virtualPair) {
		l := v.connect()
		time.AfterFunc(3*time.Second, v.natB.Cut)
		time.AfterFunc(33*time.Second, v.natB.Heal)
		if stall := v.sendFile(l, 8<<20); stall < 30*time.Second || stall > 35*time.Second {
			t.Errorf("an outage of 30 s stopped the file for %v", stall)
		}
		v.say(l, 3)
	})
}

// A direct path does not need the server, which is also the relay.
func TestServerEndsInVirtualTime(t *testing.T) {
	inVirtualTime(t, megabyte, func(t *testing.T, v *virtualPair) {
		l := v.connect()
		time.AfterFunc(3*time.Second, func() { v.server.Close() })
		if stall := v.sendFile(l, 8<<20); stall > time.Second || l.Path().Kind != p2p.PathDirect {
			t.Errorf("stopped for %v, path %v", stall, l.Path())
		}
	})
}

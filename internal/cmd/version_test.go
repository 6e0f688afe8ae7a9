package cmd

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p/identity"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/client"
	"p2ptool/p2p/rendezvous/handshake"
	"p2ptool/p2p/udp"
)

// answerAs answers HELLOs at an address in a version, until what it returns is called.
func answerAs(t *testing.T, h *netsim.Host, port uint16, c handshake.ResponderConfig) (stop func()) {
	t.Helper()
	conn, err := h.Listen("udp4", netip.AddrPortFrom(netip.IPv4Unspecified(), port))
	if err != nil {
		t.Fatal(err)
	}
	r := handshake.NewResponder(c, time.Now())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = udp.Serve(conn, func(_ udp.Conn, b udp.Batch) {
			b.Datagrams(func(d []byte) {
				if reply := r.Hello(time.Now(), b.Addr, d); reply != nil {
					_ = conn.Write(udp.Batch{Addr: b.Addr, Data: reply, Size: len(reply)})
				}
			})
		})
	}()
	return func() {
		conn.Close()
		<-done
	}
}

func key(t *testing.T) identity.SecretKey {
	t.Helper()
	k, err := identity.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func mustGUID(t *testing.T, s string) identity.GUID {
	t.Helper()
	g, err := identity.ParseGUID(s)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// wantOutput wants a text in what a command wrote.
func (r *testProcess) wantOutput(text string) {
	r.t.Helper()
	if !strings.Contains(r.output(), text) {
		r.t.Errorf("%s does not say %q:\n%s", r.name, text, r.output())
	}
}

// A server of another version: what asks it fails and says so, and what stays online registers once it is updated.
func TestServerOfAnotherVersion(t *testing.T) {
	for _, theirs := range []byte{rendezvous.ServerVersion - 1, rendezvous.ServerVersion + 1} {
		t.Run(fmt.Sprint(theirs), func(t *testing.T) {
			onTestbed(t, func(t *testing.T, w *testbed) {
				w.server.Close()
				stop := answerAs(t, w.host, 3478, handshake.ResponderConfig{Key: w.key, Purpose: rendezvous.PurposeServer, Version: theirs})
				want := fmt.Sprintf(`server "%s:3478" %v`, testbedServer, &rendezvous.VersionError{Theirs: theirs, Ours: rendezvous.ServerVersion})
				run := w.start(w.peers[0], "", "run")
				for _, args := range [][]string{{"ping", w.peers[0].guid}, {"peers"}, {"doctor", w.peers[0].guid}, {"receive"}} {
					began := time.Now()
					r := w.start(w.peers[1], "", args...)
					r.wantExit(1)
					r.wantOutput(want)
					r.wantOutput(`"code":"version"`)
					if took := time.Since(began); took > time.Second {
						t.Errorf("%s took %v", args[0], took)
					}
				}
				if !run.alive() {
					t.Fatalf("run has ended: %s", run.output())
				}
				run.wantOutput(want + "; trying again")
				stop()
				w.serve(w.key)
				time.Sleep(13 * time.Second)
				w.start(w.peers[1], "", "ping", w.peers[0].guid, "-n", "1").wantExit(0)
				run.wantOutput("waiting as ")
				run.stop()
			})
		})
	}
}

// A peer of another version: the caller fails and says so, and who is called hears of it.
func TestPeerOfAnotherVersion(t *testing.T) {
	onTestbed(t, func(t *testing.T, w *testbed) {
		conn, err := w.peers[0].host.Listen("udp4", netip.AddrPortFrom(netip.IPv4Unspecified(), 4000))
		if err != nil {
			t.Fatal(err)
		}
		mine := key(t)
		other := client.New(client.Config{
			Key: mine, Server: testbedServer + ":3478", Instance: 1, Listening: true, LinkVersion: rendezvous.LinkVersion + 1,
			Send:   func(to netip.AddrPort, d []byte) { _ = conn.Write(udp.Batch{Addr: to, Data: d, Size: len(d)}) },
			OnCall: func(c *client.Call) { c.Refuse() },
		})
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = udp.Serve(conn, func(_ udp.Conn, b udp.Batch) {
				b.Datagrams(func(d []byte) { other.HandleDatagram(b.Addr, d) })
			})
		}()
		if err := other.Registered(t.Context()); err != nil {
			t.Fatal(err)
		}
		guid := mine.GUID().String()
		want := fmt.Sprintf(`peer "%s" %v`, guid, &rendezvous.VersionError{Theirs: rendezvous.LinkVersion + 1, Ours: rendezvous.LinkVersion})
		for _, args := range [][]string{{"ping", guid}, {"doctor", guid}, {"chat", guid, "--wait", "10m"}, {"send", w.peers[1].config, "--to", guid, "--wait", "10m"}} {
			began := time.Now()
			r := w.start(w.peers[1], "hello\n", args...)
			r.wantExit(1)
			r.wantOutput(want)
			r.wantOutput(`"code":"version"`)
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("%s took %v", args[0], took)
			}
		}
		receive := w.start(w.peers[1], "", "receive")
		time.Sleep(time.Second)
		found, err := other.Lookup(t.Context(), mustGUID(t, w.peers[1].guid), 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = other.Introduce(t.Context(), client.Introduction{
			GUID: mustGUID(t, w.peers[1].guid), Instance: found.Instance, Version: rendezvous.LinkVersion + 1, What: rendezvous.WhatNewLink,
		})
		if err != client.ErrRefused || found.Version != rendezvous.LinkVersion {
			t.Errorf("version %d, %v", found.Version, err)
		}
		receive.wantOutput(fmt.Sprintf("a peer at 198.51.100.1:4000 runs protocol %d, this is %d: update p2ptool here", rendezvous.LinkVersion+1, rendezvous.LinkVersion))
		if receive.count("incompatible") != 1 {
			t.Errorf("no event: %s", receive.output())
		}
		receive.stop()
		other.Close()
		conn.Close()
		<-done
	})
}

// Another server with another key answers at the address: what is to stay online goes on and registers when the right
// one is back, whether it was started before or meanwhile; all others fail and say why.
func TestServerOfAnotherKey(t *testing.T) {
	onTestbed(t, func(t *testing.T, w *testbed) {
		early := w.start(w.peers[0], "", "run")
		time.Sleep(time.Second)
		w.server.Close()
		w.serve(key(t))
		late := w.start(w.peers[1], "", "run", w.peers[0].guid)
		time.Sleep(40 * time.Second)
		for _, r := range []*testProcess{early, late} {
			if !r.alive() {
				t.Fatalf("%s has ended: %s", r.name, r.output())
			}
			r.wantOutput("server's key is not the expected one")
			if n := strings.Count(r.output(), "; trying again"); n != 1 && r == late {
				t.Errorf("%s says so %d times:\n%s", r.name, n, r.output())
			}
		}
		r := w.start(w.peers[1], "", "ping", w.peers[0].guid)
		r.wantExit(1)
		r.wantOutput("server's key is not the expected one")
		w.server.Close()
		w.serve(w.key)
		time.Sleep(20 * time.Second)
		for _, r := range []*testProcess{early, late} {
			r.wantOutput("registered")
			r.wantOutput("waiting as ")
			if r.count("connected") != 1 {
				t.Errorf("%s is not connected: %s", r.name, r.output())
			}
		}
		early.stop()
		late.stop()
	})
}

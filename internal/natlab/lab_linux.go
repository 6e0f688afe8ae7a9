package natlab

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"

	"github.com/google/nftables"
)

// T is the part of testing.T that a lab uses. A program that is not a test passes its own
// implementation, whose Fatal and Skip must not return either.
type T interface {
	Helper()
	Cleanup(func())
	Fatal(...any)
	Skip(...any)
}

// A Lab is an emulated internet. Its methods end the test if something fails.
type Lab struct {
	t        T
	internet *segment
	segments []*segment
	ports    []*port
	spaces   []*namespace
}

// New returns an empty lab, which is removed when the test ends. It skips the test where a
// lab cannot be built.
func New(t T) *Lab {
	t.Helper()
	if err := possible(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("natlab: ", err)
		}
		t.Skip("natlab: ", err)
	}
	l := &Lab{t: t}
	l.internet = l.segment(internetHops)
	t.Cleanup(l.close)
	return l
}

// SetHops sets how many routers lie between two devices of the internet. The default is six,
// so that a packet with a short time to live leaves its own NATs but does not reach the other.
func (l *Lab) SetHops(n int) {
	l.internet.mu.Lock()
	defer l.internet.mu.Unlock()
	l.internet.hops = n
}

// possible returns why no lab can be built here, if so. It looks once.
var possible = sync.OnceValue(func() error {
	if os.Geteuid() != 0 {
		return errors.New("not root")
	}
	ns, err := newNamespace()
	if err != nil {
		return err
	}
	defer ns.close()
	return ns.do(func() error {
		tun, err := openTUN("probe")
		if err != nil {
			return err
		}
		defer tun.Close()
		conn, err := nftables.New()
		if err != nil {
			return fmt.Errorf("nftables: %w", err)
		}
		if _, err := conn.ListTables(); err != nil {
			return fmt.Errorf("nftables: %w", err)
		}
		return nil
	})
})

func (l *Lab) segment(hops int) *segment {
	s := &segment{hops: hops, ports: make(map[netip.Addr]*port), parted: make(map[[2]*port]bool)}
	l.segments = append(l.segments, s)
	return s
}

// close waits until no goroutine or process of the lab runs any more.
func (l *Lab) close() {
	for _, p := range l.ports {
		p.close()
	}
	for _, s := range l.segments {
		s.loops.Wait()
	}
	for _, ns := range l.spaces {
		ns.close()
	}
}

// must ends the test if there is an error.
func (l *Lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal("natlab: ", err)
	}
}

// Host adds a host to the internet. Its link has a one-way delay of 3 ms.
func (l *Lab) Host(addrs ...string) *Host {
	l.t.Helper()
	return l.host(l.internet, Link{Delay: defaultDelay}, addrs)
}

// Router adds a router to the internet, to which hosts can be added. Its link has a one-way
// delay of 3 ms.
func (l *Lab) Router(addr string, kind Kind) *Router {
	l.t.Helper()
	return l.router(l.internet, Link{Delay: defaultDelay}, addr, kind)
}

func (l *Lab) host(seg *segment, link Link, addrs []string) *Host {
	l.t.Helper()
	return &Host{l.node(seg, "eth0", link, addrs)}
}

// node makes a namespace with a device on a segment.
func (l *Lab) node(seg *segment, device string, link Link, addrs []string) node {
	l.t.Helper()
	ns, err := newNamespace()
	l.must(err)
	l.spaces = append(l.spaces, ns)
	n := node{lab: l, ns: ns, seg: seg, device: device, port: l.plug(ns, seg, device, link)}
	for _, a := range addrs {
		n.addAddr(netip.MustParseAddr(a))
	}
	return n
}

// plug makes a device in a namespace and puts it on a segment.
func (l *Lab) plug(ns *namespace, seg *segment, device string, link Link) *port {
	l.t.Helper()
	var tun *os.File
	l.must(ns.do(func() (err error) {
		tun, err = openTUN(device)
		return err
	}))
	p := seg.plug(tun, link)
	l.ports = append(l.ports, p)
	return p
}

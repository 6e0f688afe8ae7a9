package natlab

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"p2ptool/p2p/udp"
)

const ms = time.Millisecond

// two builds a lab of two hosts on the internet.
func two(t *testing.T) (a, b *Host, from, to *inbox) {
	l := New(t)
	a, b = l.Host("203.0.113.1"), l.Host("203.0.113.2")
	return a, b, open(t, a, "203.0.113.1:1000"), open(t, b, "203.0.113.2:2000")
}

// echo returns the round-trip time of a datagram.
func echo(from, to *inbox, data string) time.Duration {
	start := time.Now()
	from.send(to.addr(), data)
	to.send(to.next().from, data)
	from.expect(data)
	return time.Since(start)
}

func TestDelay(t *testing.T) {
	t.Parallel()
	a, b, from, to := two(t)
	if rtt := echo(from, to, "x"); rtt < 4*defaultDelay {
		t.Errorf("round trip of %v at first", rtt)
	}
	a.Link(Link{Delay: 20 * ms})
	b.Link(Link{Delay: 10 * ms, Jitter: 10 * ms})
	least := time.Hour
	for range 10 {
		rtt := echo(from, to, "x")
		if rtt < 60*ms {
			t.Errorf("round trip of %v is shorter than the delay", rtt)
		}
		least = min(least, rtt)
	}
	// The minimum of ten, so that other load on the machine does not count.
	if least > 120*ms {
		t.Errorf("round trips of at least %v", least)
	}
}

func TestLossCutAndMTU(t *testing.T) {
	t.Parallel()
	a, b, from, to := two(t)
	steps := []struct {
		name   string
		change func()
		at     *Host
		passes bool
	}{
		{"cut", b.Cut, b, false},
		{"heal", b.Heal, b, true},
		{"loss", func() { a.SetLoss(1) }, a, false},
		{"no loss", func() { a.SetLoss(0) }, a, true},
		{"MTU of 127", func() { a.Link(Link{MTU: 127}) }, a, false},
		{"MTU of 128", func() { a.Link(Link{MTU: 128}) }, a, true},
	}
	for _, s := range steps {
		s.change()
		before := s.at.Lost()
		data := fmt.Sprintf("%-100s", s.name)
		from.send(to.addr(), data)
		if s.passes {
			to.expect(data)
		} else {
			eventually(t, func() bool { return s.at.Lost() > before })
		}
	}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, so func() bool) {
	t.Helper()
	again := time.NewTicker(ms)
	defer again.Stop()
	for deadline := time.After(patience); !so(); {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatal("the condition does not hold in time")
		}
	}
}

// TestPart: two parted places do not reach each other, and both still reach a third.
func TestPart(t *testing.T) {
	t.Parallel()
	l := New(t)
	a, b, c := l.Host("203.0.113.1"), l.Router("203.0.113.2", FullCone), l.Host("203.0.113.3")
	atA, atB, atC := open(t, a, "203.0.113.1:1000"), open(t, b, "203.0.113.2:2000"), open(t, c, "203.0.113.3:3000")
	a.Part(b)
	atA.send(atB.addr(), "lost")
	atB.send(atA.addr(), "lost")
	for _, from := range []*inbox{atA, atB} {
		from.send(atC.addr(), "to the third")
		atC.expect("to the third")
		atC.send(from.addr(), "back")
		from.expect("back")
	}
	a.Join(b)
	atB.send(atA.addr(), "joined")
	atA.expect("joined")
}

// TestBatches: the kernel segments what a socket sends in one call.
func TestBatches(t *testing.T) {
	t.Parallel()
	_, _, from, to := two(t)
	data := bytes.Repeat([]byte("0123456789"), 4000)
	for _, size := range []int{1200, 1472} {
		if err := from.conn.Write(udp.Batch{Addr: to.addr(), Data: data, Size: size}); err != nil {
			t.Fatalf("datagrams of %d: %v", size, err)
		}
		var all []byte
		for len(all) < len(data) {
			all = append(all, to.next().data...)
		}
		if !bytes.Equal(all, data) {
			t.Errorf("datagrams of %d: other bytes arrived", size)
		}
	}
	// The device's MTU is 1500, and nothing is fragmented.
	for _, n := range []int{1, 2} {
		if err := from.conn.Write(udp.Batch{Addr: to.addr(), Data: data[:n*1473], Size: 1473}); err == nil {
			t.Errorf("%d datagrams longer than the device's MTU were sent", n)
		}
	}
	from.send(to.addr(), "small")
	to.expect("small")
}

func TestIPv6(t *testing.T) {
	t.Parallel()
	l := New(t)
	a, b := l.Host("203.0.113.1", "2001:db8::1"), l.Host("2001:db8::2")
	from, to := open(t, a, "[::]:1000"), open(t, b, "[2001:db8::2]:2000")
	if g := from.reach(to, "six"); g.from != netip.MustParseAddrPort("[2001:db8::1]:1000") {
		t.Errorf("from %v", g.from)
	}
}

// TestTimeToLive: a packet with a short time to live is dropped on the internet.
func TestTimeToLive(t *testing.T) {
	t.Parallel()
	_, _, from, to := two(t)
	for ttl, data := range map[int]string{internetHops: "short", internetHops + 1: "enough"} {
		if err := from.conn.WriteTTL(udp.Batch{Addr: to.addr(), Data: []byte(data), Size: len(data)}, ttl); err != nil {
			t.Fatal(err)
		}
	}
	to.expect("enough")
	from.send(to.addr(), "end")
	to.expect("end")
}

func TestHostReaddress(t *testing.T) {
	t.Parallel()
	l := New(t)
	server := open(t, l.Host("203.0.113.1"), "203.0.113.1:9")
	router := l.Router("198.51.100.1", PortRestricted)
	for _, tt := range []struct {
		host         *Host
		fresh, after string // the new address, and the one that the server sees then
	}{
		{l.Host("203.0.113.2"), "203.0.113.3", "203.0.113.3"},
		{router.Host("192.168.1.2"), "192.168.1.3", "198.51.100.1"},
	} {
		in := open(t, tt.host, "0.0.0.0:5")
		before := observed(in, server)
		tt.host.Readdress(tt.fresh)
		in.send(server.addr(), "after")
		g := server.next()
		// The router still has the first mapping, so the port differs.
		if g.from.Addr() != netip.MustParseAddr(tt.after) || g.from == before {
			t.Errorf("seen at %v before, then at %v", before, g.from)
		}
		server.send(g.from, "back")
		in.expect("back")
		addrs, err := tt.host.Network().Addrs()
		if err != nil || !slices.Contains(addrs, netip.MustParseAddr(tt.fresh)) || slices.Contains(addrs, before.Addr()) {
			t.Errorf("addresses are %v (%v)", addrs, err)
		}
	}
}

func TestCommand(t *testing.T) {
	t.Parallel()
	l := New(t)
	h := l.Host("203.0.113.1")
	out, err := h.Command("cat", "/proc/net/dev").Output()
	if err != nil {
		t.Fatal(err)
	}
	if s := string(out); !strings.Contains(s, "eth0:") || strings.Count(s, ":") != 2 {
		t.Errorf("the program sees these devices:\n%s", s)
	}
	if out, err := h.Command("ls", "/no/such/file").CombinedOutput(); err == nil || len(out) == 0 {
		t.Errorf("a failing program: %q, %v", out, err)
	}
}

func TestDo(t *testing.T) {
	t.Parallel()
	l := New(t)
	var names []string
	l.Host("203.0.113.1").Do(func() {
		all, err := net.Interfaces()
		if err != nil {
			t.Error(err)
		}
		for _, i := range all {
			names = append(names, i.Name)
		}
	})
	if fmt.Sprint(names) != "[lo eth0]" {
		t.Errorf("devices are %v", names)
	}
}

// held returns the number of open files and the namespaces of this process's threads.
func held(t *testing.T) (files int, spaces map[string]bool) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	tasks, err := filepath.Glob("/proc/self/task/*/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	spaces = make(map[string]bool)
	for _, task := range tasks {
		if ns, err := os.Readlink(task); err == nil {
			spaces[ns] = true
		}
	}
	return len(fds), spaces
}

// TestNothingIsLeft is not parallel, so that it counts only its own lab.
func TestNothingIsLeft(t *testing.T) {
	build := func(t *testing.T) {
		l := New(t)
		server := open(t, l.Host("203.0.113.1"), "203.0.113.1:9")
		h := l.Router("198.51.100.1", FullCone).Host("192.168.1.2")
		observed(open(t, h, "0.0.0.0:5"), server)
		// This process would outlive the test.
		if err := h.Command("sleep", "1000").Start(); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("first", build) // afterwards the runtime has opened what it opens only once
	before, _ := held(t)
	t.Run("second", build)
	after, spaces := held(t)
	if after > before {
		t.Errorf("%d files are open, %d were before", after, before)
	}
	if len(spaces) != 1 {
		t.Errorf("threads are in the namespaces %v", spaces)
	}
}

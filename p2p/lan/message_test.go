package lan

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/time/rate"

	"p2ptool/p2p/identity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newGUID(t testing.TB) identity.GUID {
	t.Helper()
	key, err := identity.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key.GUID()
}

func question(t testing.TB, guid identity.GUID) []byte {
	t.Helper()
	b, err := appendQuestion(7, guid)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// home returns a network with this host at 192.168.1.2.
func home() []iface {
	return []iface{{prefixes: []netip.Prefix{netip.MustParsePrefix("192.168.1.2/24")}}}
}

func TestQuestionAndAnswer(t *testing.T) {
	guid := newGUID(t)
	r := responder{guid, func() uint16 { return 4321 }, rate.NewLimiter(1, 2)}
	neighbour := netip.MustParseAddrPort("192.168.1.9:50000")
	now := time.Now()
	answer := r.answer(now, neighbour, question(t, guid), home)
	if port, err := parseAnswer(answer, 7, guid); port != 4321 || err != nil {
		t.Errorf("port %d, %v", port, err)
	}
	var m dnsmessage.Message
	if err := m.Unpack(answer); err != nil || !m.Response || len(m.Answers) != 1 || len(m.Additionals) != 3 {
		t.Errorf("%+v, %v", m, err)
	}
	for name, b := range map[string][]byte{
		"another's question": question(t, newGUID(t)),
		"an answer":          answer,
		"nothing":            nil,
		"nonsense":           []byte(strings.Repeat("x", 100)),
		"cut off":            question(t, guid)[:30],
	} {
		if got := r.answer(now, neighbour, b, home); got != nil {
			t.Errorf("%s was answered: %x", name, got)
		}
	}
	if r.answer(now, netip.MustParseAddrPort("198.51.100.1:5353"), question(t, guid), home) != nil {
		t.Error("answered a host that is not a neighbour")
	}
	if r.answer(now, neighbour, question(t, guid), home) == nil || r.answer(now, neighbour, question(t, guid), home) != nil {
		t.Error("the limit is not two at once")
	}
}

// A link-local neighbour is a neighbour only on the interface of its zone; answers have no zone.
func TestIPv6(t *testing.T) {
	guid := newGUID(t)
	r := responder{guid, func() uint16 { return 4321 }, rate.NewLimiter(rate.Inf, 1)}
	look := func() []iface {
		ps := func(p string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(p)} }
		return []iface{
			{net.Interface{Name: "eth0"}, ps("fe80::1/64")},
			{net.Interface{Name: "eth1"}, append(ps("fe80::2/64"), ps("fd07::2/64")...)},
		}
	}
	for from, own := range map[string]string{
		"[fe80::9%eth0]:5": "fe80::1", "[fe80::9%eth1]:5": "fe80::2", "[fd07::9]:5": "fd07::2",
		"[fe80::9]:5": "", "[fe80::9%eth2]:5": "", "[fd08::9]:5": "", "192.168.1.9:5": "",
	} {
		from := netip.MustParseAddrPort(from)
		var found netip.AddrPort
		s := search{id: 7, guid: guid, found: func(a netip.AddrPort) { found = a }}
		answer := r.answer(time.Now(), from, question(t, guid), look)
		if own == "" {
			if answer != nil {
				t.Errorf("%v was answered", from)
			}
			right, _ := appendAnswer(7, guid, netip.MustParseAddrPort("[fe80::1]:4321"))
			if s.handle(from, right, look) || found.IsValid() {
				t.Errorf("accepted an answer from %v", from)
			}
			continue
		}
		if got := hostOf(t, answer); got != netip.MustParseAddr(own) {
			t.Errorf("%v received %v, want %s", from, got, own)
		}
		if want := netip.AddrPortFrom(from.Addr(), 4321); !s.handle(from, answer, look) || found != want {
			t.Errorf("found %v, want %v", found, want)
		}
	}
	r.port = func() uint16 { return 0 }
	if r.answer(time.Now(), netip.MustParseAddrPort("[fd07::9]:5"), question(t, guid), look) != nil {
		t.Error("answered over IPv6 without listening there")
	}
}

// hostOf returns the address in an answer's AAAA record.
func hostOf(t *testing.T, answer []byte) netip.Addr {
	t.Helper()
	var m dnsmessage.Message
	if err := m.Unpack(answer); err != nil {
		t.Fatal(err)
	}
	for _, r := range m.Additionals {
		if a, ok := r.Body.(*dnsmessage.AAAAResource); ok {
			return netip.AddrFrom16(a.AAAA)
		}
	}
	return netip.Addr{}
}

func TestFalseAnswers(t *testing.T) {
	guid := newGUID(t)
	addr := netip.MustParseAddrPort("192.168.1.2:4321")
	right, err := appendAnswer(7, guid, addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parseAnswer(right, 8, guid); err == nil {
		t.Error("accepted an answer to another question")
	}
	if _, err := parseAnswer(right, 7, newGUID(t)); err == nil {
		t.Error("accepted an answer about another peer")
	}
	portless, err := appendAnswer(7, guid, netip.AddrPortFrom(addr.Addr(), 0))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{portless, question(t, guid), right[:len(right)-3], nil} {
		if _, err := parseAnswer(b, 7, guid); err == nil {
			t.Errorf("accepted %x", b)
		}
	}
}

func FuzzParse(f *testing.F) {
	guid := newGUID(f)
	f.Add(question(f, guid))
	b, _ := appendAnswer(7, guid, netip.MustParseAddrPort("192.168.1.2:4321"))
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if port, err := parseAnswer(b, 7, guid); err == nil && port == 0 {
			t.Error("port 0")
		}
		_, _ = parseQuestion(b, guid)
	})
}

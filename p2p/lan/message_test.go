package lan

import (
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

// home is a network with this host at 192.168.1.2.
func home() []iface {
	return []iface{{prefixes: []netip.Prefix{netip.MustParsePrefix("192.168.1.2/24")}}}
}

func TestQuestionAndAnswer(t *testing.T) {
	guid := newGUID(t)
	r := responder{guid, 4321, rate.NewLimiter(1, 2)}
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
			t.Errorf("%s is answered: %x", name, got)
		}
	}
	if r.answer(now, netip.MustParseAddrPort("198.51.100.1:5353"), question(t, guid), home) != nil {
		t.Error("who is no neighbour is answered")
	}
	if r.answer(now, neighbour, question(t, guid), home) == nil || r.answer(now, neighbour, question(t, guid), home) != nil {
		t.Error("the limit is not two at once")
	}
}

func TestFalseAnswers(t *testing.T) {
	guid := newGUID(t)
	addr := netip.MustParseAddrPort("192.168.1.2:4321")
	right, err := appendAnswer(7, guid, addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parseAnswer(right, 8, guid); err == nil {
		t.Error("an answer to another question is taken")
	}
	if _, err := parseAnswer(right, 7, newGUID(t)); err == nil {
		t.Error("an answer about another peer is taken")
	}
	portless, err := appendAnswer(7, guid, netip.AddrPortFrom(addr.Addr(), 0))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{portless, question(t, guid), right[:len(right)-3], nil} {
		if _, err := parseAnswer(b, 7, guid); err == nil {
			t.Errorf("%x is taken", b)
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

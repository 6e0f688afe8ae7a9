package rendezvous

import (
	"encoding/hex"
	"net/netip"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The addresses of the responses in RFC 5769, sections 2.2 and 2.3.
func TestStunAddresses(t *testing.T) {
	id := stunID(unhex(t, "b7e7a701bc34d686fa87dfae"))
	for _, c := range []struct{ addr, attribute string }{
		{"192.0.2.1:32853", "002000080001a147e112a643"},
		{"[2001:db8:1234:5678:11:2233:4455:6677]:32853", "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"},
	} {
		addr := netip.MustParseAddrPort(c.addr)
		got := appendStunResponse(nil, id, addr)
		if hex.EncodeToString(got[stunHeader:]) != c.attribute {
			t.Errorf("%v is %x, want %s", addr, got[stunHeader:], c.attribute)
		}
		if !LooksLikeSTUN(got) {
			t.Errorf("the response to %v does not look like STUN", addr)
		}
		gotID, observed, err := parseStunResponse(got)
		if gotID != id || observed != addr || err != nil {
			t.Errorf("parsed %v, %v, want %v", observed, err, addr)
		}
		for n := range got {
			if _, _, err := parseStunResponse(got[:n]); err == nil {
				t.Errorf("a response cut to %d bytes was parsed", n)
			}
		}
	}
}

// The response of RFC 5769, section 2.2, with SOFTWARE before the address and
// MESSAGE-INTEGRITY and FINGERPRINT behind it.
func TestStunResponseOfOthers(t *testing.T) {
	d := unhex(t, "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220"+
		"002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96")
	_, observed, err := parseStunResponse(d)
	if err != nil || observed != netip.MustParseAddrPort("192.0.2.1:32853") {
		t.Errorf("parsed %v, %v", observed, err)
	}
}

func TestStunRequest(t *testing.T) {
	id := stunID(unhex(t, "b7e7a701bc34d686fa87dfae"))
	ours := appendStunRequest(nil, id)
	if longest := appendStunResponse(nil, id, testV6); len(longest) > len(ours) {
		t.Errorf("a request of %d bytes is answered with %d", len(ours), len(longest))
	}
	bare := unhex(t, "000100002112a442b7e7a701bc34d686fa87dfae")
	for _, d := range [][]byte{ours, bare} {
		if got, err := parseStunRequest(d); got != id || err != nil {
			t.Errorf("parsed %x, %v", got, err)
		}
		for n := range d {
			if _, err := parseStunRequest(d[:n]); err == nil {
				t.Errorf("a request cut to %d bytes was parsed", n)
			}
		}
	}
	for _, s := range []string{
		"000100002112a443b7e7a701bc34d686fa87dfae", // another magic cookie
		"010100002112a442b7e7a701bc34d686fa87dfae", // a response
		"000300002112a442b7e7a701bc34d686fa87dfae", // another method
	} {
		if _, err := parseStunRequest(unhex(t, s)); err == nil {
			t.Errorf("%s was taken for a Binding request", s)
		}
	}
}

func FuzzStun(f *testing.F) {
	id := stunID{1}
	f.Add(appendStunRequest(nil, id))
	f.Add(appendStunResponse(nil, id, testV4))
	f.Add(appendStunResponse(nil, id, testV6))
	f.Fuzz(func(t *testing.T, b []byte) {
		if id, observed, err := parseStunResponse(b); err == nil {
			id2, observed2, err := parseStunResponse(appendStunResponse(nil, id, observed))
			if id2 != id || observed2 != observed || err != nil {
				t.Errorf("%v became %v, %v", observed, observed2, err)
			}
		}
		parseStunRequest(b)
	})
}

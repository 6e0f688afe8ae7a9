package stun

import (
	"encoding/hex"
	"net/netip"
	"testing"
)

var (
	testV4 = netip.MustParseAddrPort("192.0.2.1:32853")
	testV6 = netip.MustParseAddrPort("[2001:db8:1234:5678:11:2233:4455:6677]:32853")
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func testID(t testing.TB) ID { return ID(unhex(t, "b7e7a701bc34d686fa87dfae")) }

// The addresses of the responses in RFC 5769, sections 2.2 and 2.3.
func TestResponse(t *testing.T) {
	for _, c := range []struct {
		addr      netip.AddrPort
		attribute string
	}{
		{testV4, "002000080001a147e112a643"},
		{testV6, "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"},
	} {
		want := Response{testID(t), c.addr}
		b := want.Append(nil)
		if hex.EncodeToString(b[header:]) != c.attribute {
			t.Errorf("%v is %x, want %s", c.addr, b[header:], c.attribute)
		}
		if got, err := ParseResponse(b); got != want || err != nil {
			t.Errorf("parsed %v, %v, want %v", got, err, want)
		}
		for n := range b {
			if _, err := ParseResponse(b[:n]); err == nil {
				t.Errorf("parsed a response cut to %d bytes", n)
			}
		}
	}
}

// The response of RFC 5769, section 2.2, with SOFTWARE before the address, and MESSAGE-INTEGRITY and
// FINGERPRINT after it.
func TestResponseOfOthers(t *testing.T) {
	d := unhex(t, "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220"+
		"002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96")
	if r, err := ParseResponse(d); err != nil || r.Observed != testV4 {
		t.Errorf("parsed %v, %v", r, err)
	}
}

func TestRequest(t *testing.T) {
	id := testID(t)
	ours := Request{ID: id}.Append(nil)
	if longest := (Response{id, testV6}).Append(nil); len(longest) > len(ours) {
		t.Errorf("the answer to a request of %d bytes has %d", len(ours), len(longest))
	}
	bare := unhex(t, "000100002112a442b7e7a701bc34d686fa87dfae")
	change := unhex(t, "000100082112a442b7e7a701bc34d686fa87dfae0003000400000006")
	for _, c := range []struct {
		b    []byte
		want Request
	}{
		{ours, Request{ID: id}},
		{bare, Request{ID: id}},
		{Request{ID: id, ChangePort: true}.Append(nil), Request{ID: id, ChangePort: true}},
		{change, Request{ID: id, ChangeAddr: true, ChangePort: true}},
	} {
		if got, err := ParseRequest(c.b); got != c.want || err != nil {
			t.Errorf("%x: parsed %v, %v", c.b, got, err)
		}
		for n := range c.b {
			if _, err := ParseRequest(c.b[:n]); err == nil {
				t.Errorf("parsed a request cut to %d bytes", n)
			}
		}
	}
	for _, s := range []string{
		"000100002112a443b7e7a701bc34d686fa87dfae",                 // another magic cookie
		"010100002112a442b7e7a701bc34d686fa87dfae",                 // a response
		"000300002112a442b7e7a701bc34d686fa87dfae",                 // another method
		"000100082112a442b7e7a701bc34d686fa87dfae0003000200060000", // flags of two bytes
	} {
		if _, err := ParseRequest(unhex(t, s)); err == nil {
			t.Errorf("parsed %s as a Binding request", s)
		}
	}
}

func FuzzMessages(f *testing.F) {
	id := testID(f)
	f.Add(Request{ID: id}.Append(nil))
	f.Add(Request{ID: id, ChangePort: true}.Append(nil))
	f.Add(Response{id, testV4}.Append(nil))
	f.Add(Response{id, testV6}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := ParseResponse(b); err == nil {
			if again, err := ParseResponse(r.Append(nil)); again != r || err != nil {
				t.Errorf("%v became %v, %v", r, again, err)
			}
		}
		if r, err := ParseRequest(b); err == nil {
			if again, err := ParseRequest(r.Append(nil)); again != r || err != nil {
				t.Errorf("%v became %v, %v", r, again, err)
			}
		}
	})
}

package p2p

import (
	"bytes"
	"net/netip"
	"reflect"
	"testing"

	"p2ptool/p2p/punch"
)

func TestGreeting(t *testing.T) {
	want := greeting{0x01020304, 0x05060708090a0b0c, true, []punch.Candidate{
		{Kind: punch.Host, Addr: netip.MustParseAddrPort("192.168.1.2:4000")},
	}, true, punch.NAT{Mapping: punch.AddressAndPortDependent, Filtering: punch.AddressDependent, Stride: 2}}
	b := want.append(nil)
	layout := []byte("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x01\x01" +
		"\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\xa8\x01\x02\x0f\xa0" +
		"\x04\x03\x02\x00\x02")
	if !bytes.Equal(b, layout) {
		t.Errorf("%x", b)
	}
	got, err := parseGreeting(append(b, "of the future"...))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	const plain = greetingHead + 1 + 1 + punch.AddrSize // without a word of the NAT
	for n := range b {
		if _, err := parseGreeting(b[:n]); (err == nil) != (n == plain) {
			t.Errorf("a greeting cut to %d bytes: %v", n, err)
		}
	}
	want.nats, want.nat = false, punch.NAT{}
	for _, padding := range []string{"", "\x00", "\x00\x00\x00\x00\x00\x00"} {
		got, err := parseGreeting(append(b[:plain:plain], padding...))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("padded with %q: %+v, %v", padding, got, err)
		}
	}
	if _, err := parseGreeting(append(b[:plain:plain], 3, 1, 1, 0)); err == nil {
		t.Error("read a description of a NAT that is too short")
	}
	if got, err := parseGreeting(append(b[:plain:plain], 6, 1, 1, 0, 0, 7, 7)); err != nil || got.nat.Mapping != 1 {
		t.Errorf("a longer one: %+v, %v", got, err)
	}
}

func FuzzParseGreeting(f *testing.F) {
	f.Add(greeting{1, 2, true, nil, true, punch.NAT{Mapping: 3, Stride: -1}}.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := parseGreeting(b)
		if err != nil {
			return
		}
		again, err := parseGreeting(g.append(nil))
		if err != nil || !reflect.DeepEqual(again, g) {
			t.Errorf("%x does not survive: %+v, then %+v, %v", b, g, again, err)
		}
	})
}

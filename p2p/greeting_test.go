package p2p

import (
	"bytes"
	"net/netip"
	"reflect"
	"testing"

	"p2ptool/p2p/path"
)

func TestGreeting(t *testing.T) {
	want := greeting{
		index: 0x01020304, instance: 0x05060708090a0b0c, listening: true, exclusive: true,
		candidates: []path.Candidate{{Kind: path.Host, Addr: netip.MustParseAddrPort("192.168.1.2:4000")}},
		nats:       true, nat: path.NAT{Mapping: path.AddressAndPortDependent, Filtering: path.AddressDependent, Stride: 2, Bare: true},
		takes: 0x20000004,
	}
	b := want.append(nil)
	layout := []byte("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x11\x01" +
		"\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\xa8\x01\x02\x0f\xa0" +
		"\x05\x03\x02\x00\x02\x01" + "\x20\x00\x00\x04")
	if !bytes.Equal(b, layout) {
		t.Errorf("%x", b)
	}
	got, err := parseGreeting(append(b, "of the future"...))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	const plain = greetingHead + 1 + 1 + path.AddrSize // without the NAT
	const withNAT = plain + 1 + 5                      // without the accepted kinds
	for n := range b {
		if _, err := parseGreeting(b[:n]); (err == nil) != (n == plain || n >= withNAT) {
			t.Errorf("a greeting cut to %d bytes: %v", n, err)
		}
	}
	want.nats, want.nat, want.takes = false, path.NAT{}, allKinds
	for _, padding := range []string{"", "\x00", "\x00\xff\xff\xff\xff\x00"} {
		got, err := parseGreeting(append(b[:plain:plain], padding...))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("padded with %q: %+v, %v", padding, got, err)
		}
	}
	if _, err := parseGreeting(append(b[:plain:plain], 3, 1, 1, 0)); err == nil {
		t.Error("read a description of a NAT that is too short")
	}
	if got, err := parseGreeting(append(b[:plain:plain], 6, 1, 1, 0, 0, 0, 7)); err != nil || got.nat.Mapping != 1 {
		t.Errorf("a longer one: %+v, %v", got, err)
	}
}

func FuzzParseGreeting(f *testing.F) {
	f.Add(greeting{index: 1, instance: 2, listening: true, nats: true, nat: path.NAT{Mapping: 3, Stride: -1}, takes: 9}.append(nil))
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

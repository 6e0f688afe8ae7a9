package rendezvous

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"p2ptool/p2p/identity"
	"p2ptool/p2p/noise"
)

// An appender is any message.
type appender interface{ Append([]byte) []byte }

// parsers reads each kind of message, for the tables and for fuzzing.
var parsers = []struct {
	name  string
	parse func([]byte) (appender, error)
}{
	{"hello", func(b []byte) (appender, error) { return ParseHello(b) }},
	{"cookie", func(b []byte) (appender, error) { return ParseCookieReply(b) }},
	{"init", func(b []byte) (appender, error) { return ParseInitiation(b) }},
	{"response", func(b []byte) (appender, error) { return ParseResponse(b) }},
	{"message", func(b []byte) (appender, error) { return ParseMessage(b) }},
	{"keepalive", func(b []byte) (appender, error) { return ParseKeepalive(b) }},
	{"alive", func(b []byte) (appender, error) { return ParseAlive(b) }},
	{"lookup", func(b []byte) (appender, error) { return ParseLookup(b) }},
	{"found", func(b []byte) (appender, error) { return ParseFound(b) }},
	{"list", func(b []byte) (appender, error) { return ParseList(b) }},
	{"page", func(b []byte) (appender, error) { return ParsePage(b) }},
	{"introduce", func(b []byte) (appender, error) { return ParseIntroduce(b) }},
	{"call", func(b []byte) (appender, error) { return ParseCall(b) }},
	{"answer", func(b []byte) (appender, error) { return ParseAnswer(b) }},
	{"introduced", func(b []byte) (appender, error) { return ParseIntroduced(b) }},
	{"registration", func(b []byte) (appender, error) { return ParseRegistration(b) }},
	{"welcome", func(b []byte) (appender, error) { return ParseWelcome(b) }},
}

func parserOf(t testing.TB, name string) func([]byte) (appender, error) {
	for _, p := range parsers {
		if p.name == name {
			return p.parse
		}
	}
	t.Fatalf("no parser of %q", name)
	return nil
}

func seq(first byte, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return string(b)
}

var (
	testV4 = netip.MustParseAddrPort("203.0.113.7:3478")
	testV6 = netip.MustParseAddrPort("[2001:db8::7]:65535")
	guid1  = identity.GUID([]byte(seq(0x10, 16)))
)

const (
	hexV4   = "00000000000000000000ffffcb007107" + "0d96"
	hexV6   = "20010db8000000000000000000000007" + "ffff"
	hexGUID = "101112131415161718191a1b1c1d1e1f"
)

// Each message, as bytes: these are the protocol and may never change.
var messages = []struct {
	name   string
	m      appender
	hex    string
	zeros  int // that follow
	length int // the shortest that is read
}{
	{"hello", Hello{1, PurposeServer, [16]byte([]byte(seq(0xa0, 16)))},
		"04010100" + "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf", 108, 128},
	{"cookie", CookieReply{1, PurposeLink, [16]byte([]byte(seq(0xa0, 16))), [32]byte([]byte(seq(0, 32))), [16]byte([]byte(seq(0xc0, 16))), testV4},
		"05010200" + "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf" + "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" +
			"c0c1c2c3c4c5c6c7c8c9cacbcccdcecf" + hexV4, 0, 86},
	{"init", Initiation{1, PurposeServer, 0x01020304, [16]byte([]byte(seq(0xa0, 16))), [16]byte([]byte(seq(0xc0, 16))), []byte(strings.Repeat("n", 96))},
		"06010100" + "01020304" + "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf" + "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf" + strings.Repeat("6e", 96), 0, 136},
	{"response", Response{1, PurposeServer, 0x01020304, 0x05060708, []byte(strings.Repeat("n", 48))},
		"07010100" + "01020304" + "05060708" + strings.Repeat("6e", 48), 0, 60},
	{"message", Message{KindLookup, 0x0a0b0c0d, []byte("body")}, "03" + "0a0b0c0d" + "626f6479", 0, 9},
	{"keepalive", Keepalive{0x0102030405060708}, "0102030405060708", 20, 28},
	{"alive", Alive{25, testV6, 9}, "0019" + hexV6 + "0000000000000009", 0, 28},
	{"lookup", Lookup{guid1, 3, 0x20000004}, hexGUID + "0000000000000003" + "20000004", 13, 41},
	{"found", Found{[32]byte([]byte(seq(0, 32))), 4, 1},
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" + "0000000000000004" + "01", 0, 41},
	{"list", List{7}, "0000000000000007", 1092, 514},
	{"page", Page{8, []Listing{{guid1, 60, "bob"}, {guid1, 1, ""}}},
		"0000000000000008" + hexGUID + "0000003c" + "03626f62" + hexGUID + "00000001" + "00", 0, 53},
	{"introduce", Introduce{guid1, 5, 1, WhatOldLink, []byte("data")},
		hexGUID + "0000000000000005" + "01" + "02" + "0004" + "64617461", 482, 514},
	{"call", Call{testV4, 0xf1f2f3f4f5f6f7f8, 1, WhatNewLink, []byte("data")},
		hexV4 + "f1f2f3f4f5f6f7f8" + "01" + "01" + "0004" + "64617461", 0, 34},
	{"answer", Answer{[]byte("data")}, "0004" + "64617461", 0, 6},
	{"introduced", Introduced{testV6, 0xf1f2f3f4f5f6f7f8, []byte("data")},
		hexV6 + "f1f2f3f4f5f6f7f8" + "0004" + "64617461", 0, 32},
	{"registration", Registration{0x1112131415161718, FlagListening | FlagListed, 1, "bob", 0x01020304},
		"1112131415161718" + "03" + "01" + "03" + "626f62" + "01020304", 0, 18},
	{"welcome", Welcome{5, testV4, 3479}, "0005" + hexV4 + "0d97", 0, 22},
}

func TestMessages(t *testing.T) {
	for _, c := range messages {
		parse := parserOf(t, c.name)
		want, err := hex.DecodeString(c.hex + strings.Repeat("00", c.zeros))
		if err != nil {
			t.Fatal(c.name, err)
		}
		if got := c.m.Append([]byte("x")); string(got) != "x"+string(want) {
			t.Errorf("%s: appended %x, want %x", c.name, got[1:], want)
		}
		got, err := parse(want)
		if err != nil || !reflect.DeepEqual(got, c.m) {
			t.Errorf("%s: parsed %+v, %v, want %+v", c.name, got, err, c.m)
		}
		if len(want) < c.length || c.name != "list" && len(want) > c.length {
			t.Errorf("%s: %d bytes, want %d", c.name, len(want), c.length)
		}
		if c.name == "message" || c.name == "page" {
			continue // these read to the end, wherever it is
		}
		for n := range c.length {
			if got, err := parse(want[:n]); err == nil {
				t.Errorf("%s: %d of %d bytes were parsed: %+v", c.name, n, c.length, got)
			}
		}
	}
}

// Nothing that a session needs is longer than every path carries: a whole greeting goes
// through in an introduction, and in a handshake.
func TestSureDatagrams(t *testing.T) {
	const greeting = 14 + 16*(1+addrSize) + 1 + 5 + 4
	if n := noise.Message1Overhead + greeting; n > MaxIntroduction {
		t.Errorf("a greeting of %d bytes does not fit into an introduction's %d", n, MaxIntroduction)
	}
	data := make([]byte, MaxIntroduction)
	for _, m := range []interface{ Append([]byte) []byte }{
		Introduce{Data: data[:MaxIntroduction]}, Introduced{Observed: testV6, Data: data}, Answer{data},
		Call{Observed: testV6, Data: data}, Lookup{}, Found{}, Keepalive{}, Alive{Observed: testV6},
		Registration{Name: strings.Repeat("n", MaxName)},
	} {
		if n := noise.Overhead + MessageHeader + len(m.Append(nil)); n > SureDatagram {
			t.Errorf("%T: a datagram of %d bytes", m, n)
		}
	}
}

// What a later version may add behind the known fields is skipped.
func TestTrailingBytesAreSkipped(t *testing.T) {
	for _, c := range messages {
		switch c.name {
		case "init", "response", "message", "page":
			continue // their last field goes to the end
		}
		got, err := parserOf(t, c.name)(append(c.m.Append(nil), "later"...))
		if err != nil || !reflect.DeepEqual(got, c.m) {
			t.Errorf("%s with more behind it: %+v, %v", c.name, got, err)
		}
	}
}

func TestLimitsOfParsers(t *testing.T) {
	long := strings.Repeat("x", MaxName+1)
	data := make([]byte, MaxIntroduction+1)
	for _, c := range []struct {
		name string
		b    []byte
	}{
		{"registration", Registration{1, 0, 1, long, 0}.Append(nil)},
		{"registration", Registration{1, 0, 1, "\xff", 0}.Append(nil)},
		{"registration", Registration{0, 0, 1, "bob", 0}.Append(nil)},
		{"page", Page{1, []Listing{{guid1, 1, long}}}.Append(nil)},
		{"page", Page{1, []Listing{{guid1, 1, "\xff"}}}.Append(nil)},
		{"answer", Answer{data}.Append(nil)},
		{"call", Call{testV4, 1, 1, 1, data}.Append(nil)},
		{"introduce", Introduce{guid1, 1, 1, 1, data}.Append(nil)},
		{"introduced", Introduced{testV4, 1, data}.Append(nil)},
	} {
		if got, err := parserOf(t, c.name)(c.b); err == nil {
			t.Errorf("%s: parsed %+v", c.name, got)
		}
	}
}

func TestShortDatagrams(t *testing.T) {
	packet := append([]byte{TypeData, 1, 2, 3, 4}, make([]byte, 24)...)
	for i := range tagSize {
		packet[13+i] = byte(0xa0 + i)
	}
	unknown := AppendUnknown(nil, packet)
	if got := hex.EncodeToString(unknown); got != "0a01020304a0a1a2a3a4a5a6a7a8a9aaabacadaeaf" {
		t.Errorf("UNKNOWN is %s", got)
	}
	if len(unknown) > noise.Overhead {
		t.Errorf("UNKNOWN has %d bytes, a packet may have %d", len(unknown), noise.Overhead)
	}
	if got := AppendStale(nil, 0x0102030405060708); hex.EncodeToString(got) != "0b0102030405060708" {
		t.Errorf("STALE is %x", got)
	}
	if i, got, err := ParseUnknown(unknown); i != 0x01020304 || got != TagOf(packet) || err != nil {
		t.Errorf("parseUnknown: %d, %x, %v", i, got, err)
	}
	if c, err := ParseStale(AppendStale(nil, 7)); c != 7 || err != nil {
		t.Errorf("ParseStale: %d, %v", c, err)
	}
	relayed := append(AppendRelay(nil, 7), packet...)
	if c, p, err := ParseRelay(relayed); c != 7 || !bytes.Equal(p, packet) || err != nil {
		t.Errorf("ParseRelay: %d, %x, %v", c, p, err)
	}
	for n := range relayed {
		if _, _, err := ParseRelay(relayed[:n]); err == nil {
			t.Errorf("%d bytes were taken for a RELAY", n)
		}
		_, _, errU := ParseUnknown(relayed[:n])
		_, errS := ParseStale(relayed[:n])
		if errU == nil || errS == nil {
			t.Errorf("a RELAY of %d bytes was taken for another", n)
		}
	}
}

func FuzzParse(f *testing.F) {
	for i, p := range parsers {
		for _, m := range messages {
			if m.name == p.name {
				f.Add(byte(i), m.m.Append(nil))
			}
		}
	}
	f.Fuzz(func(t *testing.T, which byte, b []byte) {
		p := parsers[int(which)%len(parsers)]
		m, err := p.parse(b)
		if err != nil {
			return
		}
		again := m.Append(nil)
		m2, err := p.parse(again)
		if err != nil || !bytes.Equal(m2.Append(nil), again) {
			t.Errorf("%s: %x became %x, then %+v, %v", p.name, b, again, m2, err)
		}
	})
}

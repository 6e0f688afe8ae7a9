package portmap

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var (
	testSelf = netip.MustParseAddr("192.168.1.2")
	testMap  = pcpMessage{
		opcode: pcpMap, lifetime: 1200, self: testSelf, nonce: [12]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
		internal: 0x1234, external: netip.MustParseAddrPort("0.0.0.0:22136"),
	}
)

func TestRequests(t *testing.T) {
	for name, tt := range map[string]struct {
		got  []byte
		want string
	}{
		"pcp announce": {pcpMessage{opcode: pcpAnnounce, self: testSelf}.appendRequest(nil),
			"02000000 00000000 00000000000000000000ffffc0a80102"},
		"pcp map": {testMap.appendRequest(nil), "02010000 000004b0 00000000000000000000ffffc0a80102" +
			"0102030405060708090a0b0c 11000000 1234 5678 00000000000000000000ffff00000000"},
		"pmp address": {pmpMessage{opcode: pmpAddress}.appendRequest(nil), "0000"},
		"pmp map": {pmpMessage{opcode: pmpMapUDP, internal: 0x1234, external: 0x5678, lifetime: 1200}.appendRequest(nil),
			"00010000 1234 5678 000004b0"},
	} {
		if got := hex.EncodeToString(tt.got); got != strings.ReplaceAll(tt.want, " ", "") {
			t.Errorf("%s:\n got %s\nwant %s", name, got, tt.want)
		}
	}
}

// granted is an answer of miniupnpd 2.3.1, with another nonce and other ports.
const granted = "02810000 000004b0 00000007 000000000000000000000000" +
	"0102030405060708090a0b0c 11000000 1234 5679 00000000000000000000ffff0b000001"

func TestPCPResponses(t *testing.T) {
	m, err := parsePCP(unhex(t, granted), testMap)
	if err != nil || m.external != netip.MustParseAddrPort("11.0.0.1:22137") || m.lifetime != 1200 || m.epoch != 7 {
		t.Errorf("granted: %+v, %v", m, err)
	}
	change := func(at int, b byte) []byte {
		all := unhex(t, granted)
		all[at] = b
		return all
	}
	for name, tt := range map[string]struct {
		b    []byte
		want error
	}{
		"another nonce":    {change(35, 0), errOther},
		"another port":     {change(41, 0), errOther},
		"another opcode":   {change(1, 0x82), errOther},
		"a request":        {change(1, 1), errOther},
		"another protocol": {change(36, 6), errOther},
		"cut":              {unhex(t, granted)[:59], errShort},
		"too long":         {make([]byte, 1101), errShort},
		"empty":            {nil, errShort},
	} {
		if name == "too long" {
			tt.b[0] = pcpVersion
		}
		if _, err := parsePCP(tt.b, testMap); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	_, err = parsePCP(change(3, 2), testMap)
	if refusal, ok := errors.AsType[*ResultError](err); !ok || refusal.Code != 2 {
		t.Errorf("not authorized: %v", err)
	}
	_, err = parsePCP(unhex(t, "0081 0001 00000007"), testMap)
	if refusal, ok := errors.AsType[*ResultError](err); !ok || refusal.Code != pcpOtherVersion {
		t.Errorf("NAT-PMP alone: %v", err)
	}
}

func TestPMPResponses(t *testing.T) {
	address := pmpMessage{opcode: pmpAddress}
	m, err := parsePMP(unhex(t, "0080 0000 00000007 0b000001"), address)
	if err != nil || m.address != netip.MustParseAddr("11.0.0.1") || m.epoch != 7 {
		t.Errorf("address: %+v, %v", m, err)
	}
	mapping := pmpMessage{opcode: pmpMapUDP, internal: 0x1234}
	m, err = parsePMP(unhex(t, "0081 0000 00000007 1234 5679 000004b0"), mapping)
	if err != nil || m.external != 0x5679 || m.lifetime != 1200 {
		t.Errorf("mapping: %+v, %v", m, err)
	}
	for name, tt := range map[string]struct {
		b    string
		want error
	}{
		"another port":   {"0081 0000 00000007 1235 5679 000004b0", errOther},
		"another opcode": {"0082 0000 00000007 1234 5679 000004b0", errOther},
		"cut":            {"0081 0000 00000007 1234 5679 0000", errShort},
		"short":          {"0081", errShort},
	} {
		if _, err := parsePMP(unhex(t, tt.b), mapping); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	_, err = parsePMP(unhex(t, "0081 0003 00000007"), mapping)
	if refusal, ok := errors.AsType[*ResultError](err); !ok || refusal.Code != 3 {
		t.Errorf("network failure: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	seed, _ := hex.DecodeString(strings.ReplaceAll(granted, " ", ""))
	f.Add(seed)
	f.Add([]byte{0, 0x80, 0, 0, 0, 0, 0, 7, 11, 0, 0, 1})
	f.Add([]byte("HTTP/1.1 200 OK\r\nLOCATION: http://192.168.1.1:5000/rootDesc.xml\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := parsePCP(b, testMap); err == nil && m.nonce != testMap.nonce {
			t.Error("accepted a mapping with another nonce")
		}
		_, _ = parsePMP(b, pmpMessage{opcode: pmpAddress})
		_, _ = parsePMP(b, pmpMessage{opcode: pmpMapUDP, internal: 1})
		router := netip.MustParseAddr("192.168.1.1")
		if at, err := location(b, router); err == nil && at.Hostname() != router.String() {
			t.Errorf("accepted the location %v", at)
		}
	})
}

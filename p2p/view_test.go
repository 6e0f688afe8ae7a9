package p2p

import (
	"bytes"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"p2ptool/p2p/path"
)

func someView() View {
	return View{
		Require: RequireDirect, Age: 7 * time.Second,
		NAT:        NAT{Mapping: path.AddressAndPortDependent, Filtering: path.AddressDependent, Stride: 2, Bare: true},
		Candidates: []Candidate{{Kind: path.Host, Addr: netip.MustParseAddrPort("192.168.1.2:4000")}},
		Paths: []PathReport{{
			Kind: PathDirect, Addr: netip.MustParseAddrPort("192.168.1.2:4000"), State: StateValid,
			InUse: true, Heard: true, Pings: 258, RTT: 772 * time.Microsecond, Carries: 576, Limited: true,
		}},
	}
}

func TestView(t *testing.T) {
	want := someView()
	b := want.append(nil)
	const addr = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\xa8\x01\x02\x0f\xa0"
	layout := "\x01\x00\x00\x00\x07\x03\x02\x00\x02\x01\x01\x01" + addr +
		"\x01\x02" + addr + "\x01\x07\x00\x00\x01\x02\x00\x00\x03\x04\x02\x40"
	if !bytes.Equal(b, []byte(layout)) {
		t.Errorf("%x", b)
	}
	got, err := parseView(append(b, "of the future"...))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for n := range b {
		if v, err := parseView(b[:n]); err == nil {
			t.Errorf("read %d bytes of %d: %+v", n, len(b), v)
		}
	}
	const paths = viewHead + 1 + 1 + path.AddrSize
	for at, bad := range map[int]byte{0: 3, viewHead: 17, paths: 65, paths + 1: 0, paths + 20: 3} {
		broken := append(bytes.Clone(b), make([]byte, maxView)...)
		broken[at] = bad
		if v, err := parseView(broken); err == nil {
			t.Errorf("byte %d: %+v", at, v)
		}
	}
}

// Even the largest view can be read by the other end.
func TestViewIsBounded(t *testing.T) {
	var v View
	for range 2 * maxViewPaths {
		v.Candidates = append(v.Candidates, someView().Candidates...)
		v.Paths = append(v.Paths, someView().Paths...)
	}
	b := v.append(nil)
	got, err := parseView(b)
	if len(b) > maxView || err != nil || len(got.Paths) != maxViewPaths || len(got.Candidates) != path.MaxCandidates {
		t.Errorf("%d bytes, %d paths, %d candidates, %v", len(b), len(got.Paths), len(got.Candidates), err)
	}
}

func FuzzParseView(f *testing.F) {
	f.Add(someView().append(nil))
	f.Add(View{Paths: []PathReport{{Kind: PathRelay, State: path.Lost}}}.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := parseView(b)
		if err != nil {
			return
		}
		again, err := parseView(v.append(nil))
		if err != nil || !reflect.DeepEqual(again, v) {
			t.Errorf("%x does not survive: %+v, then %+v, %v", b, v, again, err)
		}
	})
}

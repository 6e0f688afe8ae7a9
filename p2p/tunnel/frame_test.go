package tunnel

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/iotest"

	"p2ptool/p2p/udp"
)

// read takes a stream apart, until an error.
func read(r io.Reader) (all [][]byte, err error) {
	f := newFrames(r)
	buf := make([]byte, udp.MaxBatch)
	for {
		n, size, err := f.batch(buf)
		if err != nil {
			return all, err
		}
		udp.Batch{Data: buf[:n], Size: size}.Datagrams(func(d []byte) { all = append(all, bytes.Clone(d)) })
	}
}

func TestFrame(t *testing.T) {
	if got, want := appendFrame(nil, []byte("abc")), "\x00\x03abc"; string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestFramesSurvive(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var stream []byte
	var want [][]byte
	size := 0
	for i := range 5000 {
		if i%7 == 0 || random.IntN(10) == 0 {
			size = 1 + random.IntN([]int{20, 1200, MaxDatagram}[random.IntN(3)])
		}
		d := make([]byte, size)
		d[0], d[size-1] = byte(i), byte(i>>8)
		want = append(want, d)
		stream = appendFrame(stream, d)
	}
	for name, r := range map[string]io.Reader{
		"at once":      bytes.NewReader(stream),
		"in halves":    iotest.HalfReader(bytes.NewReader(stream)),
		"byte by byte": iotest.OneByteReader(bytes.NewReader(stream)),
	} {
		got, err := read(r)
		if err != io.EOF || !slices.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("%s: %d datagrams of %d, %v", name, len(got), len(want), err)
		}
	}
}

// What is there together and has one length becomes one batch.
func TestBatch(t *testing.T) {
	var stream []byte
	for _, n := range []int{100, 100, 100, 40, 100, 200} {
		stream = appendFrame(stream, make([]byte, n))
	}
	f := newFrames(bytes.NewReader(stream))
	buf := make([]byte, udp.MaxBatch)
	for _, want := range [][2]int{{340, 100}, {100, 100}, {200, 200}} {
		n, size, err := f.batch(buf)
		if err != nil || [2]int{n, size} != want {
			t.Errorf("%d bytes in datagrams of %d, %v; want %v", n, size, err, want)
		}
	}
	f = newFrames(bytes.NewReader(bytes.Repeat(appendFrame(nil, make([]byte, 9000)), 20)))
	if n, _, err := f.batch(buf); err != nil || n > udp.MaxBatch {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestMalformedFrames(t *testing.T) {
	good := appendFrame(nil, []byte("good"))
	for name, tt := range map[string]struct {
		stream []byte
		want   error
	}{
		"no length":   {append(good, 0, 0, 'x'), errFrame},
		"too long":    {append(good, 0x40, 0x01), errFrame},
		"cut length":  {append(good, 0), io.ErrUnexpectedEOF},
		"cut content": {append(good, 0, 3, 'x', 'y'), io.ErrUnexpectedEOF},
	} {
		got, err := read(bytes.NewReader(tt.stream))
		if len(got) != 1 || string(got[0]) != "good" {
			t.Errorf("%s: what stands before is %q", name, got)
		}
		if !errors.Is(err, tt.want) && !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// FuzzFrames: whatever was read makes the same stream again, up to where it was malformed,
// however it comes in pieces.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x00\x01a\x00\x01b\x00\x02cc\x00\x00"))
	f.Add([]byte("\x40\x00"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, stream []byte) {
		got, err := read(bytes.NewReader(stream))
		if err == nil {
			t.Fatal("no error at the end")
		}
		var again []byte
		for _, d := range got {
			again = appendFrame(again, d)
		}
		if !bytes.HasPrefix(stream, again) {
			t.Errorf("%x was read as %x", stream, again)
		}
		slowly, _ := read(iotest.OneByteReader(bytes.NewReader(stream)))
		if !slices.EqualFunc(got, slowly, bytes.Equal) {
			t.Errorf("%d datagrams at once, %d byte by byte", len(got), len(slowly))
		}
	})
}

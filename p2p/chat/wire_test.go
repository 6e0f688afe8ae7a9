package chat

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
)

func TestWireFormat(t *testing.T) {
	t.Parallel()
	o := open{1, sessionID{0xaa}, sessionID{0xbb}, 3, 4, 5}
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"OPEN", o.append(nil), "01 00000035 01" +
			"aa000000000000000000000000000000" + "bb000000000000000000000000000000" +
			"0000000000000003 00000004 0000000000000005"},
		{"LINE", appendLine(nil, 7, "hé"), "02 0000000b 0000000000000007 68c3a9"},
		{"RECEIPT", appendReceipt(nil, 7), "03 00000008 0000000000000007"},
		{"BYE", appendBye(nil), "04 00000000"},
	} {
		if want := strings.ReplaceAll(c.want, " ", ""); hex.EncodeToString(c.got) != want {
			t.Errorf("%s = %x, want %s", c.name, c.got, want)
		}
	}
	if got, err := parseOpen(append(o.append(nil)[headerSize:], "future"...)); err != nil || got != o {
		t.Errorf("parseOpen = %+v, %v", got, err)
	}
}

func readAll(b []byte) (kinds string, err error) {
	r := &reader{r: bufio.NewReader(bytes.NewReader(b))}
	for {
		kind, _, err := r.next()
		if err != nil {
			return kinds, err
		}
		kinds += string('0' + rune(kind))
	}
}

func TestReader(t *testing.T) {
	t.Parallel()
	unknown := append(appendHeader(nil, 200, 3), "abc"...)
	zero := append(appendHeader(nil, 0, 1), 'x')
	huge := appendHeader(nil, 200, maxBody+1)
	line := appendLine(nil, 1, "x")
	for _, c := range []struct {
		name  string
		in    []byte
		kinds string
		err   error
	}{
		{"nothing", nil, "", io.EOF},
		{"unknown types are skipped", bytes.Join([][]byte{unknown, line, zero, appendBye(nil)}, nil), "24", io.EOF},
		{"cut in a header", line[:3], "", io.ErrUnexpectedEOF},
		{"cut after a header", line[:5], "", io.ErrUnexpectedEOF},
		{"cut in a body", line[:9], "", io.ErrUnexpectedEOF},
		{"cut in an unknown body", unknown[:6], "", io.ErrUnexpectedEOF},
		{"too long", append(line, huge...), "2", ErrProtocol},
	} {
		if kinds, err := readAll(c.in); kinds != c.kinds || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v", c.name, kinds, err)
		}
	}
}

// hello returns a valid OPEN.
func hello() []byte { return open{version: version, session: sessionID{1}}.append(nil) }

// A fixedInput is a stream with fixed input.
type fixedInput struct{ io.Reader }

func (fixedInput) Write(b []byte) (int, error) { return len(b), nil }
func (fixedInput) Close() error                { return nil }

func runWith(s *Session, b []byte) error {
	return s.Run(context.Background(), fixedInput{bytes.NewReader(b)})
}

func TestEndWithoutGoodbye(t *testing.T) {
	t.Parallel()
	for _, b := range [][]byte{nil, hello()[:9], hello(), append(hello(), appendBye(nil)[:4]...)} {
		if err := runWith(New(Options{}), b); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("Run = %v after %x", err, b)
		}
	}
}

func TestBrokenProtocol(t *testing.T) {
	t.Parallel()
	short := appendHeader(nil, typeReceipt, 7)
	short = append(short, make([]byte, 7)...)
	for name, b := range map[string][]byte{
		"line before the opening": appendLine(nil, 1, "x"),
		"goodbye first":           appendBye(nil),
		"no session":              open{version: 1}.append(nil),
		"short opening":           append(append(appendHeader(nil, typeOpen, 52), version), make([]byte, 51)...),
		"second opening":          append(hello(), hello()...),
		"short receipt":           append(hello(), short...),
		"line without an id":      append(hello(), appendHeader(nil, typeLine, 0)...),
		"receipt for nothing":     append(hello(), appendReceipt(nil, 1)...),
		"message too long":        append(hello(), appendHeader(nil, 77, maxBody+1)...),
	} {
		s := New(Options{})
		if err := runWith(s, b); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: Run = %v", name, err)
		}
	}
}

// If the versions differ, the session ends on both sides, and both sides learn both versions.
func TestAnotherVersion(t *testing.T) {
	t.Parallel()
	for _, theirs := range []byte{0, version - 1, version + 1} {
		s := New(Options{})
		send(t, s, "never read as a line of another version")
		x, y := net.Pipe()
		r := serve(t.Context(), s, x)
		go y.Write(append(open{version: theirs}.append(nil)[:headerSize+1], make([]byte, openSize-1)...)) // with other fields
		got, err := io.ReadAll(y)
		if err != nil || len(got) != headerSize+openSize || got[0] != typeOpen || got[headerSize] != version {
			t.Errorf("the other side reads %x, %v", got, err)
		}
		if v, ok := errors.AsType[*VersionError](r.wait()); !ok || *v != (VersionError{theirs, version}) || !errors.Is(v, ErrVersion) {
			t.Errorf("Run = %v", r.err)
		}
	}
}

// An OPEN can only acknowledge lines that were sent.
func TestOpenAcknowledgesTooMuch(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	o := open{version: 1, session: sessionID{1}, peer: s.id, read: 1}
	if err := runWith(s, o.append(nil)); !errors.Is(err, ErrProtocol) {
		t.Errorf("Run = %v", err)
	}
	send(t, s, "x")
	if err := runWith(s, o.append(nil)); errors.Is(err, ErrProtocol) || err == nil {
		t.Errorf("Run = %v", err)
	}
	if err := s.WaitDelivered(t.Context()); err != nil {
		t.Error(err)
	}
}

// When two streams cross, the receipt for a line that one carried may arrive on the other.
func TestReceiptOnAnotherStream(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	send(t, s, "x")
	send(t, s, "y")
	if err := runWith(s, append(hello(), appendReceipt(nil, 2)...)); errors.Is(err, ErrProtocol) {
		t.Errorf("Run = %v", err)
	}
	if err := s.WaitDelivered(t.Context()); err != nil {
		t.Error(err)
	}
	send(t, s, "z")
	x, y := net.Pipe()
	r := serve(t.Context(), s, x)
	in := &reader{r: bufio.NewReader(y)}
	in.next()
	y.Write(hello())
	if kind, body, err := in.next(); err != nil || kind != typeLine || string(body[8:]) != "z" {
		t.Errorf("the next line: kind %d, %q, %v", kind, body, err)
	}
	y.Close()
	r.wait()
}

func TestOldLinesAreDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{})
		b := hello()
		for _, id := range []uint64{0, 2, 2, 1, 5} {
			b = appendLine(b, id, string('0'+rune(id)))
		}
		b = append(b, appendHeader(nil, 99, 0)...) // of a future version
		runWith(s, b)
		expect(t, s, "2", "5")
		expectNothing(t, s)
	})
}

func FuzzReader(f *testing.F) {
	f.Add(appendBye(appendLine(hello(), 1, "x")))
	f.Add(appendHeader(nil, 200, maxBody))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := &reader{r: bufio.NewReader(bytes.NewReader(b))}
		for {
			kind, body, err := r.next()
			if err != nil {
				return
			}
			if again := append(appendHeader(nil, kind, len(body)), body...); !bytes.Contains(b, again) {
				t.Fatalf("read %x from %x", again, b)
			}
			if o, err := parseOpen(body); kind == typeOpen && err == nil && len(body) == openSize {
				if !bytes.Equal(o.append(nil)[headerSize:], body) {
					t.Fatalf("%x parses as %+v", body, o)
				}
			}
		}
	})
}

// FuzzSession gives a session arbitrary input after a valid OPEN, while the session has lines to
// send.
func FuzzSession(f *testing.F) {
	f.Add(append(appendLine(appendReceipt(nil, 1), 1, "x"), appendBye(nil)...))
	f.Add(appendReceipt(nil, 1<<63))
	f.Add(binary.BigEndian.AppendUint32([]byte{typeLine}, 1<<31))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := New(Options{})
		send(t, s, "one")
		send(t, s, "two")
		if err := runWith(s, append(hello(), b...)); err == nil && s.endErrLocked() == nil {
			t.Error("Run returned nil without a goodbye")
		}
		s.Close(t.Context())
		for last := uint64(0); ; {
			m, err := s.Receive(t.Context())
			if err != nil {
				break
			}
			if m.ID <= last || len(m.Text) > 4*MaxText {
				t.Errorf("line %d of %d bytes after %d", m.ID, len(m.Text), last)
			}
			last = m.ID
		}
	})
}

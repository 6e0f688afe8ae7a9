package stream

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"p2ptool/p2p/link/spans"
	"p2ptool/p2p/link/wire"
)

var errWritten = errors.New("all was written")

// text returns n bytes.
func text(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(b)
	return b
}

// A courier carries the frames of one outbound half to an inbound one: late, in
// any order, twice, or not at all. The bytes must be those that were written.
type courier struct {
	t    *testing.T
	rnd  *rand.Rand
	out  Outbound
	in   Inbound
	data []byte // all that will be written
	got  []byte // all that was read
	way  []carried
	gone []carried // arrived or lost, of which the sender is to hear
	room int       // what windows may grow by
}

// carried is a STREAM frame on its way.
type carried struct {
	data spans.Span
	fin  bool
}

func (c *courier) step() {
	switch c.rnd.IntN(6) {
	case 0: // the application writes
		if left := c.data[c.out.end:]; len(left) > 0 {
			c.out.Write(left[:1+c.rnd.IntN(min(len(left), 20_000))])
		} else {
			c.out.Finish(errWritten)
		}
	case 1: // and reads
		if c.in.Ready() {
			b := make([]byte, 1+c.rnd.IntN(30_000))
			n, err := c.in.Read(b)
			if err != nil && err != io.EOF {
				c.t.Fatal(err)
			}
			c.got = append(c.got, b[:n]...)
		}
		if c.in.WindowDue {
			c.out.limit = max(c.out.limit, c.in.RaiseWindow(time.Time{}, time.Second, &c.room))
		}
	case 2, 3: // a frame is sent
		if c.out.Pending() {
			s, fin := c.out.NextFrame(1 + c.rnd.IntN(1500))
			c.way = append(c.way, carried{s, fin})
		}
	case 4: // one arrives, or not, or again later
		c.deliver()
	case 5: // and the sender hears of it
		c.settle()
	}
}

func (c *courier) deliver() {
	if len(c.way) == 0 {
		return
	}
	i := c.rnd.IntN(len(c.way))
	f := c.way[i]
	if c.rnd.IntN(10) > 0 {
		c.way = append(c.way[:i], c.way[i+1:]...)
		c.gone = append(c.gone, f)
	}
	if c.rnd.IntN(4) == 0 {
		return // lost
	}
	b := bytes.Clone(c.data[f.data.Start:f.data.End])
	if err := c.in.Receive(wire.Stream{Offset: f.data.Start, Data: b, Fin: f.fin}); err != nil {
		c.t.Fatalf("[%d, %d): %v", f.data.Start, f.data.End, err)
	}
}

// settle acknowledges a frame of which all has arrived, and declares another
// lost. What arrived may be declared lost too.
func (c *courier) settle() {
	if len(c.gone) == 0 {
		return
	}
	i := c.rnd.IntN(len(c.gone))
	f := c.gone[i]
	c.gone = append(c.gone[:i], c.gone[i+1:]...)
	arrived := !f.fin || c.in.ended
	c.in.got.Missing(f.data, func(spans.Span) { arrived = false })
	if arrived && c.rnd.IntN(5) > 0 {
		c.out.Acked(f.data, f.fin)
	} else {
		c.out.Lost(f.data, f.fin)
	}
}

func TestHalvesCarryAStream(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		c := &courier{t: t, rnd: rnd, data: text(rnd.IntN(400_000)), room: LinkWindows}
		c.in, c.out = NewInbound(), NewOutbound()
		steps := 0
		for ; !(c.in.Finished() && c.out.Finished()); steps++ {
			if steps == 200_000 {
				t.Fatalf("seed %d: %d of %d bytes after %d steps", seed, len(c.got), len(c.data), steps)
			}
			c.step()
			if held := c.in.ring.size(); held > c.in.window.size {
				t.Fatalf("seed %d: %d bytes are held in a window of %d", seed, held, c.in.window.size)
			}
		}
		if !bytes.Equal(c.got, c.data) {
			t.Errorf("seed %d: %d bytes arrived, not the %d that were written", seed, len(c.got), len(c.data))
		}
	}
}

func TestInboundRefuses(t *testing.T) {
	t.Parallel()
	piece := func(offset uint64, n int, fin bool) wire.Stream {
		return wire.Stream{Offset: offset, Data: make([]byte, n), Fin: fin}
	}
	for _, c := range []struct {
		name   string
		frames []wire.Stream
		want   error
	}{
		{"more than the window", []wire.Stream{piece(FirstWindow-1, 2, false)}, errFlow},
		{"data behind the end", []wire.Stream{piece(0, 10, true), piece(10, 1, false)}, errFinal},
		{"another end", []wire.Stream{piece(0, 10, true), piece(0, 9, true)}, errFinal},
		{"an end before data", []wire.Stream{piece(20, 10, false), piece(0, 10, true)}, errFinal},
		{"the end twice", []wire.Stream{piece(0, 10, true), piece(10, 0, true)}, nil},
		{"all of the window", []wire.Stream{piece(0, FirstWindow, true)}, nil},
	} {
		in := NewInbound()
		var err error
		for _, f := range c.frames {
			err = errors.Join(err, in.Receive(f))
		}
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// Small pieces that leave gaps are taken up to a number; who fills gaps is
// always welcome.
func TestInboundBoundsPieces(t *testing.T) {
	t.Parallel()
	in := NewInbound()
	var err error
	n := uint64(0)
	for ; err == nil; n++ {
		err = in.Receive(wire.Stream{Offset: 1 + 2*n, Data: []byte{1}})
	}
	if err != ErrNoRoom || len(in.got) > maxPieces+FirstWindow/bytesPerPiece {
		t.Errorf("after %d pieces %d spans: %v", n, len(in.got), err)
	}
	for i := range n {
		if err := in.Receive(wire.Stream{Offset: 2 * i, Data: []byte{1}}); err != nil {
			t.Fatalf("filling gap %d: %v", i, err)
		}
	}
	if len(in.got) != 1 {
		t.Errorf("%d spans are left", len(in.got))
	}
}

func TestWindowGrowsWithTheReader(t *testing.T) {
	t.Parallel()
	const trip = 100 * time.Millisecond
	for _, c := range []struct {
		name  string
		pause time.Duration // for each quarter of the window that is read
		spare int
		want  int
	}{
		{"a slow reader", 2 * time.Second, LinkWindows, FirstWindow},
		{"a quick one", trip, LinkWindows, MaxBuffer},
		{"without room", trip, 3 * FirstWindow, 4 * FirstWindow},
	} {
		w := window{limit: FirstWindow, size: FirstWindow}
		now := time.Unix(1, 0)
		read := uint64(0)
		spare := c.spare
		for range 200 {
			read += uint64(w.size / 4)
			now = now.Add(c.pause)
			if !w.due(read + 1) {
				t.Fatalf("%s: a quarter was read and no more is granted", c.name)
			}
			if limit := w.raise(read, now, trip, &spare); limit != read+uint64(w.size) {
				t.Fatalf("%s: the limit is %d behind what was read", c.name, limit-read)
			}
		}
		if w.size != c.want || spare+w.grown() != c.spare {
			t.Errorf("%s: the window is %d, with %d to spare", c.name, w.size, spare)
		}
	}
}

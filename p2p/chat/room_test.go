package chat

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A hall is a room whose lines and receipts are kept.
type hall struct {
	*Room
	t         *testing.T
	delivered []uint64
	heard     []string
	end       chan error
}

// newHall makes one, in a bubble of synctest.
func newHall(t *testing.T) *hall {
	h := &hall{t: t, end: make(chan error, 1)}
	h.Room = NewRoom(Options{Delivered: func(id uint64) { h.delivered = append(h.delivered, id) }})
	go func() {
		for {
			m, err := h.Receive(context.Background())
			if err != nil {
				h.end <- err
				return
			}
			h.heard = append(h.heard, m.Text)
		}
	}()
	return h
}

// enter joins a session of the other side, as a process.
func (h *hall) enter(process uint64, s *Session) (cut func()) {
	x, y := net.Pipe()
	ctx, cancel := context.WithCancel(h.t.Context())
	go h.Run(ctx, process, x)
	go s.Run(ctx, y)
	return func() { cancel(); x.Close() }
}

func (h *hall) say(texts ...string) {
	h.t.Helper()
	for _, text := range texts {
		if _, err := h.Send(h.t.Context(), text); err != nil {
			h.t.Fatal(err)
		}
	}
	synctest.Wait()
}

func (h *hall) check(heard []string, delivered ...uint64) {
	h.t.Helper()
	synctest.Wait()
	if !slices.Equal(h.heard, heard) || !slices.Equal(h.delivered, delivered) {
		h.t.Fatalf("heard %q, delivered %d; not %q, %d", h.heard, h.delivered, heard, delivered)
	}
}

// All who take part hear what is said, each leaves for itself, and with the last it is over.
func TestRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		h.say("is anybody there")
		one, two := New(Options{}), New(Options{})
		h.enter(1, one)
		expect(t, one, "is anybody there")
		h.check(nil, 1)
		h.enter(2, two)
		h.say("both of you")
		expect(t, two, "both of you")
		h.check(nil, 1, 2) // one of them has it
		expect(t, one, "both of you")
		send(t, one, "from one")
		synctest.Wait()
		send(t, two, "from two")
		h.check([]string{"from one", "from two"}, 1, 2)
		one.Close(t.Context())
		h.say("to the other")
		expect(t, two, "to the other")
		h.check(h.heard, 1, 2, 3)
		select {
		case <-h.Done():
			t.Fatal("it was over when the first left")
		default:
		}
		two.Close(t.Context())
		if err := <-h.end; !errors.Is(err, ErrPeerLeft) {
			t.Errorf("it ended by %v", err)
		}
		if _, err := h.Send(t.Context(), "too late"); !errors.Is(err, ErrPeerLeft) {
			t.Errorf("afterwards: %v", err)
		}
		if err := h.Run(t.Context(), 3, new(net.TCPConn)); !errors.Is(err, ErrPeerLeft) {
			t.Errorf("one came too late: %v", err)
		}
	})
}

// One that hears nothing holds up nobody, and what is kept for it is bounded.
func TestRoomWithOneThatIsDeaf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		deaf, one := New(Options{}), New(Options{})
		h.enter(1, deaf)
		h.enter(2, one)
		const lines = 5 * maxLines
		go func() {
			for i := range lines {
				h.Send(t.Context(), fmt.Sprint(i))
			}
		}()
		for i := range lines {
			expect(t, one, fmt.Sprint(i))
		}
		err := h.WaitDelivered(t.Context())
		synctest.Wait()
		if err != nil || len(h.delivered) != lines {
			t.Errorf("%d delivered, %v", len(h.delivered), err)
		}
		if n := len(h.kept); n > maxLines {
			t.Errorf("%d lines are kept", n)
		}
		expect(t, deaf, "0", "1", "2") // as many as its session has
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		h.Close(ctx)
		<-h.end
	})
}

// What a process that was killed has not got goes to the one that comes for it, and to
// none that has it.
func TestRoomAfterAKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		killed := New(Options{})
		kill := h.enter(1, killed)
		h.say("first", "second")
		expect(t, killed, "first")
		h.check(nil, 1)
		kill()
		h.say("third")
		again := New(Options{})
		h.enter(2, again)
		expect(t, again, "second", "third")
		h.check(nil, 1, 2, 3)
		ended := make(chan error, 1)
		go func() {
			for {
				if _, err := again.Receive(t.Context()); err != nil {
					ended <- err
					return
				}
			}
		}()
		h.say("goodbye")
		if err := h.Close(t.Context()); err != nil {
			t.Error(err)
		}
		h.check(nil, 1, 2, 3, 4)
		if err := <-ended; !errors.Is(err, ErrPeerLeft) {
			t.Errorf("the other side: %v", err)
		}
		if err := <-h.end; !errors.Is(err, ErrClosed) {
			t.Errorf("this side: %v", err)
		}
	})
}

// A link that breaks does not end a session: the same process goes on where it was.
func TestRoomOverASecondStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		s := New(Options{})
		cut := h.enter(1, s)
		h.say("one")
		expect(t, s, "one")
		synctest.Wait()
		cut()
		h.say("two")
		h.enter(1, s)
		expect(t, s, "two")
		h.check(nil, 1, 2)
		expectNothing(t, s)
		s.Close(t.Context())
		<-h.end
	})
}

// A process that ended in order has left, though its goodbye was lost.
func TestRoomWhoseLastIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		s := New(Options{})
		cut := h.enter(1, s)
		send(t, s, "last words")
		h.check([]string{"last words"})
		cut()
		h.Drop(1)
		if err := <-h.end; !errors.Is(err, ErrPeerLeft) {
			t.Errorf("it ended by %v", err)
		}
	})
}

// Any number of processes may be killed one after the other: those that are gone make room, and
// one that only seemed to be gone goes on where it was.
func TestRoomMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		back := New(Options{})
		cut := h.enter(1, back)
		heard := []string{"here"}
		send(t, back, heard[0])
		h.check(heard)
		for process := range uint64(3 * maxSeats) {
			s := New(Options{})
			kill := h.enter(100+process, s)
			heard = append(heard, fmt.Sprint("of ", process))
			send(t, s, heard[len(heard)-1])
			h.check(heard)
			kill()
			synctest.Wait()
		}
		send(t, back, "here still")
		h.check(append(heard, "here still"))
		cut()
		if n := len(h.seats); n > maxSeats {
			t.Errorf("%d seats", n)
		}
		back.Close(t.Context())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		h.Close(ctx)
		<-h.end
	})
}

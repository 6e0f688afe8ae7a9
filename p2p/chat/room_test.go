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

// A testRoom is a room that records lines and deliveries.
type testRoom struct {
	*Room
	t         *testing.T
	delivered []uint64
	received  []string
	end       chan error
}

// newTestRoom returns a testRoom in a synctest bubble.
func newTestRoom(t *testing.T) *testRoom {
	h := &testRoom{t: t, end: make(chan error, 1)}
	h.Room = NewRoom(Options{Delivered: func(id uint64) { h.delivered = append(h.delivered, id) }})
	go func() {
		for {
			m, err := h.Receive(context.Background())
			if err != nil {
				h.end <- err
				return
			}
			h.received = append(h.received, m.Text)
		}
	}()
	return h
}

// enter joins a session of the other side as a process.
func (h *testRoom) enter(process uint64, s *Session) (cut func()) {
	x, y := net.Pipe()
	ctx, cancel := context.WithCancel(h.t.Context())
	go h.Run(ctx, process, x)
	go s.Run(ctx, y)
	return func() { cancel(); x.Close() }
}

func (h *testRoom) say(texts ...string) {
	h.t.Helper()
	for _, text := range texts {
		if _, err := h.Send(h.t.Context(), text); err != nil {
			h.t.Fatal(err)
		}
	}
	synctest.Wait()
}

func (h *testRoom) check(heard []string, delivered ...uint64) {
	h.t.Helper()
	synctest.Wait()
	if !slices.Equal(h.received, heard) || !slices.Equal(h.delivered, delivered) {
		h.t.Fatalf("received %q, delivered %d; want %q, %d", h.received, h.delivered, heard, delivered)
	}
}

// All participants receive the lines; the chat ends when the last one leaves.
func TestRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestRoom(t)
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
		h.check(h.received, 1, 2, 3)
		select {
		case <-h.Done():
			t.Fatal("the chat ended when the first left")
		default:
		}
		two.Close(t.Context())
		if err := <-h.end; !errors.Is(err, ErrPeerLeft) {
			t.Errorf("ended with %v", err)
		}
		if _, err := h.Send(t.Context(), "too late"); !errors.Is(err, ErrPeerLeft) {
			t.Errorf("afterwards: %v", err)
		}
		if err := h.Run(t.Context(), 3, new(net.TCPConn)); !errors.Is(err, ErrPeerLeft) {
			t.Errorf("Run after the end: %v", err)
		}
	})
}

// A participant that does not receive does not block the others, and the lines kept for it are bounded.
func TestRoomWithASlowParticipant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestRoom(t)
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
			t.Errorf("kept %d lines", n)
		}
		expect(t, deaf, "0", "1", "2") // the lines that are already in its session
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		h.Close(ctx)
		<-h.end
	})
}

// Lines that a killed process has not received go to its successor, and no line is delivered twice.
func TestRoomAfterAKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestRoom(t)
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

// A broken link does not end a session: the same process continues.
func TestRoomOverASecondStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestRoom(t)
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

// Drop removes a process whose goodbye was lost, and ends the chat with the last one.
func TestRoomDropsTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestRoom(t)
		s := New(Options{})
		cut := h.enter(1, s)
		send(t, s, "last words")
		h.check([]string{"last words"})
		cut()
		h.Drop(1)
		if err := <-h.end; !errors.Is(err, ErrPeerLeft) {
			t.Errorf("ended with %v", err)
		}
	})
}

// Any number of processes can be killed in turn: the room evicts participants without a stream. A
// participant that only loses its stream for a while continues.
func TestRoomEvictsKilledProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestRoom(t)
		back := New(Options{})
		cut := h.enter(1, back)
		heard := []string{"here"}
		send(t, back, heard[0])
		h.check(heard)
		for process := range uint64(3 * maxProcesses) {
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
		if n := len(h.participants); n > maxProcesses {
			t.Errorf("%d participants", n)
		}
		back.Close(t.Context())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		h.Close(ctx)
		<-h.end
	})
}

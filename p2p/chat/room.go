package chat

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"unicode/utf8"
)

// maxSeats bounds the processes of the other side that take part at a time.
const maxSeats = 32

// ErrCrowded says that too many processes of the other side take part.
var ErrCrowded = errors.New("too many processes of the peer are in the chat")

// A Room is one side of a conversation with one peer, of which any number of
// processes take part: it has a Session with each. All of them get the lines that
// are sent, a line counts as delivered when one of them has it, and what any of them says is
// received. One that leaves does so for itself; when the last has left, the
// conversation is over. Its methods may be called from several goroutines at once.
//
// A process that joins gets the lines that nobody has yet. One that does not keep up with the
// others misses lines, rather than hold them up: what all others have is kept
// for it up to 256 lines or 1 MiB.
type Room struct {
	over  chan struct{} // closed when the conversation is
	lines chan Message  // from the sessions to Receive

	telling sync.Mutex // held while Delivered is called
	told    func(id uint64)

	mu      sync.Mutex
	changed chan struct{} // closed and made anew when anything below changes
	seats   map[uint64]*seat
	entered uint64 // streams that there were
	workers int    // goroutines of the seats

	kept     []string // the last lines that were sent; the last of all has lastID
	lastID   uint64
	doneID   uint64 // of the last line that was delivered
	unread   int    // bytes of the lines after it
	keptSize int    // bytes in kept

	closed bool // here, by Close
	left   bool // there, by the last that took part
}

// NewRoom makes a room that nobody has entered yet.
func NewRoom(o Options) *Room {
	r := &Room{
		over: make(chan struct{}), lines: make(chan Message), told: o.Delivered,
		changed: make(chan struct{}), seats: make(map[uint64]*seat),
	}
	if r.told == nil {
		r.told = func(uint64) {}
	}
	return r
}

// Run serves the session with one process of the other side on a stream, as Session.Run does;
// process is a number that stays the same for it and is no other's. It returns nil when either
// side has said goodbye on this stream, which need not be the end of the conversation.
func (r *Room) Run(ctx context.Context, process uint64, rw io.ReadWriteCloser) error {
	s, err := r.enter(process)
	if err != nil {
		rw.Close()
		return err
	}
	return s.Run(ctx, rw)
}

// Send takes a line for all who take part and returns its id; ids count from 1
// upwards. It blocks while 256 lines or 1 MiB are delivered to nobody. The rest is
// as with Session.Send.
func (r *Room) Send(ctx context.Context, text string) (id uint64, err error) {
	text = strings.ToValidUTF8(text, string(utf8.RuneError))
	if len(text) > MaxText {
		return 0, ErrTooLong
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	err = r.waitLocked(ctx, func() bool {
		return r.overLocked() != nil || hasRoom(int(r.lastID-r.doneID), r.unread, len(text))
	})
	if err == nil {
		err = r.overLocked()
	}
	if err != nil {
		return 0, err
	}
	r.lastID++
	r.kept = append(r.kept, text)
	r.keptSize += len(text)
	r.unread += len(text)
	r.trimLocked()
	r.changedLocked()
	return r.lastID, nil
}

// Receive returns the next line that anybody of the other side sent. Its id counts within
// the session that it came by. Lines that came before the end are given
// still; behind them the error is ErrPeerLeft or ErrClosed. It has to be called until
// then, or lines, and the goroutines of the room, wait for it.
func (r *Room) Receive(ctx context.Context) (Message, error) {
	for {
		r.mu.Lock()
		over, workers, changed := r.overLocked(), r.workers, r.changed
		r.mu.Unlock()
		if over != nil && workers == 0 {
			return Message{}, over
		}
		select {
		case m := <-r.lines:
			return m, nil
		case <-changed:
		case <-ctx.Done():
			return Message{}, ctx.Err()
		}
	}
}

// WaitDelivered waits until all lines that were sent before the call are delivered. The
// error is ErrClosed or ErrPeerLeft where some never will be, or the context's.
func (r *Room) WaitDelivered(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.lastID
	delivered := func() bool { return r.doneID >= last }
	err := r.waitLocked(ctx, func() bool { return delivered() || r.overLocked() != nil })
	if err != nil || delivered() {
		return err
	}
	return r.overLocked()
}

// Close says goodbye to all who take part, behind the lines that were sent, and waits
// until they have heard it, as Session.Close does. Twice is fine.
func (r *Room) Close(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	r.endLocked()
	var seats []*seat
	for _, s := range r.seats {
		seats = append(seats, s)
	}
	r.mu.Unlock()
	errs := make(chan error, len(seats))
	for _, s := range seats {
		go func() { errs <- r.closeSeat(ctx, s) }()
	}
	var err error
	for range seats {
		err = errors.Join(err, <-errs)
	}
	return err
}

// Done is closed when the conversation is over: this side said goodbye, or the last of
// the other one.
func (r *Room) Done() <-chan struct{} { return r.over }

// overLocked tells why the conversation is over, or nil.
func (r *Room) overLocked() error {
	switch {
	case r.closed:
		return ErrClosed
	case r.left:
		return ErrPeerLeft
	}
	return nil
}

// endLocked closes Done, once.
func (r *Room) endLocked() {
	select {
	case <-r.over:
	default:
		close(r.over)
	}
	r.changedLocked()
}

// changedLocked wakes everyone in waitLocked.
func (r *Room) changedLocked() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// waitLocked gives the mutex away until ready, called with it held, is true.
func (r *Room) waitLocked(ctx context.Context, ready func() bool) error {
	for !ready() {
		if err := ctx.Err(); err != nil {
			return err
		}
		changed := r.changed
		r.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		r.mu.Lock()
	}
	return nil
}

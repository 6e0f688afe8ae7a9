package chat

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"unicode/utf8"
)

// maxProcesses bounds the processes of the other side in a room.
const maxProcesses = 32

// ErrCrowded says that too many processes of the other side are in the room.
var ErrCrowded = errors.New("too many processes of the peer are in the chat")

// A Room is one side of a chat with all processes of one peer. It has a Session with each process.
// It sends each line to all of them, and receives lines from all of them. A line is delivered when
// one of them has it. The chat ends when the last process leaves. The methods may be called from
// several goroutines.
//
// A process that joins receives the lines that are not delivered yet. A process that is too slow
// misses lines, but does not block the others: the room keeps at most 256 lines or 1 MiB for it.
type Room struct {
	over  chan struct{} // closed when the chat has ended
	lines chan Message  // from the sessions to Receive

	deliverMu   sync.Mutex // held during calls of onDelivered
	onDelivered func(id uint64)

	mu           sync.Mutex
	changed      chan struct{} // closed and replaced when anything below changes
	participants map[uint64]*participant
	entered      uint64 // number of streams so far
	workers      int    // goroutines of the participants

	kept     []string // the newest sent lines; the last one has lastID
	lastID   uint64
	doneID   uint64 // the last delivered line
	unread   int    // bytes of the lines after doneID
	keptSize int    // bytes in kept

	closed bool // by Close
	left   bool // the last participant has left
}

// NewRoom returns an empty room.
func NewRoom(o Options) *Room {
	r := &Room{
		over: make(chan struct{}), lines: make(chan Message), onDelivered: o.Delivered,
		changed: make(chan struct{}), participants: make(map[uint64]*participant),
	}
	if r.onDelivered == nil {
		r.onDelivered = func(uint64) {}
	}
	return r
}

// Run serves the session with one process of the other side on a stream, like Session.Run. The number
// process identifies that process. Run returns nil when either side has said goodbye on this stream.
// The chat may continue with other processes.
func (r *Room) Run(ctx context.Context, process uint64, rw io.ReadWriteCloser) error {
	s, err := r.enter(process)
	if err != nil {
		rw.Close()
		return err
	}
	return s.Run(ctx, rw)
}

// Send queues a line for all participants and returns its id; ids count from 1. It blocks while
// 256 lines or 1 MiB are undelivered. Otherwise it is like Session.Send.
func (r *Room) Send(ctx context.Context, text string) (id uint64, err error) {
	text = strings.ToValidUTF8(text, string(utf8.RuneError))
	if len(text) > MaxText {
		return 0, ErrTooLong
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	err = r.waitLocked(ctx, func() bool {
		return r.endErrLocked() != nil || hasRoom(int(r.lastID-r.doneID), r.unread, len(text))
	})
	if err == nil {
		err = r.endErrLocked()
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

// Receive returns the next line from any process of the other side. The id of the line is unique
// only within that process's session. After the chat has ended, Receive still returns the lines
// received before, and then ErrPeerLeft or ErrClosed. Call it until then: the room's goroutines
// wait until their lines are received.
func (r *Room) Receive(ctx context.Context) (Message, error) {
	for {
		r.mu.Lock()
		over, workers, changed := r.endErrLocked(), r.workers, r.changed
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

// WaitDelivered waits until all lines sent before the call are delivered. It returns ErrClosed or
// ErrPeerLeft if some will never be delivered, or the context's error.
func (r *Room) WaitDelivered(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.lastID
	delivered := func() bool { return r.doneID >= last }
	err := r.waitLocked(ctx, func() bool { return delivered() || r.endErrLocked() != nil })
	if err != nil || delivered() {
		return err
	}
	return r.endErrLocked()
}

// Close sends the remaining lines, says goodbye to all participants, and waits until they have
// answered, like Session.Close. Calling it twice is fine.
func (r *Room) Close(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	r.endLocked()
	var participants []*participant
	for _, s := range r.participants {
		participants = append(participants, s)
	}
	r.mu.Unlock()
	errs := make(chan error, len(participants))
	for _, s := range participants {
		go func() { errs <- r.closeParticipant(ctx, s) }()
	}
	var err error
	for range participants {
		err = errors.Join(err, <-errs)
	}
	return err
}

// Done is closed when the chat has ended: this side or the last participant has said goodbye.
func (r *Room) Done() <-chan struct{} { return r.over }

// endErrLocked returns why the chat has ended, or nil.
func (r *Room) endErrLocked() error {
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

// changedLocked wakes all callers of waitLocked.
func (r *Room) changedLocked() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// waitLocked waits until ready returns true. It calls ready with the mutex held, and releases the
// mutex while it waits.
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

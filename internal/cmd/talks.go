package cmd

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"p2ptool/internal/script"
	"p2ptool/internal/terminal"
	"p2ptool/p2p"
	"p2ptool/p2p/chat"
)

// goodbye is how long the end of a chat may take.
const goodbye = 500 * time.Millisecond

// Talks are the chats of a node, one with each peer.
type talks struct {
	p         *program
	name      func(p2p.GUID) string
	only      *p2p.GUID          // chat with this peer only; nil: with all
	onLine    func(string)       // is called with each received line; may be nil
	mu        sync.Mutex         // guards the fields below
	byPeer    map[p2p.GUID]*talk // those that have not ended
	closed    bool               // no chat begins or expires any more
	listeners sync.WaitGroup     // one for each chat
}

// A talk is a chat with one peer. Each process of the peer that takes part has a session in the
// room, and one stream at a time, on any of the links to that process.
type talk struct {
	peer       p2p.GUID
	persistent bool // does not expire
	room       *chat.Room
	stall      *lineStall
	lines      script.Lines              // the lines that the peer sent, for a script
	link       atomic.Pointer[p2p.Link]  // the link of the newest stream
	streams    atomic.Int32              // the number of open streams
	left       atomic.Pointer[time.Time] // when the last stream ended
	opened     chan struct{}             // receives a token when a stream opens
	idle       chan struct{}             // receives a token when a stream ends
	ended      chan struct{}             // closed when the peer can send no more lines
}

// talk returns the chat with a peer that this side wants to chat with, or nil if that is not
// allowed. It never expires.
func (ts *talks) talk(peer p2p.GUID) *talk {
	t := ts.join(peer)
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if t != nil {
		t.persistent = true
	}
	return t
}

// join returns the chat with the peer. It begins one if there is none, or returns nil if that is
// not allowed.
func (ts *talks) join(peer p2p.GUID) *talk {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if t, ok := ts.byPeer[peer]; ok {
		return t
	}
	if ts.closed || ts.only != nil && *ts.only != peer {
		return nil
	}
	t := &talk{
		peer:   peer,
		opened: make(chan struct{}, 1),
		idle:   make(chan struct{}, 1),
		ended:  make(chan struct{}),
	}
	t.stall = &lineStall{p: ts.p, talk: t, name: ts.name(peer)}
	t.room = chat.NewRoom(chat.Options{Delivered: func(id uint64) {
		t.stall.deliver(id)
		ts.p.out.event(deliveredEvent{ts.p.who(peer), id})
	}})
	if ts.byPeer == nil {
		ts.byPeer = make(map[p2p.GUID]*talk)
	}
	ts.byPeer[peer] = t
	ts.listeners.Go(func() { ts.listen(t) })
	return t
}

// listen prints the peer's lines until the chat ends.
func (ts *talks) listen(t *talk) {
	defer close(t.ended)
	defer t.stall.end()
	for {
		m, err := t.room.Receive(context.Background())
		if err != nil {
			t.lines.End(err)
			ts.forget(t)
			return
		}
		ts.p.out.payload("%s: %s", ts.name(t.peer), terminal.VisibleText(m.Text))
		ts.p.out.event(messageEvent{ts.p.who(t.peer), m.Text, m.ID})
		t.lines.Add(m.Text)
		if ts.onLine != nil {
			ts.onLine(m.Text)
		}
	}
}

func (ts *talks) forget(t *talk) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	delete(ts.byPeer, t.peer)
}

// handle is the handler of chat streams.
func (ts *talks) handle(link *p2p.Link, stream *p2p.Stream) {
	t := ts.join(link.Peer())
	if t == nil {
		stream.Reset(p2p.ResetNoHandler)
		return
	}
	defer ts.p.activities.begin(link)()
	err := t.serve(link, stream)
	if (errors.Is(err, chat.ErrProtocol) || errors.Is(err, chat.ErrVersion)) && (t.persistent || ts.p.failures.allow(failureRate)) {
		ts.p.out.note("chat with %s: %s", ts.name(t.peer), err)
	}
	ts.expire(t)
}

// idleTimeout is how long a chat that a peer began outlives its last stream: longer than a link
// waits for a lost path.
const idleTimeout = 5 * time.Minute

// expire ends a chat that the peer began, unless the peer opens a stream within idleTimeout.
func (ts *talks) expire(t *talk) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if t.persistent || ts.closed || t.streams.Load() > 0 {
		return
	}
	left := time.Now()
	t.left.Store(&left)
	ts.listeners.Go(func() {
		timer := time.NewTimer(idleTimeout)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-t.room.Done():
			return
		}
		if t.streams.Load() == 0 && t.left.Load() == &left {
			ctx, cancel := context.WithCancel(context.Background())
			cancel() // no process is left to say goodbye to
			t.room.Close(ctx)
		}
	})
}

// serve runs the chat over one stream. It has no context: after an interrupt, close says goodbye
// and ends it.
func (t *talk) serve(link *p2p.Link, stream *p2p.Stream) error {
	t.link.Store(link)
	t.streams.Add(1)
	wake(t.opened)
	defer wake(t.idle)
	defer t.streams.Add(-1)
	err := t.room.Run(context.Background(), link.Instance(), stream)
	if err != nil && left(link) {
		t.room.Drop(link.Instance()) // the process has ended
	}
	return err
}

// say sends a line, as chat.Room.Send does.
func (t *talk) say(ctx context.Context, text string) error {
	id, err := t.room.Send(ctx, text)
	if err == nil {
		t.stall.send(id)
	}
	return err
}

// wake puts a token into a channel with room for one.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// callerOpensWithin is how long the called side waits for the caller to open the stream, so that
// the two do not open one each.
const callerOpensWithin = time.Second

// awaitStream waits for the stream of a peer that called, for up to callerOpensWithin.
func (t *talk) awaitStream(ctx context.Context) {
	timer := time.NewTimer(callerOpensWithin)
	defer timer.Stop()
	select {
	case <-t.opened:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// keepConnected opens a stream whenever the chat has none. It returns nil when the chat has ended,
// else why it cannot continue. If the peer accepts no chats, it retries for as long as wait.
func (t *talk) keepConnected(ctx context.Context, wait time.Duration, connect func(context.Context) (*p2p.Link, error)) error {
	var pause backoff
	met := time.Now()
	for !t.over() {
		if t.streams.Load() > 0 {
			if err := t.awaitStreamEnd(ctx); err != nil {
				return err
			}
			continue
		}
		link, err := connect(ctx)
		if err != nil {
			return err
		}
		switch err = t.open(link); {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil, errors.Is(err, chat.ErrClosed), errors.Is(err, chat.ErrPeerLeft), errors.Is(err, chat.ErrReplaced):
			met, pause = time.Now(), 0
			continue // that process has left; others may remain
		case errors.Is(err, p2p.ErrRefused) && time.Since(met) >= wait:
			return errNoChats
		case errors.Is(err, chat.ErrProtocol), errors.Is(err, chat.ErrVersion):
			return err
		}
		if err := pause.sleep(ctx, time.Duration(lastPause)); err != nil {
			return err
		}
	}
	return nil
}

// errNoChats is the error of a chat with a peer that only accepts files.
var errNoChats = hint(as(p2p.ErrRefused, errors.New("the peer accepts no chats right now")),
	"`p2ptool run` on the peer's machine accepts chats and files")

// over reports whether the chat has ended.
func (t *talk) over() bool {
	select {
	case <-t.room.Done():
		return true
	default:
		return false
	}
}

// open opens a stream and runs the chat over it.
func (t *talk) open(link *p2p.Link) error {
	stream, err := link.OpenStream(kindChat)
	if err != nil {
		return err
	}
	return t.serve(link, stream)
}

// awaitStreamEnd waits until a stream or the chat ends.
func (t *talk) awaitStreamEnd(ctx context.Context) error {
	select {
	case <-t.idle:
		return nil
	case <-t.room.Done():
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// close says goodbye in all chats and waits until they end, for at most the time of goodbye.
func (ts *talks) close() {
	ts.mu.Lock()
	ts.closed = true
	var open []*talk
	for _, t := range ts.byPeer {
		open = append(open, t)
	}
	ts.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	var closing sync.WaitGroup
	for _, t := range open {
		closing.Go(func() { t.room.Close(ctx) })
	}
	closing.Wait()
	ts.listeners.Wait()
}

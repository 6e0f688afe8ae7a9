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

// goodbye is how long the end of a conversation may take.
const goodbye = 500 * time.Millisecond

// Talks are the conversations of a node, one with each peer.
type talks struct {
	p    *program
	name func(p2p.GUID) string
	only *p2p.GUID           // talk with this peer only; nil: with all
	said func(*talk, string) // is told of each line; may be nil
	mu   sync.Mutex          // guards what is below
	with map[p2p.GUID]*talk  // those that are not over
	over bool                // no more are begun, nor expire
	ends sync.WaitGroup      // a listener for each
}

// A talk is a conversation with one peer. Each process of the peer's that takes part has a
// place in its room, and one stream at a time, of whichever link leads there.
type talk struct {
	peer    p2p.GUID
	kept    bool // for as long as the node is there
	room    *chat.Room
	stall   *lineStall
	lines   script.Lines              // what the peer said, for a script
	link    atomic.Pointer[p2p.Link]  // the one that the last stream was of
	streams atomic.Int32              // how many there are now
	left    atomic.Pointer[time.Time] // when the last of them ended
	begun   chan struct{}             // gets a token when one begins
	idle    chan struct{}             // gets a token when one ends
	heard   chan struct{}             // closed when the peer will say no more
}

// talk returns the conversation with a peer that this side wants to talk with; nil if there may be
// none.
func (ts *talks) talk(peer p2p.GUID) *talk {
	t := ts.join(peer)
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if t != nil {
		t.kept = true
	}
	return t
}

// join returns the conversation with the peer, beginning one if there is none;
// nil if there may be none.
func (ts *talks) join(peer p2p.GUID) *talk {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if t, ok := ts.with[peer]; ok {
		return t
	}
	if ts.over || ts.only != nil && *ts.only != peer {
		return nil
	}
	t := &talk{
		peer:  peer,
		begun: make(chan struct{}, 1),
		idle:  make(chan struct{}, 1),
		heard: make(chan struct{}),
	}
	t.stall = &lineStall{p: ts.p, talk: t, name: ts.name(peer)}
	t.room = chat.NewRoom(chat.Options{Delivered: func(id uint64) {
		t.stall.deliver(id)
		ts.p.out.event(deliveredEvent{ts.p.who(peer), id})
	}})
	if ts.with == nil {
		ts.with = make(map[p2p.GUID]*talk)
	}
	ts.with[peer] = t
	ts.ends.Go(func() { ts.listen(t) })
	return t
}

// listen shows what the peer says until the conversation is over.
func (ts *talks) listen(t *talk) {
	defer close(t.heard)
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
		if ts.said != nil {
			ts.said(t, m.Text)
		}
	}
}

func (ts *talks) forget(t *talk) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	delete(ts.with, t.peer)
}

// take is the handler of chat streams.
func (ts *talks) take(link *p2p.Link, stream *p2p.Stream) {
	t := ts.join(link.Peer())
	if t == nil {
		stream.Reset(p2p.ResetNoHandler)
		return
	}
	defer ts.p.activities.begin(link)()
	if err := t.serve(link, stream); errors.Is(err, chat.ErrProtocol) {
		ts.p.out.note("chat with %s: %s", ts.name(t.peer), err)
	}
	ts.expire(t)
}

// returnsWithin is how long a conversation that a peer began is kept when its last stream has
// broken: longer than a link is silent before it is dead.
const returnsWithin = 5 * time.Minute

// expire ends a conversation that the peer began if it does not come back in time.
func (ts *talks) expire(t *talk) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if t.kept || ts.over || t.streams.Load() > 0 {
		return
	}
	left := time.Now()
	t.left.Store(&left)
	ts.ends.Go(func() {
		timer := time.NewTimer(returnsWithin)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-t.room.Done():
			return
		}
		if t.streams.Load() == 0 && t.left.Load() == &left {
			ctx, cancel := context.WithCancel(context.Background())
			cancel() // there is nobody to say goodbye to
			t.room.Close(ctx)
		}
	})
}

// serve has the conversation over one stream. No context ends it: who is interrupted
// says goodbye all the same, by close, which ends it for certain.
func (t *talk) serve(link *p2p.Link, stream *p2p.Stream) error {
	t.link.Store(link)
	t.streams.Add(1)
	wake(t.begun)
	defer wake(t.idle)
	defer t.streams.Add(-1)
	err := t.room.Run(context.Background(), link.Instance(), stream)
	if err != nil && left(link) {
		t.room.Drop(link.Instance()) // that process has ended
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

// wake puts a token into a channel that holds one at most.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// courtesy is how long the side that was called leaves it to the other to open
// the stream, so that they need not agree on one of two.
const courtesy = time.Second

// called waits for the stream of a peer that called. It returns soon if there is none.
func (t *talk) called(ctx context.Context) {
	timer := time.NewTimer(courtesy)
	defer timer.Stop()
	select {
	case <-t.begun:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// keep has the conversation over streams of its own, as often as there is none. It
// returns nil when the conversation is over, else why it cannot go on. Where the peer takes no
// chats it is asked again for as long as wait.
func (t *talk) keep(ctx context.Context, wait time.Duration, connect func(context.Context) (*p2p.Link, error)) error {
	var pause backoff
	met := time.Now()
	for !t.over() {
		if t.streams.Load() > 0 {
			if err := t.quiet(ctx); err != nil {
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
			continue // of this process, which need not be the end of all
		case errors.Is(err, p2p.ErrRefused) && time.Since(met) >= wait:
			return errNoChats
		case errors.Is(err, chat.ErrProtocol):
			return err
		}
		if err := pause.sleep(ctx, time.Duration(lastPause)); err != nil {
			return err
		}
	}
	return nil
}

// errNoChats is the end of a conversation with who only takes files.
var errNoChats = hint(as(p2p.ErrRefused, errors.New("the peer takes no chats now")),
	"`p2ptool run` there takes chats and files")

// over reports whether the conversation is.
func (t *talk) over() bool {
	select {
	case <-t.room.Done():
		return true
	default:
		return false
	}
}

// open has the conversation over one stream of its own.
func (t *talk) open(link *p2p.Link) error {
	stream, err := link.OpenStream(kindChat)
	if err != nil {
		return err
	}
	return t.serve(link, stream)
}

// quiet waits until a stream has ended, or the conversation has.
func (t *talk) quiet(ctx context.Context) error {
	select {
	case <-t.idle:
		return nil
	case <-t.room.Done():
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// close says goodbye in all conversations and waits for their ends, a moment
// at most.
func (ts *talks) close() {
	ts.mu.Lock()
	ts.over = true
	var open []*talk
	for _, t := range ts.with {
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
	ts.ends.Wait()
}

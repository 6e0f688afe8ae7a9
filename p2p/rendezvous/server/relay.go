package server

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"p2ptool/p2p/limit"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/udp"
)

const (
	channelIdle   = 2 * time.Minute  // without a packet
	channelUnused = 30 * time.Second // until both ends have sent one

	defaultLinkRate  = 32 << 20
	defaultTotalRate = 256 << 20
)

// RelayConfig limits the relay.
type RelayConfig struct {
	Disabled  bool
	LinkRate  int64 // bytes per second and link; 0: 32 MiB
	TotalRate int64 // bytes per second in all; 0: 256 MiB
}

// A relay forwards packets between the two ends of its channels, and nowhere else. It reads
// the channel of a packet, not its content. It is safe for concurrent use.
type relay struct {
	disabled bool
	linkRate limit.Rate
	allRate  limit.Rate

	relayed atomic.Uint64 // bytes
	limited atomic.Uint64 // datagrams dropped by a rate
	stale   atomic.Uint64 // datagrams of unknown channels, or from another address

	mu       sync.Mutex // guards what follows
	all      limit.Pace
	channels map[uint64]*channel
	owners   map[uint32]*owner           // by session
	sources  map[netip.Addr]*pairsSource // by the caller's source
	pairs    []*pair
	swept    int
}

// A pair is the two channels of one link.
type pair struct {
	ends     [2]channel
	sent     [2]bool // whether that end has sent a packet
	pace     limit.Pace
	used     time.Duration
	source   *pairsSource // of the caller
	position int          // in relay.pairs
	place    int          // in pairsSource.pairs
}

// carries reports whether both ends have used the pair.
func (p *pair) carries() bool { return p.sent[0] && p.sent[1] }

// A channel is one end's side of a pair.
type channel struct {
	id    uint64
	owner *owner
	pair  *pair
	other *channel
}

// end returns which end of its pair the channel is.
func (c *channel) end() int {
	if c == &c.pair.ends[1] {
		return 1
	}
	return 0
}

// An owner is a session that has channels.
type owner struct {
	index    uint32
	addr     netip.AddrPort
	at       rendezvous.Endpoint
	channels []*channel
}

func newRelay(c RelayConfig) *relay {
	return &relay{
		disabled: c.Disabled,
		linkRate: byteRate(c.LinkRate, defaultLinkRate), allRate: byteRate(c.TotalRate, defaultTotalRate),
		channels: make(map[uint64]*channel), owners: make(map[uint32]*owner), sources: make(map[netip.Addr]*pairsSource),
	}
}

// byteRate allows bursts of 50 ms, but at least of four batches.
func byteRate(perSecond, otherwise int64) limit.Rate {
	if perSecond <= 0 {
		perSecond = otherwise
	}
	return limit.Rate{PerSecond: float64(perSecond), Burst: max(int(perSecond/20), 4*udp.MaxBatch)}
}

// open creates a pair of channels between two sessions, of which a is the caller, and returns
// their ids, a's first. If there are too many pairs, it closes another one: see
// makeRoomLocked. It returns zeros if the relay is off.
func (r *relay) open(now time.Duration, a, b *session) (forA, forB uint64) {
	if r.disabled {
		return 0, 0
	}
	source := limit.SourceOf(a.at.Addr().Addr())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.makeRoomLocked(source, a.index, b.index)
	p := &pair{used: now}
	p.ends[0] = channel{id: r.newIDLocked(), owner: r.ownerLocked(a), pair: p, other: &p.ends[1]}
	r.channels[p.ends[0].id] = &p.ends[0]
	p.ends[1] = channel{id: r.newIDLocked(), owner: r.ownerLocked(b), pair: p, other: &p.ends[0]}
	r.channels[p.ends[1].id] = &p.ends[1]
	for i := range p.ends {
		o := p.ends[i].owner
		o.channels = append(o.channels, &p.ends[i])
	}
	r.enterLocked(p, source)
	return p.ends[0].id, p.ends[1].id
}

func (r *relay) newIDLocked() uint64 {
	for {
		var b [8]byte
		rand.Read(b[:])
		if id := binary.BigEndian.Uint64(b[:]); id != 0 && r.channels[id] == nil {
			return id
		}
	}
}

func (r *relay) ownerLocked(s *session) *owner {
	o := r.owners[s.index]
	if o == nil {
		o = &owner{index: s.index, addr: s.at.Addr(), at: s.at}
		r.owners[s.index] = o
	}
	return o
}

// move updates the channels of a session that has another address, or was replaced by
// another session.
func (r *relay) move(index uint32, to *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.owners[index]
	if o == nil {
		return
	}
	delete(r.owners, index)
	o.index, o.addr, o.at = to.index, to.at.Addr(), to.at
	r.owners[to.index] = o
}

// drop ends the channels of a session.
func (r *relay) drop(index uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if o := r.owners[index]; o != nil {
		for len(o.channels) > 0 {
			r.closeLocked(o.channels[0].pair)
		}
	}
}

// close ends a pair by one of its channels.
func (r *relay) close(id uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.channels[id]; c != nil {
		r.closeLocked(c.pair)
	}
}

func (r *relay) closeLocked(p *pair) {
	r.leaveLocked(p)
	for i := range p.ends {
		delete(r.channels, p.ends[i].id)
		p.ends[i].owner.removeChannel(&p.ends[i])
		if o := p.ends[i].owner; len(o.channels) == 0 {
			delete(r.owners, o.index)
		}
	}
}

func (o *owner) removeChannel(c *channel) {
	for i := range o.channels {
		if o.channels[i] == c {
			last := len(o.channels) - 1
			o.channels[i], o.channels[last] = o.channels[last], nil
			o.channels = o.channels[:last]
			return
		}
	}
}

// sweep closes idle pairs among the next n.
func (r *relay) sweep(now time.Duration, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range min(n, len(r.pairs)) {
		if r.swept >= len(r.pairs) {
			r.swept = 0
		}
		if len(r.pairs) == 0 {
			return
		}
		if p := r.pairs[r.swept]; now-p.used >= p.life() {
			r.closeLocked(p)
			continue // another pair has its position now
		}
		r.swept++
	}
}

// life returns how long a pair may be without a packet.
func (p *pair) life() time.Duration {
	if p.carries() {
		return channelIdle
	}
	return channelUnused
}

// count returns how many pairs are open.
func (r *relay) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.pairs)
}

// relayRun returns the longest prefix of a batch whose datagrams have the same channel.
func relayRun(b udp.Batch) udp.Batch {
	head := b.Data[:rendezvous.RelayOverhead]
	n := min(b.Size, len(b.Data))
	for n < len(b.Data) {
		d := b.Data[n:min(n+b.Size, len(b.Data))]
		if len(d) < rendezvous.MinRelayed || !bytes.Equal(d[:rendezvous.RelayOverhead], head) {
			break
		}
		n += len(d)
	}
	return udp.Batch{Addr: b.Addr, Data: b.Data[:n], Size: b.Size}
}

// forward readdresses datagrams of one channel to the other end, in place: all of them, or
// as many as the rates allow. ok is false if none is to be forwarded. stale reports that the
// channel is not valid any more and the sender should be notified.
func (r *relay) forward(now time.Duration, run udp.Batch) (out udp.Batch, ok, stale bool) {
	id := binary.BigEndian.Uint64(run.Data[1:])
	total := (len(run.Data) + run.Size - 1) / run.Size
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.channels[id]
	if c == nil || c.owner.at != rendezvous.EndpointOf(run.Addr) {
		r.stale.Add(uint64(total))
		return udp.Batch{}, false, true
	}
	c.pair.used = now
	c.pair.sent[c.end()] = true
	room := min(r.all.Remaining(now, r.allRate), c.pair.pace.Remaining(now, r.linkRate))
	if room < len(run.Data) {
		run.Data = run.Data[:room/run.Size*run.Size]
	}
	sent := (len(run.Data) + run.Size - 1) / run.Size
	r.limited.Add(uint64(total - sent))
	if sent == 0 {
		return udp.Batch{}, false, false
	}
	r.all.Allow(now, r.allRate, len(run.Data))
	c.pair.pace.Allow(now, r.linkRate, len(run.Data))
	r.relayed.Add(uint64(len(run.Data)))
	run.Addr = c.other.owner.addr
	run.Datagrams(func(d []byte) { binary.BigEndian.PutUint64(d[1:], c.other.id) })
	return run, true, false
}

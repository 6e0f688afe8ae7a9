package server

import (
	"net/netip"
	"testing"
	"time"

	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/udp"
)

// relayPeer is a session as the relay sees it.
func relayPeer(index uint32, at netip.AddrPort) *session {
	return &session{index: index, at: rendezvous.EndpointOf(at)}
}

// use sends a packet by a channel, from the address of its session.
func (r *relay) use(t *testing.T, now time.Duration, from *session, channel uint64) bool {
	t.Helper()
	d := relayed(channel, 1, 100)
	_, ok, _ := r.forward(now, udp.Batch{Addr: from.at.Addr(), Data: d, Size: len(d)})
	return ok
}

// One address with many keys takes no more than its share of the relay, and nothing
// from others.
func TestRelayChannelsBySource(t *testing.T) {
	r := newRelay(RelayConfig{})
	honest, friend := relayPeer(1, source(1)), relayPeer(2, source(2))
	mine, theirs := r.open(0, honest, friend)
	r.use(t, 0, honest, mine)
	r.use(t, 0, friend, theirs)
	for i := range 4 * maxSourceChannels {
		from, to := relayPeer(uint32(10+i%300), source(3)), relayPeer(uint32(1000+i%300), source(3))
		a, b := r.open(time.Duration(i), from, to)
		if a == 0 {
			t.Fatalf("call %d has no channel", i)
		}
		r.use(t, time.Duration(i), from, a)
		r.use(t, time.Duration(i), to, b)
	}
	if got := r.count(); got > maxSourceChannels+1 {
		t.Errorf("one address holds %d pairs, at most %d are its share", got, maxSourceChannels)
	}
	if !r.use(t, time.Second, honest, mine) {
		t.Error("an honest pair has been closed")
	}
}

// Strangers who call one peer take no channel from those it has with others, even where its
// own packets make theirs carry.
func TestRelayChannelsOfOneVictim(t *testing.T) {
	r := newRelay(RelayConfig{})
	victim, friend := relayPeer(1, source(1)), relayPeer(2, source(2))
	mine, theirs := r.open(0, friend, victim)
	r.use(t, 0, friend, mine)
	r.use(t, 0, victim, theirs)
	for i := range 5 * maxPeerChannels {
		from := relayPeer(uint32(10+i), source(3+i%20))
		now := time.Duration(i) * ms
		a, b := r.open(now, from, victim)
		r.use(t, now, from, a)
		r.use(t, now, victim, b)
	}
	if got := r.count(); got != maxPeerChannels {
		t.Errorf("the victim has %d channels, want %d", got, maxPeerChannels)
	}
	if !r.use(t, time.Minute, friend, mine) {
		t.Error("the channel with a friend was closed")
	}
	newcomer := relayPeer(9, source(100))
	if a, _ := r.open(time.Minute, newcomer, victim); !r.use(t, time.Minute, newcomer, a) {
		t.Error("an honest newcomer has no channel")
	}
}

// With all channels taken, those of the sources that have most make room.
func TestRelayIsFull(t *testing.T) {
	r := newRelay(RelayConfig{})
	honest, friend := relayPeer(1, source(1)), relayPeer(2, source(2))
	mine, _ := r.open(0, honest, friend)
	for i := range maxChannels + 100 {
		from := relayPeer(uint32(10+i), source(3+i%40))
		r.open(time.Duration(i), from, relayPeer(uint32(1<<20+i), from.at.Addr()))
	}
	if got := r.count(); got != maxChannels {
		t.Errorf("%d pairs, want %d", got, maxChannels)
	}
	if !r.use(t, time.Second, honest, mine) {
		t.Error("an honest pair was closed before an attacker's")
	}
	if len(r.sources) != 41 {
		t.Errorf("%d sources are known, want 41", len(r.sources))
	}
}

// A pair that never carried is forgotten sooner, and nothing is left of pairs that are
// closed.
func TestUnusedPairsAreForgotten(t *testing.T) {
	r := newRelay(RelayConfig{})
	a, b := relayPeer(1, source(1)), relayPeer(2, source(2))
	mine, theirs := r.open(0, a, b)
	unused, _ := r.open(0, a, b)
	r.use(t, 0, a, mine)
	r.use(t, 0, b, theirs)
	r.use(t, 0, a, unused) // one end alone
	r.sweep(channelUnused, 10)
	if r.count() != 1 || !r.use(t, channelUnused, a, mine) {
		t.Errorf("%d pairs are left, want the one that is in use", r.count())
	}
	r.sweep(channelUnused+channelIdle, 10)
	if r.count()+len(r.sources)+len(r.owners)+len(r.channels) != 0 {
		t.Errorf("left: %d pairs, %d sources, %d owners, %d channels", r.count(), len(r.sources), len(r.owners), len(r.channels))
	}
}

package server

import (
	"crypto/sha256"
	"net/netip"
	"slices"
	"time"

	"p2ptool/p2p/rendezvous"
)

const (
	maxIntroductions = 1 << 14
	// maxUnansweredCalls bounds the calls that wait for one peer's answer.
	maxUnansweredCalls = 256
)

// An introduction is an INTRODUCE and its result, kept for as long as the request may be repeated.
type introduction struct {
	key     introductionKey
	callee  uint32 // its session
	number  uint32 // request number of the CALL
	made    time.Duration
	source  netip.Addr
	channel uint64             // the caller's
	call    []byte             // body of the CALL
	reply   rendezvous.Message // to the caller, once there is one
}

// An introductionKey identifies a request. The digest is of its data: index and number may also be those of an
// earlier caller whose session had the same index.
type introductionKey struct {
	caller, request uint32
	digest          [sha256.Size]byte
}

func keyOf(p *session, request uint32, data []byte) introductionKey {
	return introductionKey{p.index, request, sha256.Sum256(data)}
}

// introductions are those of the last rendezvous.IntroductionLife. They are not safe for concurrent use.
type introductions struct {
	byRequest  map[introductionKey]*introduction
	byNumber   map[uint32]*introduction
	oldest     []*introduction
	unanswered map[uint32][]*introduction // by callee, oldest first
	lastNumber uint32
}

func newIntroductions() *introductions {
	return &introductions{
		byRequest:  make(map[introductionKey]*introduction),
		byNumber:   make(map[uint32]*introduction),
		unanswered: make(map[uint32][]*introduction),
	}
}

func (t *introductions) add(i *introduction) {
	t.lastNumber++
	if t.lastNumber == 0 {
		t.lastNumber = 1 // 0 is no request
	}
	i.number = t.lastNumber
	t.byRequest[i.key] = i
	t.byNumber[i.number] = i
	t.oldest = append(t.oldest, i)
	t.unanswered[i.callee] = append(t.unanswered[i.callee], i)
}

// crowdedOut returns the introduction that has to go before one more call of a peer, or nil if there is room:
// the oldest of the source that has most of them.
func (t *introductions) crowdedOut(callee uint32) (out *introduction) {
	waiting := t.unanswered[callee]
	if len(waiting) < maxUnansweredCalls {
		return nil
	}
	shares := make(map[netip.Addr]int)
	for _, i := range waiting {
		shares[i.source]++
	}
	for _, i := range waiting {
		if out == nil || shares[i.source] > shares[out.source] {
			out = i
		}
	}
	return out
}

// drop removes an unanswered introduction; its caller may ask again.
func (t *introductions) drop(i *introduction) {
	t.answer(i, rendezvous.Message{Kind: rendezvous.KindFailed})
	delete(t.byRequest, i.key)
}

// count returns how many are remembered, in whichever table most are.
func (t *introductions) count() int {
	return max(len(t.byRequest), len(t.byNumber), len(t.oldest), len(t.unanswered))
}

// answer sets the reply to the caller, once.
func (t *introductions) answer(i *introduction, reply rendezvous.Message) {
	i.reply, i.call = reply, nil
	delete(t.byNumber, i.number)
	waiting := t.unanswered[i.callee]
	if at := slices.Index(waiting, i); at >= 0 {
		waiting = slices.Delete(waiting, at, at+1)
	}
	if t.unanswered[i.callee] = waiting; len(waiting) == 0 {
		delete(t.unanswered, i.callee)
	}
}

// forget removes expired introductions, and the oldest beyond maxIntroductions. It calls unused with the
// channels of those that were not answered.
func (t *introductions) forget(now time.Duration, unused func(channel uint64)) {
	for len(t.oldest) > 0 {
		i := t.oldest[0]
		if now-i.made < rendezvous.IntroductionLife && len(t.oldest) <= maxIntroductions {
			return
		}
		if i.reply.Kind == 0 {
			t.answer(i, rendezvous.Message{Kind: rendezvous.KindFailed})
			unused(i.channel)
		}
		if t.byRequest[i.key] == i {
			delete(t.byRequest, i.key)
		}
		t.oldest[0] = nil
		t.oldest = t.oldest[1:]
	}
}

package cmd

import (
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/p2p"
)

func (ts *talks) count() int {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return len(ts.byPeer)
}

// Chats of strangers that vanish are removed after idleTimeout. The chat of the command's target
// stays, and so does one whose peer came back.
func TestTalksExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ts := &talks{name: func(p2p.GUID) string { return "" }}
		mine := ts.talk(bob)
		ts.expire(mine)
		for n := range byte(100) {
			ts.expire(ts.join(p2p.GUID{n, 1}))
		}
		back := ts.join(carol)
		ts.expire(back)
		time.Sleep(idleTimeout / 2)
		if n := ts.count(); n != 102 {
			t.Errorf("%d chats after half the time", n)
		}
		back.streams.Add(1)
		time.Sleep(idleTimeout)
		synctest.Wait()
		if n := ts.count(); n != 2 {
			t.Errorf("%d chats are left, want those with bob and carol", n)
		}
		back.streams.Add(-1)
		ts.expire(back)
		time.Sleep(idleTimeout + time.Second)
		synctest.Wait()
		if n := ts.count(); n != 1 {
			t.Errorf("%d chats are left, want that with bob", n)
		}
		ts.close()
	})
}

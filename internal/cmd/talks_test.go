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
	return len(ts.with)
}

// Of strangers who chat and vanish nothing is left after a while; the conversation that a
// command is about stays, and so does one whose peer came back.
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
		time.Sleep(returnsWithin / 2)
		if n := ts.count(); n != 102 {
			t.Errorf("%d conversations after half the time", n)
		}
		back.streams.Add(1)
		time.Sleep(returnsWithin)
		synctest.Wait()
		if n := ts.count(); n != 2 {
			t.Errorf("%d conversations are left, want those with bob and carol", n)
		}
		back.streams.Add(-1)
		ts.expire(back)
		time.Sleep(returnsWithin + time.Second)
		synctest.Wait()
		if n := ts.count(); n != 1 {
			t.Errorf("%d conversations are left, want that with bob", n)
		}
		ts.close()
	})
}

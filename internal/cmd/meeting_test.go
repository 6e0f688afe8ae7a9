package cmd

import (
	"fmt"
	"testing"
	"time"

	"p2ptool/internal/netsim"
)

// Two chats that wait for each other meet, whenever the second one starts: also while the first one finds that
// nobody is there and begins to wait, and also on a lossy path.
func TestChatsMeet(t *testing.T) {
	for after := time.Duration(0); after <= 250*time.Millisecond; after += 2 * time.Millisecond {
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			onTestbed(t, func(t *testing.T, w *testbed) {
				for i, p := range w.peers {
					p.host.Link(netsim.Link{Delay: []time.Duration{15, 1}[i] * time.Millisecond, Loss: .1})
				}
				var chats [2]*testProcess
				for i, p := range w.peers {
					chats[i] = w.start(p, fmt.Sprintf("line of %s\n", p.name), "chat", w.peers[1-i].guid, "--wait", "1m", "--wait-line", "^line")
					if i == 0 {
						time.Sleep(after)
					}
				}
				for _, r := range chats {
					defer r.stop()
					r.wantExit(statusDone)
					if got, sent := r.count("message"), r.count("delivered"); got != 1 || sent != 1 {
						t.Errorf("%s received %d lines and had %d delivered, want one each:\n%s", r.name, got, sent, r.output())
					}
				}
			})
		})
	}
}

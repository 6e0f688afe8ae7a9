package endtoend

import (
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"testing"
)

// killLimit makes a transfer last for a second or more, so that it can be killed.
const killLimit = "80MB/s"

func kills() int { return either(20, 3) }

func killSize() int64 { return either[int64](500*mB, 96*mB) }

// moment returns after how many bytes to kill: a random point that leaves enough for the left
// remaining kills. The program is further when it is killed, since it reports progress only
// ten times a second.
func moment(held int64, left int) int64 {
	const late = 20 * mB
	return held + rand.Int64N(max(1, (killSize()-held-late)/int64(left)))
}

// A pair is two users on this machine who send and receive.
type pair struct{ ann, bob *user }

// withServer returns a pair that meets at a server.
func withServer(t *testing.T) pair {
	t.Helper()
	_, addr := serve(t, here{}, "127.0.0.1:0")
	return pair{newPeer(t, "ann", here{}, addr), newPeer(t, "bob", here{}, addr)}
}

// withoutServer returns a pair of which one has the other's address in its config.
func withoutServer(t *testing.T) pair {
	t.Helper()
	return pair{newPeer(t, "ann", here{}, ""), newPeer(t, "bob", here{}, "")}
}

// freeAddr returns a loopback address with a port that is free at the moment.
func freeAddr(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().String()
}

// TestReceiverKilled kills and restarts the receiver repeatedly while the sender keeps running.
func TestReceiverKilled(t *testing.T) {
	t.Parallel()
	for name, direct := range map[string]bool{"with a server": false, "by address": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, who, flags := withServer(t), "", []string(nil)
			if direct {
				p = withoutServer(t)
				addr := freeAddr(t)
				who, flags = "@"+addr, []string{"--listen", addr}
			}
			p.killReceivers(t, p.bob.guid+who, flags)
		})
	}
}

func (p pair) killReceivers(t *testing.T, who string, flags []string) {
	t.Helper()
	writeFile(t, p.ann.path("out/file"), killSize(), 1)
	receiver := p.bob.receive(append(flags, "--once")...)
	sender := p.ann.run("send", "out/file", "--to", who, "--wait", "5m", "--limit", killLimit)
	var held int64
	for i := range kills() {
		receiver.await(patience, "progress", beyond(moment(held, kills()-i)))
		receiver.kill()
		held = p.checkCut(t, receiver, held)
		t.Logf("kill %d: at %.1f MB", i+1, float64(held)/mB)
		receiver = p.bob.receive(append(flags, "--once")...)
	}
	sender.end(0)
	receiver.end(0)
	p.checkResumed(t, sender, receiver, held)
}

// checkCut checks the files that a killed receiver has left, and returns how many bytes it had.
func (p pair) checkCut(t *testing.T, receiver *program, before int64) int64 {
	t.Helper()
	if _, err := os.Stat(p.bob.path("in/file")); err == nil {
		t.Fatal("a part of the file has its final name")
	}
	for _, e := range receiver.all(is("progress")) {
		before = max(before, e.Bytes)
	}
	return before
}

// checkResumed checks that a transfer resumed with the bytes that the receiver held.
func (p pair) checkResumed(t *testing.T, sender, receiver *program, held int64) {
	t.Helper()
	sameBytes(t, sender, receiver, p.ann.path("out"), p.bob.path("in"))
	for _, side := range []*program{sender, receiver} {
		e := side.await(0, "end", is("done"))
		if e.Resumed < journaled(held) || e.Resumed >= killSize() || e.Bytes != killSize() {
			t.Errorf("%s: resumed at %d of %d bytes, want about %d", side.name, e.Resumed, e.Bytes, held)
		}
		t.Logf("%s: resumed at %.1f of %.1f MB", side.name, float64(e.Resumed)/mB, float64(held)/mB)
	}
}

// journaled returns the least number of bytes that a receiver has in its journal when it holds
// this many. It syncs and journals as much at a time as it has so far, receives as much again
// meanwhile, and reports progress a little late.
func journaled(held int64) int64 { return max(1, held/4-8*mB) }

// TestSenderKilled kills the sender repeatedly and runs the same command again each time.
func TestSenderKilled(t *testing.T) {
	t.Parallel()
	p := withServer(t)
	writeFile(t, p.ann.path("out/file"), killSize(), 1)
	receiver := p.bob.receive()
	send := func() *program {
		return p.ann.run("send", "out/file", "--to", p.bob.guid, "--limit", killLimit)
	}
	var held int64
	sender := send()
	for i := range kills() {
		mark := receiver.mark()
		receiver.awaitFrom(mark, patience, "progress", beyond(moment(held, kills()-i)))
		sender.kill()
		held = p.checkCut(t, receiver, held)
		t.Logf("kill %d: at %.1f MB", i+1, float64(held)/mB)
		sender = send()
	}
	sender.end(0)
	receiver.await(patience, "end", is("done"))
	p.checkResumed(t, sender, receiver, held)
	receiver.interrupt()
}

// TestFolderKilled kills the receiver of many small files repeatedly. In the end each file is
// there once.
func TestFolderKilled(t *testing.T) {
	t.Parallel()
	p := withServer(t)
	writeTree(t, p.ann.path("out/tree"), 2000)
	receiver := p.bob.receive("--once")
	sender := p.ann.run("send", "out/tree", "--to", p.bob.guid, "--wait", "5m", "--limit", "8MB/s")
	for i := range 2 {
		e := receiver.await(patience, "progress", beyond(int64(i+1)*2*mB))
		receiver.kill()
		t.Logf("kill %d: at %.1f MB", i+1, float64(e.Bytes)/mB)
		receiver = p.bob.receive("--once")
	}
	sender.end(0)
	receiver.end(0)
	if got, want := digests(t, p.bob.path("in")), digests(t, p.ann.path("out")); !maps.Equal(got, want) {
		t.Errorf("there are %s", difference(got, want))
	}
	for _, side := range []*program{sender, receiver} {
		e := side.await(0, "end", is("done"))
		if e.Files != 2000 || e.Failed != 0 || e.Resumed == 0 {
			t.Errorf("%s: %s", side.name, e.line)
		}
		t.Logf("%s: resumed at %.1f MB", side.name, float64(e.Resumed)/mB)
	}
}

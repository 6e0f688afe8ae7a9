package endtoend

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

const (
	mostMemory = 64 << 20
	// leastRate is far below the rate of any machine. It detects a stuck transfer and is
	// no measure of speed.
	leastRate = 5 * mB
	// mostWork is the share of a processor that a slow transfer may use.
	mostWork = 0.3
)

// TestMemory: two users on this machine send and receive a file much larger than the memory
// that they may use.
func TestMemory(t *testing.T) {
	p := withServer(t)
	size := either[int64](1*gB, 400*mB)
	writeFile(t, p.ann.path("out/file"), size, 1)
	receiver := p.bob.receive()
	peakR := watchMemory(t, receiver)
	sender := p.ann.run("send", "out/file", "--to", p.bob.guid)
	peakS := watchMemory(t, sender)
	sender.end(0)
	done := receiver.await(patience, "end", is("done"))
	s, r := peakS(), peakR()
	receiver.interrupt()
	sameBytes(t, sender, receiver, p.ann.path("out"), p.bob.path("in"))
	for who, peak := range map[string]int64{"sender": s, "receiver": r} {
		if peak == 0 || peak > mostMemory {
			t.Errorf("the %s took %d KiB of memory, want at most %d", who, peak>>10, mostMemory>>10)
		}
	}
	rate := float64(size) / done.Seconds
	if rate < leastRate {
		t.Errorf("%.1f MB/s", rate/mB)
	}
	t.Logf("%.0f MB/s; peaks: sender %d KiB, receiver %d KiB; processor time: sender %v, receiver %v", rate/mB, s>>10, r>>10, work(sender), work(receiver))
}

// TestQuiet: a slow transfer uses little processor time.
func TestQuiet(t *testing.T) {
	t.Parallel()
	p := withServer(t)
	writeFile(t, p.ann.path("out/file"), 3*mB, 1)
	receiver := p.bob.receive("--once")
	sender := p.ann.run("send", "out/file", "--to", p.bob.guid, "--limit", "1MB/s")
	sender.end(0)
	receiver.end(0)
	for _, side := range []*program{sender, receiver} {
		if part := float64(work(side)) / float64(side.lived()); part > mostWork {
			t.Errorf("%s took %.0f %% of a processor", side.name, 100*part)
		}
	}
}

// work returns the processor time of a program that has ended.
func work(p *program) time.Duration {
	return (p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()).Round(10 * time.Millisecond)
}

// watchMemory watches the peak of a program's resident memory until the program ends or peak is
// called. The rusage of the ended process is not usable: it includes the parent's memory from
// before the program was loaded.
func watchMemory(t *testing.T, p *program) (peak func() int64) {
	t.Helper()
	var most int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			most = max(most, highWater(p.cmd.Process.Pid))
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	}()
	return func() int64 {
		close(stop)
		<-stopped
		return most
	}
}

// highWater reads VmHWM in bytes; 0 if the process has ended.
func highWater(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte("VmHWM:")); ok {
			n, _ := strconv.ParseInt(string(bytes.Fields(rest)[0]), 10, 64)
			return n << 10
		}
	}
	return 0
}

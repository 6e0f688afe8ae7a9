package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"
)

// A memory watches the peak memory of a process and its descendants: the last seen VmHWM of
// each. ru_maxrss is not usable, since a new process inherits its parent's.
type memory struct {
	pid  int
	quit chan struct{}
	over sync.WaitGroup

	peaks map[int]int64 // by process; only the goroutine uses it until stop
}

const memoryEvery = 100 * time.Millisecond

func watch(pid int) *memory {
	m := &memory{pid: pid, quit: make(chan struct{}), peaks: make(map[int]int64)}
	m.over.Go(m.follow)
	return m
}

func (m *memory) follow() {
	tick := time.NewTicker(memoryEvery)
	defer tick.Stop()
	for {
		m.look(m.pid)
		select {
		case <-tick.C:
		case <-m.quit:
			return
		}
	}
}

// look reads the peaks of a process and its descendants.
func (m *memory) look(pid int) {
	if peak, ok := highWater(pid); ok {
		m.peaks[pid] = peak
	}
	for _, child := range children(pid) {
		m.look(child)
	}
}

// stop ends the watching and waits for its end.
func (m *memory) stop() {
	close(m.quit)
	m.over.Wait()
}

// peak returns the sum of the peaks in bytes. Call it after stop.
func (m *memory) peak() (sum int64) {
	for _, p := range m.peaks {
		sum += p
	}
	return sum
}

func highWater(pid int) (peak int64, ok bool) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, false
	}
	_, rest, ok := bytes.Cut(status, []byte("VmHWM:"))
	fields := bytes.Fields(rest)
	if !ok || len(fields) == 0 {
		return 0, false
	}
	kib, err := strconv.ParseInt(string(fields[0]), 10, 64)
	return kib << 10, err == nil
}

// children returns the processes that any thread of a process has started.
func children(pid int) (pids []int) {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return nil
	}
	for _, t := range threads {
		list, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, t.Name()))
		for _, f := range bytes.Fields(list) {
			if n, err := strconv.Atoi(string(f)); err == nil {
				pids = append(pids, n)
			}
		}
	}
	return pids
}

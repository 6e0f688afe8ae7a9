package campaign

import (
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"time"

	"p2ptool/internal/netsim"
)

// Peaks are the most that there were of what has to be bounded.
type peaks struct {
	processes   int
	goroutines  int
	descriptors int
	heap        uint64
}

// watch looks every second at what processes say and use.
func (w *world) watch(stop <-chan struct{}) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		running := 0
		w.mu.Lock()
		ps := w.processes
		w.mu.Unlock()
		for _, p := range ps {
			if !p.over() {
				running++
				w.listen(p)
			}
		}
		w.peak.take(running)
	}
}

// listen notes whether a process has said something.
func (w *world) listen(p *process) {
	var said int64
	for _, name := range []string{"out", "err"} {
		if fi, err := os.Stat(filepath.Join(p.files, name)); err == nil {
			said += fi.Size()
		}
	}
	if said != p.said {
		p.said = said
		p.signs = append(p.signs, w.now())
	}
	if w.log.trace {
		p.shown = w.log.copy(p, p.shown)
	}
}

func (k *peaks) take(running int) {
	k.processes = max(k.processes, running)
	k.goroutines = max(k.goroutines, runtime.NumGoroutine())
	k.descriptors = max(k.descriptors, descriptors())
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	k.heap = max(k.heap, sample[0].Value.Uint64())
}

// descriptors counts the open files of this process; 0 if it is unknown.
func descriptors() int {
	d, err := os.Open("/proc/self/fd")
	if err != nil {
		return 0
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	return len(names) - 1
}

// A diary is what happened, with times.
type diary struct {
	began time.Time
	trace bool // print it

	packets int64
	digest  hash.Hash64 // over when what was sent, from where to where
}

// packet notes what is sent, for two runs of a seed to be compared.
func (d *diary) packet(e netsim.Event) {
	if d.trace && e.What == "sent" {
		d.packets++
		fmt.Fprintf(d.digest, "%d %v %v %d\n", e.Time.Sub(d.began), e.From, e.To, len(e.Data))
	}
}

func (d *diary) init(began time.Time, trace bool) {
	d.began, d.trace, d.digest = began, trace, fnv.New64a()
}

func (d *diary) note(format string, args ...any) {
	if d.trace {
		fmt.Printf("%9.3f  %s\n", time.Since(d.began).Seconds(), fmt.Sprintf(format, args...))
	}
}

// copy prints what a process said on stderr since then.
func (d *diary) copy(p *process, from int64) int64 {
	f, err := os.Open(filepath.Join(p.files, "err"))
	if err != nil {
		return from
	}
	defer f.Close()
	text, _ := io.ReadAll(io.NewSectionReader(f, from, 1<<20))
	if len(text) > 0 {
		d.note("%s: %s", p.name, text)
	}
	return from + int64(len(text))
}

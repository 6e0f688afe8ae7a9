package transfer

import (
	"errors"
	"time"

	"p2ptool/transfer/internal/disk"
)

// countFor is how long Send counts files before it makes the offer. If counting takes longer,
// the offer has no totals and TOTAL follows.
const countFor = time.Second

// errAfresh ends a walk that started so long before the acceptance that files may have
// changed since.
var errAfresh = errors.New("to be announced afresh")

// announce sends the offer and walks the source. It announces the first entries before the
// offer is accepted, and the rest afterwards.
func (s *sender) announce() error {
	total := make(chan totalMsg, 1)
	s.start(func() error { return s.count(total) })
	if err := s.offer(total); err != nil {
		return err
	}
	err := s.announceAll()
	if err == nil {
		err = s.awaitAccept()
	}
	if errors.Is(err, errAfresh) {
		s.win.reset()
		s.send(&afreshMsg{})
		err = s.announceAll()
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.done = true
	s.mu.Unlock()
	_, n := s.win.bounds()
	s.send(&doneMsg{n})
	return nil
}

func (s *sender) announceAll() error {
	if s.src.Reader != nil {
		return s.announceStream()
	}
	return walk(s.ctx, s.tops, s.announceOne)
}

// count counts what there is to send.
func (s *sender) count(total chan<- totalMsg) error {
	if s.src.Reader != nil {
		return nil
	}
	var t totalMsg
	unknown := false // some files have an unknown size
	err := walk(s.ctx, s.tops, func(f found) error {
		switch {
		case f.err != nil || f.skip != "" || f.leave:
		case f.info.IsDir():
			t.folders++
		default:
			t.files++
			size := f.size()
			unknown = unknown || size.stream
			t.bytes += size.bytes
			t.data += size.data
		}
		return nil
	})
	if unknown {
		t.bytes, t.data = -1, -1
	}
	total <- t
	return err
}

func (s *sender) offer(total <-chan totalMsg) error {
	names := make([]string, len(s.tops))
	for i := range s.tops {
		names[i] = s.tops[i].name
	}
	m := &offerMsg{version: version, id: s.id, files: -1, folders: -1, bytes: -1, data: -1, count: uint32(len(names)), tops: topsHash(names), source: topsState(s.tops), origin: topsOrigin(s.tops)}
	for size := 0; len(m.names) < min(len(names), maxNames); {
		n := names[len(m.names)]
		if size += len(n); size > maxNameBytes {
			break
		}
		m.names = append(m.names, n)
	}
	timer := time.NewTimer(countFor)
	defer timer.Stop()
	if s.src.Reader != nil {
		m.files, m.folders = 1, 0
	} else {
		select {
		case t := <-total:
			m.files, m.folders, m.bytes, m.data = t.files, t.folders, t.bytes, t.data
			s.ev.total.Store(t.bytes)
		case <-timer.C:
			s.start(func() error { return s.sendTotal(total) })
		case <-s.ctx.Done():
			return nil
		}
	}
	s.ev.emit(m.event())
	s.offered.Store(true)
	s.send(m)
	return nil
}

// sendTotal sends the totals that were missing in the offer.
func (s *sender) sendTotal(total <-chan totalMsg) error {
	select {
	case t := <-total:
		s.ev.total.Store(t.bytes)
		s.send(&t)
	case <-s.ctx.Done():
	}
	return nil
}

func (s *sender) announceStream() error {
	o := &outgoing{what: entryStream, path: s.src.Name}
	return s.add(o, entryMsg{what: entryStream, mode: 0o666, mtime: stampOf(time.Now()), size: -1, data: -1, path: o.path})
}

// awaitAccept waits until the offer is accepted. The first call may return errAfresh.
func (s *sender) awaitAccept() error {
	if s.late {
		return nil
	}
	select {
	case <-s.accepted:
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
	if s.late = true; s.afresh {
		return errAfresh
	}
	return nil
}

// announceOne announces one result of the walk. It waits for room in the window.
func (s *sender) announceOne(f found) error {
	if f.err != nil || f.skip != "" || !s.win.early(len(f.path)) {
		if err := s.awaitAccept(); err != nil {
			return err
		}
	}
	switch {
	case f.err != nil:
		s.failed(f.path, codeFor(f.err).kindOf(), reasonFor(f.err), false)
		return nil
	case f.skip != "":
		s.tally.file(StatusSkipped, 0, nil, f.skip, false)
		s.ev.emit(File{ID: s.id, Path: f.path, Status: StatusSkipped, Reason: f.skip})
		return nil
	case f.leave:
		s.send(&leaveMsg{})
		return nil
	}
	o := &outgoing{top: f.top, rel: f.rel, path: f.path, state: stateOf(f.info)}
	m := entryMsg{mode: uint16(disk.Permissions(f.info)), mtime: o.state.mtime, size: o.state.size, tag: o.state.tag(), path: f.path}
	if f.info.IsDir() {
		o.what, m.size, m.data = entryFolder, 0, 0
	} else if size := f.size(); size.stream {
		o.what, m.size, m.data = entryStream, -1, -1
	} else {
		m.data, o.sparse = size.data, size.data < size.bytes
	}
	m.what = o.what
	return s.add(o, m)
}

func (s *sender) add(o *outgoing, m entryMsg) error {
	// Set the number before an answer can arrive. It is known in advance, because only
	// this goroutine adds entries.
	_, o.n = s.win.bounds()
	m.n = o.n
	if _, err := s.win.add(s.ctx, o, len(o.path)); err != nil {
		return err
	}
	s.send(&m)
	return nil
}

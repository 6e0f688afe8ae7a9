package transfer

// maxAgains is how many chunks the receiver may have requested again at a time.
const maxAgains = 1024

// readLoop reads and handles the receiver's messages.
func (s *sender) readLoop() error {
	for {
		m, _, _, err := s.read()
		if err != nil {
			return err
		}
		if err := s.handle(m); err != nil {
			return err
		}
		if m.kind() == typeSummary {
			s.send(&byeMsg{})
			s.finish()
			return nil
		}
	}
}

func (s *sender) handle(m message) error {
	if m.kind() >= typeWant && m.kind() <= typeSummary && !s.isAccepted() {
		return unexpected("message of type %d before the offer is accepted", m.kind())
	}
	switch m := m.(type) {
	case *acceptMsg:
		return s.handleAccept(m)
	case *wantMsg:
		return s.handleAnswer(m.n, nil)
	case *haveMsg:
		return s.handleAnswer(m.n, m)
	case *needMsg:
		return s.handleNeed(m)
	case *againMsg:
		return s.handleAgain(m)
	case *resultMsg:
		return s.handleResult(m)
	case *summaryMsg:
		return s.handleSummary()
	}
	return unexpected("message of type %d from a receiver", m.kind())
}

func (s *sender) isAccepted() bool {
	select {
	case <-s.accepted:
		return true
	default:
		return false
	}
}

func (s *sender) handleAccept(m *acceptMsg) error {
	if s.isAccepted() || !s.offered.Load() {
		return unexpected("acceptance of nothing, or a second one")
	}
	if m.version != version {
		return otherVersion(m.version, false)
	}
	s.afresh = m.afresh
	s.tally.begin()
	s.ev.emit(Accepted{s.id})
	close(s.accepted)
	return nil
}

// handleAnswer handles WANT, or HAVE if have is not nil.
func (s *sender) handleAnswer(n uint32, have *haveMsg) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.win.get(n)
	if o == nil || o.phase != announced || o.result != nil || o.what == entryFolder {
		return unexpected("answer for entry %d", n)
	}
	if have != nil && (o.what != entryFile || !have.fits(chunkCount(o.state.size))) {
		return unexpected("resumption of entry %d", n)
	}
	o.phase, o.have = wanted, have
	s.answered.put(o)
	return nil
}

// fits reports whether m can be about a file of total chunks.
func (m *haveMsg) fits(total int64) bool {
	hashes := 0
	for _, r := range m.runs {
		if r.end() > total || total < 2 {
			return false
		}
		if !m.check {
			hashes += len(subtrees(int64(r.first), r.end(), total))
		}
	}
	return hashes == len(m.hashes)
}

func (s *sender) handleNeed(m *needMsg) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.needing == nil || s.needing.n != m.n || s.needing.first != m.first {
		return unexpected("answer to hashes that were not sent")
	}
	s.needing = nil
	s.needs <- m
	return nil
}

func (s *sender) handleAgain(m *againMsg) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.win.get(m.n)
	if o == nil || o.phase == announced || o.what != entryFile || int64(m.chunk) >= chunkCount(o.state.size) || s.agains.len() >= maxAgains {
		return unexpected("chunk %d of entry %d asked for again", m.chunk, m.n)
	}
	s.agains.put(again{o, int64(m.chunk)})
	return nil
}

func (s *sender) handleResult(m *resultMsg) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.win.get(m.n)
	if o == nil || o.result != nil {
		return unexpected("result of entry %d", m.n)
	}
	switch {
	case m.code == codeHeld && (o.phase != announced || o.what != entryFile):
		return unexpected("entry %d was not there before", m.n)
	case m.code == codeOK && o.what != entryFolder && (o.phase != ended || o.digest != m.digest):
		return unexpected("entry %d has not been sent like that", m.n)
	}
	o.result = m
	if o.phase != wanted {
		s.finishLocked(o)
	}
	return nil
}

// finishLocked finishes an entry that has its result and, if it was wanted, whose END was written.
func (s *sender) finishLocked(o *outgoing) {
	defer s.win.finish(o.n)
	m := o.result
	switch m.code {
	case codeHeld:
		o.bytes = o.state.size
		s.ev.done.Add(o.bytes)
		s.ev.resumed.Add(o.bytes)
		fallthrough
	case codeOK:
		if o.what != entryFolder {
			s.tally.file(StatusSent, o.bytes, nil, "", false)
			s.ev.emit(File{ID: s.id, Path: o.path, Bytes: o.bytes, BLAKE3: m.digest, Status: StatusSent})
		}
	case codeSkipped:
		s.ev.done.Add(o.state.size)
		s.tally.file(StatusSkipped, 0, nil, m.reason, true)
		s.ev.emit(File{ID: s.id, Path: o.path, Bytes: o.state.size, Status: StatusSkipped, Reason: m.reason})
	default:
		s.failed(o.path, m.code.kindOf(), m.reason, !o.ours)
	}
}

func (s *sender) handleSummary() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	low, next := s.win.bounds()
	if !s.done || low != next {
		return unexpected("end before all is sent")
	}
	return nil
}

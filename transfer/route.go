package transfer

import "fmt"

// readLoop reads the sender's messages and passes them on.
func (r *receiver) readLoop() error {
	depth := 0
	for {
		m, buf, n, err := r.read()
		if err != nil {
			if r.isSummed() && isInterrupted(err) { // everything arrived, whether the sender knows it or not
				r.finish()
				return nil
			}
			return err
		}
		if done, err := r.route(m, buf, n, &depth); done || err != nil {
			return err
		}
	}
}

func (r *receiver) isSummed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.summed
}

func (r *receiver) route(m message, buf []byte, n int, depth *int) (done bool, err error) {
	switch m := m.(type) {
	case *offerMsg:
		return false, r.routeOffer(m)
	case *totalMsg:
		return false, r.routeTotal(m)
	case *byeMsg:
		if !r.isSummed() {
			return false, unexpected("end before the summary")
		}
		r.acked.Store(true)
		r.finish()
		return true, nil
	}
	if !r.accepted.Load() && !r.early(m) {
		return false, unexpected("message of type %d before the offer is accepted", m.kind())
	}
	if r.stale.Load() {
		return false, r.routeStale(m, depth)
	}
	switch m := m.(type) {
	case *entryMsg:
		return false, r.routeEntry(m, depth)
	case *leaveMsg:
		if *depth--; *depth < 0 {
			return false, unexpected("end of a folder that was not begun")
		}
		r.plans.put(plan{leave: true})
	case *doneMsg:
		if _, next := r.win.bounds(); m.entries != next || *depth != 0 || r.listed {
			return false, unexpected("end of %d entries", m.entries)
		}
		r.listed = true
		r.plans.put(plan{done: true})
	case *dataMsg, *hashesMsg, *endMsg, *zerosMsg:
		return false, r.routeArrival(m, buf, n)
	default:
		return false, unexpected("message of type %d from a sender", m.kind())
	}
	return false, nil
}

// early reports whether m may arrive before the offer is accepted. If so, it is kept until then.
func (r *receiver) early(m message) bool {
	switch m := m.(type) {
	case *entryMsg:
		return r.offered && r.win.early(len(m.path))
	case *leaveMsg:
		return r.offered
	}
	return false
}

// routeStale handles messages that follow an acceptance with afresh set. It ignores entries until
// AFRESH.
func (r *receiver) routeStale(m message, depth *int) error {
	switch m.(type) {
	case *entryMsg, *leaveMsg:
		return nil // from before AFRESH
	case *afreshMsg:
		r.win.reset()
		r.plans, *depth = newQueue[plan](), 0
		r.stale.Store(false)
		r.start(r.planLoop)
		return nil
	}
	return unexpected("message of type %d before all is announced afresh", m.kind())
}

func (r *receiver) routeOffer(m *offerMsg) error {
	if m.version != version {
		return otherVersion(m.version, false)
	}
	if r.offered {
		return unexpected("a second offer")
	}
	r.offered = true
	r.offers <- m
	return nil
}

func (r *receiver) routeTotal(m *totalMsg) error {
	if !r.offered {
		return unexpected("total before the offer")
	}
	r.ev.total.Store(m.bytes)
	if r.o.MaxSize > 0 && m.bytes > r.o.MaxSize {
		return refused(fmt.Sprintf("%d bytes are more than the %d that are allowed", m.bytes, r.o.MaxSize), nil)
	}
	return nil
}

func (r *receiver) routeEntry(m *entryMsg, depth *int) error {
	if m.what == entryFolder {
		if *depth++; *depth > maxDepth {
			return unexpected("folders %d deep", *depth)
		}
	}
	if r.listed {
		return unexpected("entry behind the end of all")
	}
	in := &incoming{m: m, total: chunkCount(m.size)}
	n, err := r.win.tryAdd(in, len(m.path))
	if err != nil {
		return broken(err)
	}
	if n != m.n {
		return unexpected("entry %d in place of %d", m.n, n)
	}
	r.plans.put(plan{in: in})
	return nil
}

func (r *receiver) routeArrival(m message, buf []byte, n int) error {
	a := &arrival{m: m, buf: buf, n: n}
	if z, ok := m.(*zerosMsg); ok {
		return r.routeZeros(a, z)
	}
	if buf != nil && n <= smallInPlace {
		a.node = hashChunk(buf[headroom:headroom+n], int64(m.(*dataMsg).chunk))
	} else if buf != nil {
		a.ready = make(chan struct{})
		select {
		case r.hashes <- a:
		case <-r.ctx.Done():
			return nil
		}
	}
	r.pass(a)
	return nil
}

func (r *receiver) pass(a *arrival) {
	select {
	case r.work <- a:
	case <-r.ctx.Done():
	}
}

// routeZeros passes zeros on to be hashed and written.
func (r *receiver) routeZeros(a *arrival, m *zerosMsg) error {
	in := r.win.get(m.n)
	a.zeros = &zeroPart{first: int64(m.first), level: int(m.level)}
	if in == nil || in.m.what != entryFile || in.total < 2 || !a.zeros.fits(in.total) {
		return unexpected("zeros from chunk %d of entry %d on", m.first, m.n)
	}
	a.size, a.ready = in.m.size, make(chan struct{})
	select {
	case r.hashes <- a:
		r.pass(a)
	case <-r.ctx.Done():
	}
	return nil
}

package transfer

import "io"

// resume updates the journal to the current source and returns what is held. If check is
// true, the chunks may be of another state of the source.
func (p *partial) resume() (held []run, check bool, err error) {
	if p.j == nil {
		return nil, false, nil
	}
	old := p.j.journalHeader
	if held, err = p.j.runs(chunkCount(old.size)); err != nil {
		return nil, false, err
	}
	if held, err = p.rehash(held); err != nil {
		return nil, false, err
	}
	if old.tag != p.src.tag || old.size != p.src.size || old.mtime != p.src.mtime {
		check = true
		if held, err = p.fit(held, old.size); err != nil {
			return nil, false, err
		}
	}
	return held, check, p.adopt(check)
}

// rehash returns the part of held that the partial file really holds. It reads nothing if
// the file was not touched.
func (p *partial) rehash(held []run) (good []run, err error) {
	fi, err := p.f.Stat()
	if err != nil {
		return nil, err
	}
	end := int64(0)
	if len(held) > 0 {
		last := held[len(held)-1].end() - 1
		end = last*chunkSize + int64(chunkLen(p.j.size, last))
	}
	if stampOf(fi.ModTime()) == p.j.mark && fi.Size() >= end {
		return held, nil
	}
	buf := make([]byte, chunkSize)
	for _, r := range held {
		for i := int64(r.first); i < r.end(); i++ {
			ok, err := p.matches(i, buf)
			if err != nil {
				return nil, err
			}
			if ok {
				good = extend(good, i)
			} else if err := p.j.clear(i, i+1); err != nil {
				return nil, err
			}
		}
	}
	return good, nil
}

// matches reports whether chunk i of the file has the hash in the journal.
func (p *partial) matches(i int64, buf []byte) (bool, error) {
	hashes, _, err := p.j.get(i, 1)
	if err != nil {
		return false, err
	}
	n := chunkLen(p.j.size, i)
	if _, err := p.f.ReadAt(buf[:n], i*chunkSize); err == io.EOF {
		return false, nil
	} else if err != nil {
		return false, err
	}
	return nodeCV(hashChunk(buf[:n], i)) == hashes[0], nil
}

// fit drops chunks that the current source cannot have, as its size differs.
func (p *partial) fit(held []run, oldSize int64) (kept []run, err error) {
	total, last := chunkCount(p.src.size), int64(-1)
	if oldSize != p.src.size && oldSize%chunkSize != 0 {
		last = oldSize / chunkSize
		if err := p.j.clear(last, last+1); err != nil {
			return nil, err
		}
	}
	for _, r := range held {
		end := min(r.end(), total)
		if end == last+1 {
			end--
		}
		if end > int64(r.first) {
			kept = append(kept, run{r.first, uint32(end - int64(r.first))})
		}
	}
	return kept, p.j.f.Truncate(min(slotAt(total), slotAt(chunkCount(oldSize))))
}

// adopt writes the header for the current source.
func (p *partial) adopt(check bool) error {
	p.j.size, p.j.mtime, p.j.tag, p.j.origin = p.src.size, p.src.mtime, p.src.tag, p.src.origin
	if check {
		p.j.tag = [16]byte{}
	}
	return p.sealHeader()
}

// forget clears a run in the journal, without syncing.
func (p *partial) forget(r run) error { return p.j.clear(int64(r.first), r.end()) }

// forgetChunks durably clears chunks in the journal, before they are overwritten.
func (p *partial) forgetChunks(is []int64) error {
	if len(is) == 0 {
		return nil
	}
	for _, i := range is {
		if err := p.j.clear(i, i+1); err != nil {
			return err
		}
	}
	return p.j.sync()
}

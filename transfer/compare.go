package transfer

// handleHashes compares the held chunks with the sender's hashes, and requests those that differ.
func (r *receiver) handleHashes(in *incoming, m *hashesMsg) error {
	if in.failed {
		r.send(&needMsg{n: m.n, first: m.first})
		return nil
	}
	first, n := int64(m.first), int64(len(m.hashes))
	if !in.check || in.next() != -1 || first != in.cursor || first+n > in.runs[0].end() {
		return unexpected("hashes of chunk %d of entry %d", first, in.m.n)
	}
	held, _, err := in.p.j.get(first, n)
	if err != nil {
		return storage(err)
	}
	need := &needMsg{n: m.n, first: m.first}
	for k := range m.hashes {
		if i := first + int64(k); held[k] == m.hashes[k] {
			size := int64(chunkLen(in.m.size, i))
			r.ev.done.Add(size)
			r.ev.resumed.Add(size)
		} else {
			in.needed = append(in.needed, i)
			need.bits[k/8] |= 1 << (k % 8)
		}
	}
	in.pass(n)
	if err := in.p.forgetChunks(in.needed); err != nil {
		return storage(err)
	}
	r.send(need)
	return nil
}

// pass moves the cursor past n chunks of the current run.
func (in *incoming) pass(n int64) {
	in.cursor += n
	in.runs[0].first += uint32(n)
	if in.runs[0].count -= uint32(n); in.runs[0].count == 0 {
		in.runs = in.runs[1:]
	}
}

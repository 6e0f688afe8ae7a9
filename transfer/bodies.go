package transfer

import "encoding/binary"

func (m *offerMsg) append(b []byte) []byte {
	b = append(append(b, m.version), m.id[:]...)
	b = put32(put64(b, m.files, m.folders, m.bytes, m.data), m.count)
	b = append(append(append(b, m.tops[:]...), m.source[:]...), m.origin[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(m.names)))
	for _, n := range m.names {
		b = putText(b, n)
	}
	return b
}

func (m *offerMsg) parse(f *fields) {
	if m.version = f.u8(); m.version != version {
		f.b = nil // the rest has an unknown format
		return
	}
	m.id = f.id()
	m.files, m.folders, m.bytes, m.data, m.count = f.size(true), f.size(true), f.size(true), f.size(true), f.u32()
	m.tops, m.source, m.origin = f.hash(), f.id(), f.id()
	n := f.atMost(int(f.u16()), maxNames)
	for total := 0; n > 0 && !f.bad; n-- {
		s := f.text(maxPath)
		total = f.atMost(total+len(s), maxNameBytes)
		m.names = append(m.names, s)
	}
	f.bad = f.bad || int64(len(m.names)) > int64(m.count)
}

func (m *offerMsg) event() Offer {
	return Offer{ID: m.id, Names: m.names, Count: int64(m.count), Files: m.files, Folders: m.folders, Bytes: m.bytes}
}

// isStream reports whether the offer is a stream: a single file of unknown size.
func (m *offerMsg) isStream() bool { return m.files == 1 && m.bytes == -1 }

func (m *totalMsg) append(b []byte) []byte { return put64(b, m.files, m.folders, m.bytes, m.data) }
func (m *totalMsg) parse(f *fields) {
	m.files, m.folders, m.bytes, m.data = f.size(false), f.size(false), f.size(true), f.size(true)
}

func (m *entryMsg) append(b []byte) []byte {
	b = append(put32(b, m.n), byte(m.what))
	b = binary.BigEndian.AppendUint16(b, m.mode)
	b = put64(putStamp(b, m.mtime), m.size, m.data)
	return append(append(b, m.tag[:]...), m.path...)
}

func (m *entryMsg) parse(f *fields) {
	m.n, m.what = f.u32(), entryKind(f.below(byte(entryKinds)))
	m.mode, m.mtime = f.u16(), f.stamp()
	m.size, m.data = f.size(m.what == entryStream), f.size(m.what == entryStream)
	m.tag, m.path = f.id(), f.rest(maxPath)
	f.bad = f.bad || m.mode > 0o777 || m.data > m.size || m.what == entryStream && (m.size != -1 || m.data != -1) || m.what == entryFolder && m.size != 0
}

func (m *leaveMsg) append(b []byte) []byte { return b }
func (m *leaveMsg) parse(*fields)          {}

func (m *dataMsg) append(b []byte) []byte { return append(put32(b, m.n, m.chunk), m.hash[:]...) }
func (m *dataMsg) parse(f *fields)        { m.n, m.chunk, m.hash = f.u32(), f.u32(), f.hash() }

func (m *zerosMsg) append(b []byte) []byte { return append(put32(b, m.n, m.first), m.level) }
func (m *zerosMsg) parse(f *fields)        { m.n, m.first, m.level = f.u32(), f.u32(), f.below(zeroLevel+1) }

func (m *hashesMsg) append(b []byte) []byte { return putHashes(put32(b, m.n, m.first), m.hashes) }

func (m *hashesMsg) parse(f *fields) {
	m.n, m.first, m.hashes = f.u32(), f.u32(), f.hashes(pageChunks)
	f.bad = f.bad || len(m.hashes) == 0
}

func (m *endMsg) append(b []byte) []byte {
	b = put64(append(put32(b, m.n), byte(m.code)), m.size)
	return append(append(b, m.digest[:]...), cut(m.reason)...)
}

func (m *endMsg) parse(f *fields) {
	m.n, m.code, m.size, m.digest, m.reason = f.u32(), f.code(), f.size(false), f.hash(), f.rest(maxReason)
}

func (m *doneMsg) append(b []byte) []byte { return put32(b, m.entries) }
func (m *doneMsg) parse(f *fields)        { m.entries = f.u32() }

func (m *byeMsg) append(b []byte) []byte { return b }
func (m *byeMsg) parse(*fields)          {}

func (m *afreshMsg) append(b []byte) []byte { return b }
func (m *afreshMsg) parse(*fields)          {}

func (m *acceptMsg) append(b []byte) []byte { return putFlag(append(b, m.version), m.afresh) }

func (m *acceptMsg) parse(f *fields) {
	if m.version = f.u8(); m.version != version {
		f.b = nil // the rest has an unknown format
		return
	}
	m.afresh = f.flag()
}

func (m *wantMsg) append(b []byte) []byte { return put32(b, m.n) }
func (m *wantMsg) parse(f *fields)        { m.n = f.u32() }

func (m *haveMsg) append(b []byte) []byte {
	b = putFlag(put32(b, m.n), m.check)
	b = binary.BigEndian.AppendUint16(b, uint16(len(m.runs)))
	for _, r := range m.runs {
		b = put32(b, r.first, r.count)
	}
	return putHashes(b, m.hashes)
}

// parse accepts only ascending runs with gaps between them.
func (m *haveMsg) parse(f *fields) {
	m.n, m.check = f.u32(), f.flag()
	free := int64(0)
	for n := f.atMost(int(f.u16()), maxRuns); n > 0 && !f.bad; n-- {
		r := run{f.u32(), f.u32()}
		f.bad = f.bad || r.count == 0 || int64(r.first) < free || r.end() > 1<<32
		free = r.end() + 1
		m.runs = append(m.runs, r)
	}
	m.hashes = f.hashes(maxBody / hashSize)
}

func (m *needMsg) append(b []byte) []byte { return append(put32(b, m.n, m.first), m.bits[:]...) }
func (m *needMsg) parse(f *fields) {
	m.n, m.first = f.u32(), f.u32()
	copy(m.bits[:], f.next(len(m.bits)))
}

func (m *againMsg) append(b []byte) []byte { return put32(b, m.n, m.chunk) }
func (m *againMsg) parse(f *fields)        { m.n, m.chunk = f.u32(), f.u32() }

func (m *resultMsg) append(b []byte) []byte {
	b = append(append(put32(b, m.n), byte(m.code)), m.digest[:]...)
	return append(b, cut(m.reason)...)
}

func (m *resultMsg) parse(f *fields) {
	m.n, m.code, m.digest, m.reason = f.u32(), f.code(), f.hash(), f.rest(maxReason)
}

func (m *summaryMsg) append(b []byte) []byte {
	return put64(b, m.files, m.failed, m.skipped, m.bytes)
}

func (m *summaryMsg) parse(f *fields) {
	m.files, m.failed, m.skipped, m.bytes = f.size(false), f.size(false), f.size(false), f.size(false)
}

func (m *abortMsg) append(b []byte) []byte {
	if b = append(b, byte(m.code)); m.code == codeVersion {
		b = append(b, m.version)
	}
	return append(b, cut(m.reason)...)
}

func (m *abortMsg) parse(f *fields) {
	if m.code = f.code(); m.code == codeVersion {
		m.version = f.u8()
	}
	m.reason = f.rest(maxReason)
}

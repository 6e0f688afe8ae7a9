package rendezvous

import (
	"encoding/binary"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"

	"p2ptool/p2p/identity"
)

// A list is the body of LIST, which the answer is no longer than: it may be cut to maxBody.
type list struct {
	cursor uint64 // 0: from the start
}

func (m list) Append(b []byte) []byte {
	return pad(binary.BigEndian.AppendUint64(b, m.cursor), len(b)+maxListBody)
}

func parseList(b []byte) (m list, err error) {
	s := cryptobyte.String(b)
	if len(b) < maxBody || !s.ReadUint64(&m.cursor) {
		return list{}, errMalformed
	}
	return m, nil
}

// A Listing is one line of the server's list.
type Listing struct {
	GUID    identity.GUID
	Seconds uint32 // for how long it has been online
	Name    string // valid UTF-8 and at most MaxName bytes, and otherwise whatever the peer likes
}

func (l Listing) size() int { return 16 + 4 + 1 + len(l.Name) }

// A page is the body of PEERS.
type page struct {
	next  uint64 // cursor of the page behind this one; 0: there is none
	peers []Listing
}

func (m page) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, m.next)
	for _, p := range m.peers {
		b = binary.BigEndian.AppendUint32(append(b, p.GUID[:]...), p.Seconds)
		b = append(append(b, byte(len(p.Name))), p.Name...)
	}
	return b
}

func parsePage(b []byte) (m page, err error) {
	s := cryptobyte.String(b)
	if !s.ReadUint64(&m.next) {
		return page{}, errMalformed
	}
	for !s.Empty() {
		var p Listing
		var name cryptobyte.String
		if !s.CopyBytes(p.GUID[:]) || !s.ReadUint32(&p.Seconds) || !s.ReadUint8LengthPrefixed(&name) ||
			len(name) > MaxName || !utf8.Valid(name) {
			return page{}, errMalformed
		}
		p.Name = string(name)
		m.peers = append(m.peers, p)
	}
	return m, nil
}

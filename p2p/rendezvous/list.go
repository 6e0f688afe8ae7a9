package rendezvous

import (
	"encoding/binary"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"

	"p2ptool/p2p/identity"
)

// A List is the body of LIST. It may be cut to MaxBody; the PEERS that answers it is no longer.
type List struct {
	Cursor uint64 // 0: from the start
}

// Append appends the message to b.
func (m List) Append(b []byte) []byte {
	return Pad(binary.BigEndian.AppendUint64(b, m.Cursor), len(b)+MaxListBody)
}

// ParseList reads what List.Append appends. The error is ErrMalformed.
func ParseList(b []byte) (m List, err error) {
	s := cryptobyte.String(b)
	if len(b) < MaxBody || !s.ReadUint64(&m.Cursor) {
		return List{}, ErrMalformed
	}
	return m, nil
}

// A Listing is one line of the server's list.
type Listing struct {
	GUID    identity.GUID
	Seconds uint32 // for how long it has been online
	Name    string // valid UTF-8 and at most MaxName bytes, and otherwise whatever the peer likes
}

func (l Listing) Size() int { return 16 + 4 + 1 + len(l.Name) }

// A Page is the body of PEERS.
type Page struct {
	Next  uint64 // cursor of the page behind this one; 0: there is none
	Peers []Listing
}

// Append appends the message to b.
func (m Page) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, m.Next)
	for _, p := range m.Peers {
		b = binary.BigEndian.AppendUint32(append(b, p.GUID[:]...), p.Seconds)
		b = append(append(b, byte(len(p.Name))), p.Name...)
	}
	return b
}

// ParsePage reads what Page.Append appends. The error is ErrMalformed.
func ParsePage(b []byte) (m Page, err error) {
	s := cryptobyte.String(b)
	if !s.ReadUint64(&m.Next) {
		return Page{}, ErrMalformed
	}
	for !s.Empty() {
		var p Listing
		var name cryptobyte.String
		if !s.CopyBytes(p.GUID[:]) || !s.ReadUint32(&p.Seconds) || !s.ReadUint8LengthPrefixed(&name) ||
			len(name) > MaxName || !utf8.Valid(name) {
			return Page{}, ErrMalformed
		}
		p.Name = string(name)
		m.Peers = append(m.Peers, p)
	}
	return m, nil
}

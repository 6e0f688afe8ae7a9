// Package lan finds peers on the same local network by their GUID, without a
// server: multicast DNS (RFC 6762) with the names of DNS-based service discovery
// (RFC 6763).
//
// A peer is an instance of the service _p2ptool._udp, and answers to one name
// alone, that of the subtype which its GUID is:
//
//	question  <guid>._sub._p2ptool._udp.local.  PTR, answered to the asker alone
//	answer    PTR   <guid>._p2ptool._udp.local.
//	          SRV   its port, at <guid>.local.
//	          TXT   empty
//	          A     the address by which it is asked; by IPv6 AAAA
//
// So it never tells of itself unasked, and only who knows its GUID learns that it
// is there. A question is a one-shot one (RFC 6762, section 5.1) from any port to
// 224.0.0.251:5353 and [ff02::fb]:5353, on each interface. Where only link-local addresses
// of IPv6 exist, the zone of what is found is the interface that the answer came by; it
// never travels.
//
// Nobody is trusted: an answer says where a handshake may be tried, which then
// proves who is there. It has to come from a neighbour, and its own address is
// what is used, so that nobody can have a third host addressed. Questions are
// answered to neighbours only, and a few a second.
package lan

import (
	"errors"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"p2ptool/p2p/identity"
)

const (
	service = "_p2ptool._udp.local."
	subtype = "._sub." + service
	// unicastBit in a question's class asks for an answer to the asker alone
	// (RFC 6762, section 5.4).
	unicastBit = 1 << 15
	// ttl of the records in seconds: answers to one-shot questions are not to be
	// kept for longer than ten (section 6.7).
	ttl = 10
	// maxQuestions of a packet are looked at.
	maxQuestions = 16
)

var errNotOurs = errors.New("no message for us")

// appendQuestion asks for a peer.
func appendQuestion(id uint16, guid identity.GUID) ([]byte, error) {
	name, err := dnsmessage.NewName(guid.String() + subtype)
	if err != nil {
		return nil, err
	}
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id},
		Questions: []dnsmessage.Question{{Name: name, Type: dnsmessage.TypePTR, Class: dnsmessage.ClassINET | unicastBit}},
	}
	return m.Pack()
}

// parseQuestion returns the id of a question for guid.
func parseQuestion(b []byte, guid identity.GUID) (id uint16, err error) {
	var p dnsmessage.Parser
	h, err := p.Start(b)
	if err != nil || h.Response || h.OpCode != 0 || h.RCode != 0 {
		return 0, errNotOurs
	}
	want := guid.String() + subtype
	for range maxQuestions {
		q, err := p.Question()
		if err != nil {
			break
		}
		if q.Class&^unicastBit == dnsmessage.ClassINET && (q.Type == dnsmessage.TypePTR || q.Type == dnsmessage.TypeALL) &&
			strings.EqualFold(q.Name.String(), want) {
			return h.ID, nil
		}
	}
	return 0, errNotOurs
}

// appendAnswer answers such a question: guid listens at addr.
func appendAnswer(id uint16, guid identity.GUID, addr netip.AddrPort) ([]byte, error) {
	var failed error
	name := func(s string) dnsmessage.Name {
		n, err := dnsmessage.NewName(s)
		if err != nil {
			failed = err
		}
		return n
	}
	asked, instance, host := name(guid.String()+subtype), name(guid.String()+"."+service), name(guid.String()+".local.")
	header := func(n dnsmessage.Name, t dnsmessage.Type) dnsmessage.ResourceHeader {
		return dnsmessage.ResourceHeader{Name: n, Type: t, Class: dnsmessage.ClassINET, TTL: ttl}
	}
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, Response: true, Authoritative: true},
		Questions: []dnsmessage.Question{{Name: asked, Type: dnsmessage.TypePTR, Class: dnsmessage.ClassINET}},
		Answers:   []dnsmessage.Resource{{Header: header(asked, dnsmessage.TypePTR), Body: &dnsmessage.PTRResource{PTR: instance}}},
		Additionals: []dnsmessage.Resource{
			{Header: header(instance, dnsmessage.TypeSRV), Body: &dnsmessage.SRVResource{Port: addr.Port(), Target: host}},
			{Header: header(instance, dnsmessage.TypeTXT), Body: &dnsmessage.TXTResource{TXT: []string{""}}},
			{Header: header(host, addrType(addr.Addr())), Body: addrBody(addr.Addr())},
		},
	}
	b, err := m.Pack()
	if failed != nil {
		err = failed
	}
	return b, err
}

func addrType(a netip.Addr) dnsmessage.Type {
	if a.Is4() {
		return dnsmessage.TypeA
	}
	return dnsmessage.TypeAAAA
}

func addrBody(a netip.Addr) dnsmessage.ResourceBody {
	if a.Is4() {
		return &dnsmessage.AResource{A: a.As4()}
	}
	return &dnsmessage.AAAAResource{AAAA: a.As16()}
}

// parseAnswer returns the port that an answer to the question names.
func parseAnswer(b []byte, id uint16, guid identity.GUID) (port uint16, err error) {
	var m dnsmessage.Message
	if err := m.Unpack(b); err != nil || !m.Response || m.ID != id || m.RCode != 0 {
		return 0, errNotOurs
	}
	want := guid.String() + "." + service
	for _, r := range append(m.Answers, m.Additionals...) {
		srv, ok := r.Body.(*dnsmessage.SRVResource)
		if ok && srv.Port != 0 && strings.EqualFold(r.Header.Name.String(), want) {
			return srv.Port, nil
		}
	}
	return 0, errNotOurs
}

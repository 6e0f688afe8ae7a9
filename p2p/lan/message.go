// Package lan finds peers on the same local network by their GUID, without a server. It uses
// multicast DNS (RFC 6762) with the names of DNS-based service discovery (RFC 6763).
//
// A peer is an instance of the service _p2ptool._udp, and answers only questions for one name,
// with its GUID as the subtype:
//
//	question  <guid>._sub._p2ptool._udp.local.  PTR, answered by unicast
//	answer    PTR   <guid>._p2ptool._udp.local.
//	          SRV   its port, at <guid>.local.
//	          TXT   empty
//	          A     its address in the asker's network; AAAA over IPv6
//
// So a peer never announces itself, and only someone who knows its GUID can find it. A
// question is one-shot (RFC 6762, section 5.1), from any port to 224.0.0.251:5353 and
// [ff02::fb]:5353, on each interface. A link-local IPv6 address that was found has the interface of
// the answer as its zone; zones are never sent.
//
// Nothing is trusted: an answer only says where to try a handshake, which then authenticates
// the peer. Only a neighbour's answer counts, and only its source address is used, so that nobody
// can direct packets to a third host. Only neighbours' questions are answered, a few per second.
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
	// unicastBit in a question's class asks for a unicast answer (RFC 6762, section 5.4).
	unicastBit = 1 << 15
	// ttl of the records in seconds: at most ten in answers to one-shot questions
	// (section 6.7).
	ttl = 10
	// maxQuestions is how many questions of a packet are read.
	maxQuestions = 16
)

var errNotOurs = errors.New("not a message for this peer")

// appendQuestion returns a question for a peer.
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

// appendAnswer returns an answer: guid listens at addr.
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

// parseAnswer returns the port in an answer to the question.
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

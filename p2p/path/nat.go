package path

import (
	"encoding/binary"
	"errors"
)

// A Dependence says which part of the remote endpoint a NAT's mapping or
// filtering depends on (RFC 4787, sections 4.1 and 5). The zero value is unknown.
type Dependence byte

const (
	EndpointIndependent     Dependence = 1
	AddressDependent        Dependence = 2
	AddressAndPortDependent Dependence = 3
)

// String returns the RFC's name, or "unknown".
func (d Dependence) String() string {
	switch d {
	case EndpointIndependent:
		return "endpoint-independent"
	case AddressDependent:
		return "address-dependent"
	case AddressAndPortDependent:
		return "address-and-port-dependent"
	}
	return "unknown"
}

// A NAT describes what is known about the NATs between a host and the internet. A host without a
// NAT has endpoint-independent mapping.
type NAT struct {
	// Mapping says which remote endpoints see the same external port.
	Mapping Dependence
	// Filtering says whose packets the NAT lets in at that port. AddressDependent may
	// really be EndpointIndependent if it was determined with a server that has only one
	// address.
	Filtering Dependence
	// Stride is the difference between the ports of successive mappings, if the NAT
	// allocates them in sequence; 0: it does not, or it is unknown whether it does.
	Stride int16
	// Bare says that a packet from an address to which this host has not sent yet changes the
	// mapping of later packets to that address. A Linux masquerade behaves like this on a router
	// that drops nothing on INPUT.
	Bare bool
}

// Symmetric reports whether different remote endpoints see different ports. A
// peer then cannot know which port it will see.
func (n NAT) Symmetric() bool { return n.Mapping > EndpointIndependent }

// Known reports whether the mapping is known.
func (n NAT) Known() bool { return n.Mapping != 0 }

// NATSize is the length of a NAT as Append writes it:
//
//	0  mapping, 1     a Dependence; above 3: unknown
//	1  filtering, 1
//	2  stride, 2      signed
//	4  flags, 1       1: Bare
const NATSize = 5

const flagBare = 1

var errNAT = errors.New("malformed description of a NAT")

// Append appends the description.
func (n NAT) Append(b []byte) []byte {
	b = append(b, byte(n.Mapping), byte(n.Filtering))
	b = binary.BigEndian.AppendUint16(b, uint16(n.Stride))
	if n.Bare {
		return append(b, flagBare)
	}
	return append(b, 0)
}

// ParseNAT parses what Append wrote and returns the rest of b.
func ParseNAT(b []byte) (n NAT, rest []byte, err error) {
	if len(b) < NATSize {
		return NAT{}, nil, errNAT
	}
	n = NAT{dependence(b[0]), dependence(b[1]), int16(binary.BigEndian.Uint16(b[2:])), b[4]&flagBare != 0}
	return n, b[NATSize:], nil
}

func dependence(b byte) Dependence {
	if d := Dependence(b); d <= AddressAndPortDependent {
		return d
	}
	return 0
}

// maxStride is the largest difference between two ports of a sequence.
const maxStride = 64

// StrideOf returns the stride of ports that were mapped one after the other, or
// 0 if they are not a sequence. It needs at least three ports. All differences
// must have the same sign. The stride is the smallest difference, because other
// hosts behind the same NAT may have used the ports in between.
func StrideOf(ports []uint16) int16 {
	if len(ports) < 3 {
		return 0
	}
	stride := int16(0)
	for i, p := range ports[1:] {
		d := int16(p - ports[i]) // also right if the sequence wraps at 65535
		switch {
		case d == 0 || d > maxStride || d < -maxStride || stride != 0 && (d > 0) != (stride > 0):
			return 0
		case stride == 0 || max(d, -d) < max(stride, -stride):
			stride = d
		}
	}
	return stride
}

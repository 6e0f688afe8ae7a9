package recovery

import "slices"

const holeSizes = 8 // that are remembered

// A BlackHole counts packets of a path that seem to have been lost for their size. A path may begin
// to drop large datagrams silently while small ones get through (RFC 2923; RFC 8899, section 4.3).
// It shows in large packets that are lost while smaller ones, sent later, arrive. If nothing is
// sent later, a probe timeout sends a small packet behind the large ones (Path.Small).
type BlackHole struct {
	arrived []arrivedSize // by time sent, each larger than those sent later
	Lost    int           // in a row
	least   int           // bytes of the smallest of them
	since   uint64        // the first of them
}

// arrivedSize is a packet that arrived after all that were sent later and are as large.
type arrivedSize struct {
	size int32
	seq  uint64
}

// acked notes that a packet arrived.
func (h *BlackHole) acked(p *Packet) {
	if h.Lost > 0 && int(p.Size) >= h.least && p.seq > h.since {
		h.Lost = 0
	}
	if n := len(h.arrived); n == 1 && h.arrived[0].size <= p.Size && h.arrived[0].seq <= p.seq {
		h.arrived[0] = arrivedSize{p.Size, p.seq}
		return
	}
	if slices.ContainsFunc(h.arrived, func(a arrivedSize) bool { return a.size >= p.Size && a.seq >= p.seq }) {
		return
	}
	h.arrived = slices.DeleteFunc(h.arrived, func(a arrivedSize) bool { return a.size <= p.Size && a.seq <= p.seq })
	if len(h.arrived) == holeSizes {
		h.arrived = slices.Delete(h.arrived, 0, 1)
	}
	h.arrived = append(h.arrived, arrivedSize{p.Size, p.seq})
}

// missed notes that a packet was lost. carried is the size of packets that the path certainly carries.
func (h *BlackHole) missed(p *Packet, carried int) {
	if int(p.Size) <= carried || slices.ContainsFunc(h.arrived, func(a arrivedSize) bool { return a.size >= p.Size && a.seq > p.seq }) {
		return
	}
	if h.Lost == 0 {
		h.least, h.since = int(p.Size), p.seq
	}
	h.Lost++
	h.least = min(h.least, int(p.Size))
}

package noise

// Window records which counters have been seen. As in RFC 6479, it is a ring
// of words, so that advancing it does not shift bits. Create one with NewWindow.
type Window struct {
	words []uint64
	next  uint64 // one more than the highest counter seen; 0: none was seen
}

// NewWindow returns a window that records at least the last size counters.
// Older counters count as seen. A link needs a size of thousands, because a
// packet may overtake many others on a slower path. A session with few packets
// needs 64.
func NewWindow(size int) Window {
	n := 2 // one extra word, because the newest word is only partly used
	for (n-1)*64 < size {
		n *= 2
	}
	return Window{words: make([]uint64, n)}
}

// Check reports whether counter is new. It does not mark it.
func (w *Window) Check(counter uint64) bool {
	if counter >= w.next {
		return true
	}
	n := uint64(len(w.words))
	if w.next-1-counter >= (n-1)*64 {
		return false
	}
	return w.words[counter/64%n]&(1<<(counter%64)) == 0
}

// Mark marks counter as seen. Call it after the packet has been authenticated.
func (w *Window) Mark(counter uint64) {
	n := uint64(len(w.words))
	if counter >= w.next {
		var last uint64
		if w.next > 0 {
			last = (w.next - 1) / 64
		}
		steps := min(counter/64-last, n)
		for i := range steps {
			w.words[(counter/64-i)%n] = 0
		}
		w.next = counter + 1
	}
	w.words[counter/64%n] |= 1 << (counter % 64)
}

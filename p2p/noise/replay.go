package noise

// Window remembers which counters have been seen, as in RFC 6479: a ring of
// words in which the highest counter slides, so that nothing is ever shifted.
// Make one with NewWindow.
type Window struct {
	words []uint64
	next  uint64 // one more than the highest counter seen; 0: none
}

// NewWindow returns a window that distinguishes at least the last size counters;
// older ones count as seen. A link needs thousands, because a packet may
// overtake many on a slower path; a session of few packets needs 64.
func NewWindow(size int) Window {
	n := 2 // one word more than size asks for: the newest is only partly used
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

// Mark marks counter as seen, once its packet has proven genuine.
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

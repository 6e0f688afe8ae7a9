package transfer

import "time"

// A stamp is a file time. Seconds and nanoseconds are separate: 64 bits of nanoseconds cover only 1678 to 2262, and
// disks support other times.
type stamp struct {
	sec  int64 // since 1970
	nsec uint32
}

func stampOf(t time.Time) stamp { return stamp{t.Unix(), uint32(t.Nanosecond())} }

func (s stamp) time() time.Time { return time.Unix(s.sec, int64(s.nsec)) }

func putStamp(b []byte, s stamp) []byte { return put32(put64(b, s.sec), s.nsec) }

// stamp reads a time.
func (f *fields) stamp() (s stamp) {
	s.sec, s.nsec = f.i64(), f.u32()
	f.bad = f.bad || s.nsec >= uint32(time.Second)
	return s
}

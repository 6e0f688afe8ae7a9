package disk

import "os"

// Zero makes n bytes of f at off read as zeros, with a hole if the disk supports holes. It does not extend the
// file.
func Zero(f *os.File, off, n int64) error {
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	n = min(n, fi.Size()-off)
	if n <= 0 || punch(f, off, n) == nil {
		return nil
	}
	zeros := make([]byte, min(n, 1<<20))
	for n > 0 {
		m, err := f.WriteAt(zeros[:min(n, int64(len(zeros)))], off)
		if err != nil {
			return err
		}
		off, n = off+int64(m), n-int64(m)
	}
	return nil
}

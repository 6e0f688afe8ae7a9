package transfer

import (
	"io"
	"path/filepath"

	"p2ptool/transfer/internal/disk"
)

// A fileSize is the size of a file.
type fileSize struct {
	bytes  int64
	data   int64 // the part of bytes that is not in holes
	stream bool  // the size is not known until the file has been read
}

// size determines the size of a file. In /proc and the like the system reports a wrong size, and some FUSE file systems
// report 0. Such a file is read to its end.
func (f *found) size() fileSize {
	s := fileSize{bytes: f.info.Size(), data: f.info.Size()}
	room := disk.Allocated(f.info)
	if s.bytes > 0 && (room >= s.bytes || s.bytes <= chunkSize && room > 0) {
		return s
	}
	file, err := f.dir.OpenFile(filepath.Base(f.rel), openToRead, 0)
	if err != nil {
		return s // reported when the file is read
	}
	defer file.Close()
	if s.bytes == 0 {
		var b [1]byte
		if _, err := disk.ReadNow(file, b[:]); err == io.EOF {
			return s
		}
		return fileSize{stream: true}
	}
	if room == 0 && disk.IsVirtual(file) {
		return fileSize{stream: true}
	}
	if s.bytes > chunkSize {
		s.data = dataIn(file, s.bytes)
	}
	return s
}

// feedVirtual reads a file of unknown size. It reads only what is available now, since such a file may never
// end.
func (s *sender) feedVirtual(root *sourceRoot, o *outgoing) error {
	var folder *sourceFolder
	err := withFiles(s.ctx, func() (err error) { folder, err = root.folder(o); return err })
	if err != nil {
		return s.endBad(o, err)
	}
	defer folder.drop()
	f, err := folder.root.OpenFile(filepath.Base(o.rel), openToRead, 0)
	if err != nil {
		return s.endBad(o, err)
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		return s.endBad(o, ErrChanged)
	}
	return s.feedStream(o, readNow{f})
}

// endBad ends a file that cannot be read.
func (s *sender) endBad(o *outgoing, bad error) error {
	return s.push(&job{kind: jobEnd, o: o, end: &endMsg{n: o.n, code: codeFor(bad), reason: reasonFor(bad)}})
}

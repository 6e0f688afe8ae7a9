// Package transfer sends and receives files and folders over one stream.
//
// One side offers files, the other decides:
//
//	result, err := transfer.Send(ctx, stream, transfer.Source{Paths: []string{"photos"}}, transfer.SendOptions{})
//
//	result, err := transfer.Receive(ctx, stream, transfer.ReceiveOptions{
//		Dir:    "inbox",
//		Peer:   "bob",
//		Accept: func(ctx context.Context, o transfer.Offer) error { return nil },
//	})
//
// The stream is any io.ReadWriteCloser that is reliable and ordered. It must also be
// encrypted and authenticated, which this package does not do. After an interruption, call
// both again with another stream: what the receiver has verified is not sent again.
//
// # What is sent
//
// The content of files, folders, their permissions (without setuid, setgid and sticky bits) and
// modification times. Symbolic links within folders, pipes and devices are skipped. Send does
// not read files beforehand. A file counts as sent once the receiver has synced it to disk
// under its final name.
//
// The digest of a file is the BLAKE3 hash of what is on the receiver's disk, as b3sum prints
// it. Sender and receiver hash each chunk when they read or receive it. Chunks of an earlier
// attempt are not read again if the receiver's journal lists them as verified and the source
// still has the same size, times and inode.
//
// # Trust
//
// The receiver trusts the sender with nothing but the content: every path goes through an
// os.Root and the rule in names.go, nothing is replaced unless Conflict says so, memory is
// bounded (about 6 MiB of buffers, and at most 4,096 unfinished entries), and space on the disk
// is checked before data is accepted. The sender trusts what the receiver says it has. Both
// trust everyone who can write to the target folder not to change partial files during an
// attempt; one that was changed between two attempts is hashed again.
//
// # Messages
//
// All numbers are big-endian. A message is
//
//	 0        1                    4
//	+--------+--------------------+------
//	| type   | length of the body | body
//	+--------+--------------------+------
//
// A body has at most 65,536 bytes, that of DATA 40 and one chunk. A chunk is 262,144 bytes, the
// last one of a file what is left; its hash is the chaining value of its subtree in the
// file's BLAKE3 tree. In a version a message has exactly these fields; anything else
// breaks the protocol, which ends the transfer. Text at the end of a body has no length of its own.
// Entries are counted from 0. Files, folders and bytes that are not known are -1; sizes are at most 2^49.
//
//	from the sender
//	 1 OFFER    version, 1 (now 5); transfer, 16; files, 8; folders, 8; bytes, 8; of them data, 8: what is not in holes; names, 4: how many there are;
//	            hash over all names, 32; tag over what has them, 16; origin, 16; names here, 2: at most 256; each length, 2, and name
//	 2 TOTAL    files, 8; folders, 8; bytes, 8; data, 8: what the offer did not know
//	 3 ENTRY    entry, 4; kind, 1: 0 file, 1 file of unknown size, 2 folder; permissions, 2;
//	            modification time: seconds since 1970, 8, and nanoseconds, 4; size, 8; data, 8; tag, 16; path
//	 4 LEAVE    the innermost folder has no more entries
//	 5 DATA     entry, 4; chunk, 4; hash, 32; the chunk
//	 6 HASHES   entry, 4; first chunk, 4; hashes, 32 each, at most 256
//	 7 END      entry, 4; code, 1; size, 8; digest, 32; reason
//	 8 DONE     entries, 4: so many there are
//	 9 BYE      the summary came
//	10 AFRESH   all is announced anew, from entry 0
//	11 ZEROS    entry, 4; first chunk, 4; level, 1: 2^level chunks, at most 12, are zeros
//
//	from the receiver
//	16 ACCEPT   version, 1; afresh, 1: whether AFRESH has to come
//	17 WANT     entry, 4: all of it
//	18 HAVE     entry, 4; check, 1; runs, 2: at most 1,024; each first chunk, 4, and count, 4; hashes, 32 each
//	19 NEED     entry, 4; first chunk, 4; 256 bits, 32: which of HASHES, lowest bit first
//	20 AGAIN    entry, 4; chunk, 4: it came wrong
//	21 RESULT   entry, 4; code, 1; digest, 32; reason
//	22 SUMMARY  files, 8; failed, 8; skipped, 8; bytes, 8
//
//	from either
//	31 ABORT    code, 1; with code 10 the version, 1; reason: the last message
//
// Codes: 0 done, 1 held whole from before, 2 skipped as its name is taken, 3 failed otherwise,
// 4 source changed, 5 integrity, 6 storage, 7 cancelled, 8 protocol broken, 9 refused, 10 another version.
// Reasons are UTF-8 of at most 512 bytes.
//
// # Order
//
//	sender                                   receiver
//	  OFFER, ENTRY, ENTRY … ---------------->  a few before ACCEPT
//	     <---------------------------  ACCEPT, or ABORT (refused)
//	  ENTRY, ENTRY, ENTRY … ---------------->  as many as the window holds
//	     <-------  for each WANT, HAVE or RESULT, in the order of the entries
//	  DATA … END, DATA … END --------------->  of the wanted ones, in that order
//	     <--------------------------  RESULT   once it is synced and has its name
//	  DONE  -------------------------------->
//	     <--------------------------  SUMMARY  after the last RESULT
//	  BYE  --------------------------------->
//
// Neither side waits for an answer before it goes on, but within the window: from the
// oldest entry without RESULT there are at most 4,096, and their paths have at most 1 MiB.
// A folder's entry comes before those in it, LEAVE after them; a folder gets a RESULT at once.
//
// Before ACCEPT there may be at most 64 entries, with paths of 16,384 bytes together, their LEAVEs, and
// nothing else. They are kept until it is decided, and answered right after ACCEPT. A decision that takes
// a second or longer is one that files may have changed during: then ACCEPT asks for all to be announced
// afresh, the sender walks its source again, and nothing counts that it announced before AFRESH.
//
// Of a file that is wanted all chunks come in ascending order, but for runs that
// the receiver has. With check 0 these are of the same source, as size, time and tag tell:
// the sender skips them and takes their part of the digest from the hashes, which are those of
// the largest aligned subtrees that a run falls into, the file's last chunk always alone. With
// check 1 they may be of another state of it, and come without hashes: where such a run
// begins the sender sends HASHES of up to 256 of its chunks, waits for NEED and sends
// DATA of what is needed, until the run is through.
//
// Chunks of zeros come as ZEROS in place of DATA, each an aligned subtree, the last chunk of a file
// always alone, and of the first 512 GiB only. The receiver computes their hashes, and makes holes of them.
//
// A chunk that does not match its hash is asked for AGAIN, up to 16 times a file, and is then sent
// out of order. The END of a file that can no longer be read carries the code for it, and a
// RESULT that comes before END ends the file early: END follows with what was sent.
package transfer

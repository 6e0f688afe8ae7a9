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
// encrypted and authenticated; this package does neither. After an interruption, call
// both functions again with another stream. Data that the receiver has verified is not sent again.
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
// The receiver trusts the sender only with the content. Every path goes through an os.Root and
// the rule in names.go, and nothing is replaced unless Conflict says so. Memory is bounded
// (about 6 MiB of buffers, and at most 4,096 unfinished entries), and disk space is checked
// before data is accepted. The sender trusts what the receiver says it has. Both trust everyone
// who can write to the target folder not to change partial files during an attempt. A file that
// was changed between two attempts is hashed again.
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
// A body has at most 65,536 bytes. The body of DATA has 40 bytes and one chunk. A chunk is
// 262,144 bytes, or the rest of the file. Its hash is the chaining value of its subtree in the
// file's BLAKE3 tree. In one version of the protocol, a message has exactly these fields.
// Anything else breaks the protocol and ends the transfer. Text at the end of a body has no
// length field. Entries are numbered from 0. Unknown numbers of files, folders and bytes are -1.
// Sizes are at most 2^49.
//
//	from the sender
//	 1 OFFER    version, 1 (now 5); transfer, 16; files, 8; folders, 8; bytes, 8; data, 8: the bytes that are not in holes; number of names, 4;
//	            hash over all names, 32; tag over the state of the source, 16; origin, 16; number of names here, 2: at most 256; each length, 2, and name
//	 2 TOTAL    files, 8; folders, 8; bytes, 8; data, 8: sent if they were unknown in the offer
//	 3 ENTRY    entry, 4; kind, 1: 0 file, 1 file of unknown size, 2 folder; permissions, 2;
//	            modification time: seconds since 1970, 8, and nanoseconds, 4; size, 8; data, 8; tag, 16; path
//	 4 LEAVE    the innermost folder has no more entries
//	 5 DATA     entry, 4; chunk, 4; hash, 32; the chunk
//	 6 HASHES   entry, 4; first chunk, 4; hashes, 32 each, at most 256
//	 7 END      entry, 4; code, 1; size, 8; digest, 32; reason
//	 8 DONE     number of entries, 4
//	 9 BYE      the summary arrived
//	10 AFRESH   everything is announced again, from entry 0
//	11 ZEROS    entry, 4; first chunk, 4; level, 1: at most 12; 2^level chunks are zeros
//
//	from the receiver
//	16 ACCEPT   version, 1; afresh, 1: whether AFRESH must follow
//	17 WANT     entry, 4: all of it
//	18 HAVE     entry, 4; check, 1; runs, 2: at most 1,024; each first chunk, 4, and count, 4; hashes, 32 each
//	19 NEED     entry, 4; first chunk, 4; 256 bits, 32: which of HASHES, lowest bit first
//	20 AGAIN    entry, 4; chunk, 4: it arrived damaged
//	21 RESULT   entry, 4; code, 1; digest, 32; reason
//	22 SUMMARY  files, 8; failed, 8; skipped, 8; bytes, 8
//
//	from either
//	31 ABORT    code, 1; with code 10 the version, 1; reason: the last message
//
// Codes: 0 done, 1 complete from an earlier attempt, 2 skipped because the name is taken, 3 other failure,
// 4 source changed, 5 integrity, 6 storage, 7 canceled, 8 protocol broken, 9 refused, 10 another version.
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
//	     <--------------------------  RESULT   once it is synced and has its final name
//	  DONE  -------------------------------->
//	     <--------------------------  SUMMARY  after the last RESULT
//	  BYE  --------------------------------->
//
// Neither side waits for answers, within the limits of the window: from the oldest entry without
// RESULT on, there are at most 4,096 entries, and their paths have at most 1 MiB. A folder's entry
// precedes its contents, LEAVE follows them. A folder gets its RESULT at once.
//
// Before ACCEPT, the sender may send at most 64 entries, whose paths have at most 16,384 bytes together,
// their LEAVEs, and nothing else. The receiver keeps them while it decides, and answers them right after
// ACCEPT. If the decision takes a second or longer, files may have changed in the meantime. Then ACCEPT sets
// afresh, the sender walks its source again, and the receiver ignores the entries before AFRESH.
//
// The sender sends all chunks of a wanted file in ascending order, except for the runs that the
// receiver has. With check 0, the runs are of the same state of the source, according to size, time
// and tag. The sender skips them and uses their hashes for the digest. The hashes are those of the
// largest aligned subtrees of each run; the file's last chunk always stands alone. With check 1,
// the runs may be of another state, and have no hashes. At such a run, the sender sends HASHES of
// up to 256 chunks, waits for NEED and sends DATA for the chunks needed, until the run ends.
//
// Chunks of zeros are sent as ZEROS instead of DATA, each an aligned subtree. The file's last chunk always
// stands alone. ZEROS cover only the first 512 GiB of a file. The receiver computes their hashes, and makes
// holes of them.
//
// The receiver requests a damaged chunk with AGAIN, up to 16 times a file. It is then sent out of
// order. If a file can no longer be read, its END has the code for that. A RESULT before END ends the
// file early: END follows, after whatever was sent.
package transfer

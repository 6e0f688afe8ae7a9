// Package qlog writes what a link does to a log that viewers of QUIC connections read.
//
// A log is a JSON text sequence (RFC 7464) after draft-ietf-quic-qlog-main-schema: a header, then
// an event a record. The events are those of draft-ietf-quic-qlog-quic-events. Events that qvis
// draws keep the names of the drafts that it reads, 02 to 04:
//
//	transport:packet_sent, transport:packet_received   with the packet's frames
//	recovery:packet_lost, recovery:metrics_updated, recovery:congestion_state_updated
//
// The others have the names of the current drafts, and those of our own begin with p2ptool:
//
//	quic:connection_closed, quic:tuple_assigned, quic:mtu_updated
//	p2ptool:path_updated   the state of a path: untested, valid or lost
//	p2ptool:path_chosen    the path in use from now on
//	loglevel:warning       what this log leaves out
//
// The tuple of an event is the path. Frames that QUIC has, too, have QUIC's names: WINDOW is
// max_stream_data, RESET reset_stream, STOP stop_sending, CLOSE connection_close. Times are in
// milliseconds, sizes of packets those of the UDP payload. A log holds addresses and sizes, but neither
// keys nor content.
//
// A log never slows its link down: a goroutine writes it, and if that does not keep up, or the disk
// is full, events are dropped. A log has at most MaxSize bytes.
package qlog

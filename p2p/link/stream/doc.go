// Package stream holds the two halves of a reliable, ordered stream: what was received until
// the application has read it, and what was written until the peer has acknowledged it. It does
// flow control, but knows neither packets nor the other streams.
//
// A half is not safe for concurrent use: the application and the link's loop share it under
// the mutex of link.Stream.
//
// The peer may be hostile. It cannot make an Inbound hold more than its window, of at most
// 16 MiB, of which what exceeds 64 KiB comes out of a sum for the whole link; nor more than a
// bounded number of ranges with gaps between them. What exceeds the window or contradicts an
// earlier frame is an error that ends the link. An Outbound holds what the application wrote, and
// the caller bounds that (Room).
package stream

package transfer

import (
	"math"
	"sync/atomic"
)

// A sender may exceed what was accepted by a little: a folder may have grown since, and data that was in flight
// when a link broke is sent twice.
const (
	slackBytes = 1 << 20
	slackNames = 16
)

// withSlack returns how much may arrive if n was accepted. -1 means any amount.
func withSlack(n, slack int64) int64 {
	if n < 0 {
		return -1
	}
	return n + n/8 + slack
}

func exceeds(n, offered, slack int64) bool { return offered >= 0 && n > withSlack(offered, slack) }

// An account counts what has arrived for one acceptance, over all attempts.
type account struct {
	bytes int64 // of DATA
	lost  int64 // those of bytes that are neither in a complete file nor kept for the next attempt
	names int64 // given to files and folders
}

// spent is the account of an acceptance that allows nothing more.
var spent = account{lost: math.MaxInt64}

// An allowance limits how many bytes may arrive, and how many names may be given, for one acceptance, over any
// number of links. Everything that arrives counts, even for files that fail, are sent again or are replaced.
type allowance struct {
	bytes, names int64   // limits; -1: none
	slack        int64   // of bytes
	before       account // of earlier attempts
	came, used   atomic.Int64
	named        atomic.Int64
	exceeded     atomic.Bool
}

// allowanceOf returns what accepting m allows: at most maxSize bytes, unless maxSize is 0.
func allowanceOf(m *offerMsg, maxSize int64) *allowance {
	most := m.bytes
	if maxSize > 0 && (most < 0 || most > maxSize) {
		most = maxSize
	}
	// Over all attempts, everything may arrive twice: the source may have changed since the first attempt, and
	// small files without a name yet are lost with the link. planner.expected limits a single attempt.
	once := withSlack(max(most, 0), slackBytes)
	a := &allowance{bytes: -1, names: -1, slack: once}
	if most >= 0 {
		a.bytes = most + once
	}
	if m.files >= 0 && m.folders >= 0 {
		a.names = withSlack(m.files, slackNames) + withSlack(m.folders, slackNames)
	}
	return a
}

// covers reports whether the allowance may still suffice after an account. It does not if too much was lost.
func (a *allowance) covers(before account) bool { return before.lost <= a.slack }

// spend counts bytes that arrived.
func (a *allowance) spend(n int) error {
	return a.within(a.before.bytes+a.came.Add(int64(n)), a.bytes, "more data than was accepted")
}

// name counts files and folders that are about to be named.
func (a *allowance) name(n int) error {
	return a.within(a.before.names+a.named.Add(int64(n)), a.names, "more files than were accepted")
}

func (a *allowance) within(n, most int64, what string) error {
	if most >= 0 && n > most {
		a.exceeded.Store(true)
		return unexpected("%s", what)
	}
	return nil
}

// keep records that n bytes are in a complete file, or are kept for the next attempt.
func (a *allowance) keep(n int64) { a.used.Add(n) }

// account returns the account with which the next attempt starts.
func (a *allowance) account() account {
	if a.exceeded.Load() {
		return spent
	}
	came := a.came.Load()
	return account{a.before.bytes + came, a.before.lost + max(came-a.used.Load(), 0), a.before.names + a.named.Load()}
}

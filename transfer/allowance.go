package transfer

import (
	"math"
	"sync/atomic"
)

// Beyond what was accepted may come a little: a folder may have grown since, and what was on its way when a
// link broke comes twice.
const (
	slackBytes = 1 << 20
	slackNames = 16
)

// withSlack returns what may come where n was accepted; -1: any amount.
func withSlack(n, slack int64) int64 {
	if n < 0 {
		return -1
	}
	return n + n/8 + slack
}

func exceeds(n, offered, slack int64) bool { return offered >= 0 && n > withSlack(offered, slack) }

// An account is what has come for an acceptance, over all attempts.
type account struct {
	bytes int64 // of DATA
	lost  int64 // of them, what is neither in a file that is whole nor kept
	names int64 // that files and folders got
}

// spent is the account of an acceptance that is good for nothing more.
var spent = account{lost: math.MaxInt64}

// An allowance is how much may come, be written and get names for one acceptance, however many links that takes.
// Whatever arrives counts, also for files that fail, that come again or that are replaced.
type allowance struct {
	bytes, names int64   // that may come; -1: any amount
	slack        int64   // of bytes
	before       account // in earlier attempts
	came, used   atomic.Int64
	named        atomic.Int64
	exceeded     atomic.Bool
}

// allowanceOf returns what m allows, within maxSize unless that is 0.
func allowanceOf(m *offerMsg, maxSize int64) *allowance {
	most := m.bytes
	if maxSize > 0 && (most < 0 || most > maxSize) {
		most = maxSize
	}
	// Over all attempts it may come twice: the source may have changed since the first, and small files that
	// are not named yet are lost with a link. One attempt is bound by what it announces (planner.expected).
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

// covers reports whether what is left after an account may do for the rest. If too much was lost, it will not.
func (a *allowance) covers(before account) bool { return before.lost <= a.slack }

// spend counts bytes that came.
func (a *allowance) spend(n int) error {
	return a.within(a.before.bytes+a.came.Add(int64(n)), a.bytes, "more data than was accepted")
}

// name counts files and folders that are about to get their names.
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

// keep notes that bytes are in a file that is whole, or will be there in the next attempt.
func (a *allowance) keep(n int64) { a.used.Add(n) }

// account returns what the next attempt begins with.
func (a *allowance) account() account {
	if a.exceeded.Load() {
		return spent
	}
	came := a.came.Load()
	return account{a.before.bytes + came, a.before.lost + max(came-a.used.Load(), 0), a.before.names + a.named.Load()}
}

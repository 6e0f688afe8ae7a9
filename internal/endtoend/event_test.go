package endtoend

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// An event is a line of --json, with the fields of all kinds of events that the tests use.
type event struct {
	Event string    `json:"event"`
	Time  time.Time `json:"time"`

	Addr string `json:"addr"`
	GUID string `json:"guid"`
	Key  string `json:"key"`
	Peer string `json:"peer"`

	Path string  `json:"path"` // the kind of a link's path, or the name of a file
	RTT  float64 `json:"rtt_ms"`

	Text string `json:"text"`
	ID   uint64 `json:"id"`

	Transfer string `json:"transfer"`
	Bytes    int64  `json:"bytes"`
	Total    int64  `json:"total"`
	Files    int64  `json:"files"`
	Failed   int64  `json:"failed"`
	Seconds  float64
	Resumed  int64  `json:"resumed_bytes"`
	BLAKE3   string `json:"blake3"`
	Status   string `json:"status"`

	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
	Reason  string `json:"reason"`

	seen time.Time // when the test read it
	line string
}

// parseEvent reads a line of stdout, which may contain only events.
func parseEvent(line []byte) (event, error) {
	e := event{seen: time.Now(), line: string(bytes.TrimSpace(line))}
	if err := json.Unmarshal(line, &e); err != nil {
		return e, fmt.Errorf("%q is not an event: %w", line, err)
	}
	if e.Event == "" || e.Time.IsZero() {
		return e, fmt.Errorf("%q lacks its event or time", line)
	}
	return e, nil
}

// A predicate selects events.
type predicate func(event) bool

// is selects events of a kind.
func is(kind string) predicate {
	return func(e event) bool { return e.Event == kind }
}

// onPath selects events of a link whose active path is of one of these kinds.
func onPath(kinds ...string) predicate {
	return func(e event) bool {
		for _, k := range kinds {
			if (e.Event == "connected" || e.Event == "path") && e.Path == k {
				return true
			}
		}
		return false
	}
}

// beyond selects events of a transfer with more than n bytes done.
func beyond(n int64) predicate {
	return func(e event) bool { return e.Event == "progress" && e.Bytes > n }
}

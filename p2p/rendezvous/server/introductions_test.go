package server

import (
	"testing"
	"time"
)

// A session's index and request number may be those of another caller before: an
// answer to that one's request is none to this.
func TestAnswerToAnother(t *testing.T) {
	p := &session{index: 7}
	table := newIntroductions()
	table.add(&introduction{key: keyOf(p, 3, []byte("first")), made: time.Second})
	if table.byRequest[keyOf(p, 3, []byte("first"))] == nil {
		t.Error("a repeated request is not found")
	}
	if table.byRequest[keyOf(p, 3, []byte("other"))] != nil {
		t.Error("another request is taken for a repeated one")
	}
}

package link

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestDatagramsAndPing(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *testNetwork) {
		time.Sleep(time.Second)
		if err := w.a.SendDatagram(bulk(MaxDatagram + 1)); !errors.Is(err, ErrDatagramSize) {
			t.Errorf("too long: %v", err)
		}
		if err := w.a.SendDatagram([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		got, err := w.b.ReceiveDatagram(t.Context())
		if err != nil || string(got) != "hello" {
			t.Errorf("%q, %v", got, err)
		}
		if d, _, err := w.a.Ping(t.Context()); err != nil || d != 50*time.Millisecond {
			t.Errorf("ping: %v, %v", d, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := w.b.ReceiveDatagram(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting for nothing: %v", err)
		}
	})
}

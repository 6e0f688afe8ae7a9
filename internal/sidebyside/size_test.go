package main

import "testing"

func TestSize(t *testing.T) {
	for text, want := range map[string]size{"0": 0, "1000": 1000, "4K": 4096, "64M": 64 << 20, "1G": 1 << 30} {
		var s size
		if err := s.Set(text); err != nil || s != want || s.String() != text {
			t.Errorf("%q is %d, %q (%v), want %d", text, int64(s), s, err, want)
		}
	}
	for _, text := range []string{"", "M", "-1", "1MB", "9999999999G", "1.5G", "99999999999999999999"} {
		var s size
		if err := s.Set(text); err == nil {
			t.Errorf("%q is %d", text, int64(s))
		}
	}
}

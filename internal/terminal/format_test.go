package terminal

import (
	"math"
	"testing"
	"time"
)

func TestBytes(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0 B", 1: "1 B", 999: "999 B", 1000: "1.0 kB", 1536: "1.5 kB", -1536: "-1.5 kB",
		999_949: "999.9 kB", 999_950: "1.0 MB", 1 << 20: "1.0 MB", 1_000_000_000: "1.0 GB",
		2_330_000_000: "2.3 GB", 5_000_000_000_000: "5.0 TB", math.MaxInt64: "9.2 EB", math.MinInt64: "-9.2 EB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestRate(t *testing.T) {
	t.Parallel()
	for r, want := range map[float64]string{
		0: "0 B/s", -5: "0 B/s", 0.5: "0 B/s", 12.9: "12 B/s", 1.5e6: "1.5 MB/s",
		math.Inf(1): "4.6 EB/s", math.NaN(): "0 B/s",
	} {
		if got := Rate(r); got != want {
			t.Errorf("Rate(%g) = %q, want %q", r, got, want)
		}
	}
}

func TestLeft(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "1 s", 4400 * time.Millisecond: "4 s", 12 * time.Second: "12 s", 59600 * time.Millisecond: "1m00s",
	} {
		if got := Left(d); got != want {
			t.Errorf("Left(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0 µs", 85 * time.Microsecond: "85 µs", 1500 * time.Microsecond: "1.5 ms",
		12345 * time.Microsecond: "12.3 ms", 350 * time.Millisecond: "350 ms", time.Second: "1.0 s",
		59*time.Second + 999*time.Millisecond: "59 s", 9*time.Second + 999*time.Millisecond: "9.9 s", 10 * time.Second: "10 s", time.Minute: "1m00s", 123 * time.Second: "2m03s",
		62*time.Minute + 59*time.Second: "1h02m", 76 * time.Hour: "3d04h", -time.Minute: "-1m00s",
		math.MinInt64: "-106751d23h",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%d) = %q, want %q", d, got, want)
		}
	}
}

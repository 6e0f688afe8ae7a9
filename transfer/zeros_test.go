package transfer

import (
	"math/rand/v2"
	"testing"
)

// The table matches computed hashes. Hashing an entry takes a quarter of a second, so the test checks only one.
func TestZeroTable(t *testing.T) {
	t.Parallel()
	if len(zeroTable) != 512*hashSize || maxZeros != 512<<30 {
		t.Fatalf("%d bytes", len(zeroTable))
	}
	seen := make(map[cv]bool)
	for i := range int64(512) {
		seen[zeroHash(i<<zeroLevel, zeroLevel)] = true
	}
	if len(seen) != 512 {
		t.Errorf("%d different entries", len(seen))
	}
	if testing.Short() {
		t.Skip("takes a second")
	}
	i := rand.Int64N(512)
	l, r := zeroHash(i<<zeroLevel, zeroLevel-1), zeroHash(i<<zeroLevel+1<<(zeroLevel-1), zeroLevel-1)
	if joinCVs([]cv{l, r}) != zeroHash(i<<zeroLevel, zeroLevel) {
		t.Errorf("entry %d is wrong", i)
	}
}

// Joined parts have the same hashes as larger parts.
func TestJoinZeros(t *testing.T) {
	t.Parallel()
	const size = 1000*chunkSize + 77
	total := chunkCount(size)
	var parts []zeroPart
	first := int64(3)
	for _, level := range zeroParts(first, total, total) {
		for n := int64(0); n < 1<<level; n++ { // one by one
			z := zeroPart{first: first, hash: hashZeros(first, 0, size)}
			if !z.fits(total) {
				t.Fatalf("%+v", z)
			}
			parts = joinZeros(parts, z, total)
			first++
		}
	}
	first = 3
	for i, level := range zeroParts(first, total, total) {
		if parts[i] != (zeroPart{first, level, hashZeros(first, level, size)}) {
			t.Errorf("part %d is %+v", i, parts[i])
		}
		first += 1 << level
	}
	if first != total || len(parts) != len(zeroParts(3, total, total)) {
		t.Errorf("%d parts up to chunk %d", len(parts), first)
	}
	for _, z := range []zeroPart{{first: 1, level: 1}, {first: 0, level: 13}, {first: total - 1, level: 1}, {first: total}, {first: 2, level: 1}} {
		if z.fits(total) != (z == zeroPart{first: 2, level: 1}) {
			t.Errorf("%+v", z)
		}
	}
}

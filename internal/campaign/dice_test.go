package campaign

import (
	"math"
	"math/rand/v2"
	"time"
)

// Dice are a seed's chances. Nothing else in a schedule is by chance.
type dice struct{ *rand.Rand }

func newDice(seed uint64) dice { return dice{rand.New(rand.NewPCG(seed, 0x5eed))} }

// chance is true that often.
func (d dice) chance(p float64) bool { return d.Float64() < p }

// span draws a duration evenly.
func (d dice) span(from, to time.Duration) time.Duration {
	return from + time.Duration(d.Int64N(int64(to-from)+1)).Round(time.Millisecond)
}

// scale draws a number evenly on a logarithmic scale.
func (d dice) scale(from, to float64) float64 {
	return math.Exp(math.Log(from) + d.Float64()*(math.Log(to)-math.Log(from)))
}

// scaleSpan is scale of durations.
func (d dice) scaleSpan(from, to time.Duration) time.Duration {
	return time.Duration(d.scale(float64(from), float64(to))).Round(time.Millisecond)
}

// pick draws one of several.
func pick[T any](d dice, of ...T) T { return of[d.IntN(len(of))] }

// A share is a thing that is drawn in proportion to its weight.
type share[T any] struct {
	weight float64
	thing  T
}

// weigh draws one of several by weight.
func weigh[T any](d dice, of ...share[T]) T {
	sum := 0.0
	for _, s := range of {
		sum += s.weight
	}
	at := d.Float64() * sum
	for _, s := range of {
		if at -= s.weight; at < 0 {
			return s.thing
		}
	}
	return of[len(of)-1].thing
}

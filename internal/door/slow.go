package door

import "time"

// Guessing is slowed down by account and by address, never stopped for good: a
// lock that a stranger can turn is a way to keep an administrator out (S52).
const (
	// free failures cost nothing: people mistype.
	free = 5
	// longest a failure makes the next attempt wait.
	longest = 15 * time.Minute
)

// Wait is how long after the last of so many failures in a row the next attempt
// counts: 1 second after the sixth, twice as long after each further one, at most
// a quarter of an hour.
func Wait(failures int) time.Duration {
	if failures <= free {
		return 0
	}
	wait := time.Second
	for range min(failures-free-1, 20) {
		if wait *= 2; wait >= longest {
			return longest
		}
	}
	return wait
}

//go:build race

package runtime_test

// slower is how many times as long plain Go takes under the race detector.
const slower = 40

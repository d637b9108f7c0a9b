//go:build !amd64 || noasm

package kernel

func limitFMA(_ Impl, rounds int) { limitFMAGeneric(rounds) }

// flopsPerRound is the operations of a round of limitFMA.
func flopsPerRound(Impl) int { return 16 * 2 }

func limitRead(_ Impl, p []float32) { limitReadGeneric(p) }

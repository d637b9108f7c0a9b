package kernel

import (
	"sync"
	"time"
	"unsafe"
)

// Limits is what the machine can do at most, measured with as many goroutines as are asked for.
type Limits struct {
	FLOPS     float64 // float32 operations a second; a multiply-add is two
	Bandwidth float64 // bytes a second, read from memory beyond the caches
}

// MeasureLimits takes about a fifth of a second.
func MeasureLimits(set *Set, threads int) Limits {
	const rounds, bytes = 1 << 17, 64 << 20
	set = set.orBest()
	memory := make([][]float32, threads)
	for i := range memory {
		memory[i] = alignedFloats(bytes / floatBytes / threads)
		for j := range memory[i] {
			memory[i][j] = 1
		}
	}
	compute := fastest(threads, func(int) { set.limits.fma(rounds) })
	read := fastest(threads, func(i int) { set.limits.read((*byte)(unsafe.Pointer(&memory[i][0])), len(memory[i])*floatBytes/512) })
	return Limits{
		FLOPS:     float64(threads*set.limits.flopsPerRound*rounds) / compute.Seconds(),
		Bandwidth: float64(bytes/threads*threads) / read.Seconds(),
	}
}

// fastest is the least time of many in which do(0) … do(threads-1) were all done at once; the first ones raise the clock.
func fastest(threads int, do func(i int)) time.Duration {
	least := time.Hour
	for begin := time.Now(); time.Since(begin) < 80*time.Millisecond; {
		start := time.Now()
		var all sync.WaitGroup
		for i := 1; i < threads; i++ {
			all.Go(func() { do(i) })
		}
		do(0)
		all.Wait()
		least = min(least, time.Since(start))
	}
	return least
}

// limitFMAGeneric computes 16 multiply-adds a round.
//
//go:noinline
func limitFMAGeneric(rounds int) float32 {
	var s [8]float32
	x := float32(rounds) * 1e-20
	for range rounds {
		for range 2 {
			s[0] += x * x
			s[1] += x * x
			s[2] += x * x
			s[3] += x * x
			s[4] += x * x
			s[5] += x * x
			s[6] += x * x
			s[7] += x * x
		}
	}
	return s[0] + s[1] + s[2] + s[3] + s[4] + s[5] + s[6] + s[7]
}

//go:noinline
func limitReadGeneric(p *byte, rounds int) (sum uint64) {
	words := unsafe.Slice((*uint64)(unsafe.Pointer(p)), rounds*512/8)
	for len(words) >= 4 {
		sum += words[0] ^ words[1] ^ words[2] ^ words[3]
		words = words[4:]
	}
	return sum
}

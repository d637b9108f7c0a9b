//go:build !noasm

package kernel

import "runtime"

func nativeSets(generic *Set) []*Set { return []*Set{generic.extend("arm64-neon", neon)} }

// neon is NEON, which every arm64 processor has.
func neon(s *Set) {
	s.tile = tileKernel{run: tileNEON, pixels: 6, blocks: 1}
	s.dot.products = [3][2]dotVector{{dot1x1NEON, dot1x4NEON}, {dot2x1NEON, dot2x4NEON}, {dot4x1NEON, dot4x4NEON}}
	s.dot.lines = dotLinesNEON
	s.limits.fma, s.limits.flopsPerRound, s.limits.read = limitFMANEON, 24*4*2, limitReadNEON
}

// Processor tells processors apart for which other algorithms may be the fastest.
func Processor() string { return runtime.GOARCH }

// Command limits_arm64 generates what measures the machine for NEON: multiply-adds that wait for nothing, and reading.
package main

import "github.com/onnxrun/onnxrun/internal/kernel/_gen/arm64"

const p, rounds = arm64.R(0), arm64.R(1)

func main() {
	var f arm64.File
	f.Func("limitFMANEON", "(rounds int)", 8, "computes 24 independent multiply-adds of four elements a round.")
	f.Op("MOVD", "rounds+0(FP)", rounds)
	for v := range arm64.V(32) {
		f.Clear(v)
	}
	f.Label("products")
	for v := range arm64.V(24) {
		f.FMLA(v, 24, 25)
	}
	f.Op("SUBS", "$1", rounds)
	f.Op("BNE", "products")
	f.Op("RET")

	f.Func("limitReadNEON", "(p *byte, rounds int)", 16, "reads 512 bytes a round.")
	f.Op("MOVD", "p+0(FP)", p)
	f.Op("MOVD", "rounds+8(FP)", rounds)
	f.Label("read")
	for i := range arm64.V(16) {
		f.LoadPair(p, 2*i, 2*i+1)
	}
	f.Op("SUBS", "$1", rounds)
	f.Op("BNE", "read")
	f.Op("RET")
	f.Write()
}

//go:build !noasm

package kernel

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/cpu"
)

// Processor tells processors apart for which other algorithms may be the fastest.
func Processor() string {
	x := &cpu.X86
	return fmt.Sprintf("amd64 %v %v %v %v %d", x.HasAVX512F, x.HasAVX512VNNI, x.HasAVX512BF16, x.HasAMXTile, runtime.NumCPU()) + modelName()
}

// modelName is the processor's name where the system tells it.
func modelName() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if strings.HasPrefix(line, "model name") || strings.HasPrefix(line, "model\t") {
			return line
		}
	}
	return ""
}

func bestImpl() Impl {
	x := &cpu.X86
	switch {
	case x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL:
		return AVX512
	case x.HasAVX2 && x.HasFMA:
		return AVX2
	}
	return Generic
}

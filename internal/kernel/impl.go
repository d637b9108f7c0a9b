package kernel

import (
	"fmt"
	"strings"
)

// Impl names one set of implementations of the kernels. A kernel that an implementation does not have is computed by
// the next simpler one.
type Impl uint8

const (
	Auto    Impl = iota // the best that the processor has
	Generic             // plain Go
	AVX2                // AVX2 and FMA
	AVX512              // AVX-512 F, BW, DQ and VL
)

var implNames = [...]string{Auto: "auto", Generic: "generic", AVX2: "amd64-avx2", AVX512: "amd64-avx512"}

func (i Impl) String() string { return implNames[i] }

// ParseImpl returns the implementation of that name, "" being Auto; it fails where the processor does not have it.
func ParseImpl(name string) (Impl, error) {
	if name == "" {
		return Auto, nil
	}
	for i, n := range implNames {
		if n != name {
			continue
		}
		if Impl(i) > bestImpl() {
			return 0, fmt.Errorf("kernel: %s is not available on this machine, the best is %v", name, bestImpl())
		}
		return Impl(i), nil
	}
	return 0, fmt.Errorf("kernel: unknown implementation %q, expects one of %s", name, strings.Join(implNames[:], ", "))
}

// Impls lists the implementations that this machine has, the simplest first.
func Impls() []Impl {
	var all []Impl
	for i := Generic; i <= bestImpl(); i++ {
		all = append(all, i)
	}
	return all
}

// Resolve is the implementation that Auto stands for, and any other one itself; what the machine does not have becomes
// the best that it has.
func (i Impl) Resolve() Impl {
	if best := bestImpl(); i == Auto || i > best {
		return best
	}
	return i
}

package runtime

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/tensor"
)

// What a Loop or Scan stacks, and what it carries on, counts as it grows: a loop that never ends is ended by the limit.
func TestLoopGrowthIsBounded(t *testing.T) {
	for name, text := range map[string]string{
		"scan output": `graph "g" opset 21 (%x: float32[64]) -> (%y) {
  %go: bool[] = const true
  %m: int64[] = const 9223372036854775807
  %y = Loop{body=graph "b" (%i: int64[], %c: bool[], %v: float32[64]) -> (%c2, %s) {
    %c2 = Identity(%c) "c2"
    %s = Relu(%v) "s"
  }, captures=1}(%m, %go, %x) "loop"
}`,
		"scalars": `graph "g" opset 21 (%x: float32[1]) -> (%y) {
  %go: bool[] = const true
  %m: int64[] = const 9223372036854775807
  %y = Loop{body=graph "b" (%i: int64[], %c: bool[]) -> (%c2, %s) {
    %c2 = Identity(%c) "c2"
    %s = Identity(%i) "s"
  }}(%m, %go) "loop"
}`,
		"carried": `graph "g" opset 21 (%x: float32[64]) -> (%y) {
  %go: bool[] = const true
  %m: int64[] = const 9223372036854775807
  %y = Loop{body=graph "b" (%i: int64[], %c: bool[], %v: float32[?]) -> (%c2, %w) {
    %c2 = Identity(%c) "c2"
    %w = Concat{axis=0}(%v, %v) "w"
  }}(%m, %go, %x) "loop"
}`,
		"inside of the body": `graph "g" opset 21 (%x: float32[64]) -> (%y) {
  %go: bool[] = const true
  %m: int64[] = const 9223372036854775807
  %y = Loop{body=graph "b" (%i: int64[], %c: bool[], %v: float32[?]) -> (%c2, %w) {
    %c2 = Identity(%c) "c2"
    %axes: int64[1] = const [0]
    %many = Concat{axis=0}(%v, %v, %v, %v, %v, %v, %v, %v, %v, %v, %v, %v, %v, %v, %v, %v) "many"
    %sum = ReduceSum(%many, %axes) "sum"
    %both = Concat{axis=0}(%v, %sum) "both"
    %w = Concat{axis=0}(%both, %both) "w"
  }}(%m, %go, %x) "loop"
}`,
		"scan": `graph "g" opset 21 (%x: float32[64]) -> (%y) {
  %n: int64[2] = const [10000, 64]
  %long = Expand(%x, %n) "long"
  %y, %z = Scan{body=graph "b" (%v: float32[?], %e: float32[64]) -> (%w, %s) {
    %w = Concat{axis=0}(%v, %e) "w"
    %s = Relu(%e) "s"
  }, num_scan_inputs=1}(%x, %long) "scan"
}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := compileText(t, text, Options{MaxMemory: 4 << 20, Threads: 1})
			_, err := s.Run(t.Context(), tensor.New(tensor.Float32, s.Inputs()[0].Type().Shape[0].N))
			var mem *MemoryError
			require.ErrorAs(t, err, &mem)
			require.LessOrEqual(t, mem.Limit, 4<<20)
			require.Greater(t, mem.Need, mem.Limit)
		})
	}
}

// Values that lie in the same storage count once, and one that nobody reads any more does not count.
func TestAccount(t *testing.T) {
	var a account
	a.begin(1000, 5000)
	x := tensor.New(tensor.Float32, 500)
	require.NoError(t, a.keep(x, nil))
	require.Equal(t, 1000+2000+256, a.used)
	require.NoError(t, a.keep(x.Reshaped(5, 100), []*tensor.Tensor{x}))
	require.Equal(t, 1000+2000+256, a.used)
	var mem *MemoryError
	require.ErrorAs(t, a.keep(tensor.New(tensor.Float32, 500), nil), &mem)
	require.Equal(t, &MemoryError{Need: 1000 + 2*(2000+256), Limit: 5000}, mem)
	a.release(x)
	require.Equal(t, 1000+2000+256, a.used)
	a.release(x.Reshaped(5, 100))
	require.Equal(t, 1000, a.used)
	input := tensor.New(tensor.Float32, 10000)
	require.NoError(t, a.keep(input.Reshaped(100, 100), []*tensor.Tensor{input}))
	require.Equal(t, 1000, a.used)
}

// What only gives a dynamic value another shape takes no memory.
func TestSharedStorageIsNotCounted(t *testing.T) {
	s := compileText(t, `graph "g" opset 21 (%x: float32[1000], %n: int64[2]) -> (%y) {
  %flat: int64[1] = const [-1]
  %axes: int64[1] = const [0]
  %big = Expand(%x, %n) "big"
  %line = Reshape(%big, %flat) "line"
  %up = Unsqueeze(%line, %axes) "up"
  %down = Squeeze(%up, %axes) "down"
  %same = Identity(%down) "same"
  %drop = Dropout(%same) "drop"
  %at: int64[1] = const [999999]
  %y = Gather(%drop, %at) "y"
}`, Options{MaxMemory: 6 << 20, Threads: 1})
	x := tensor.New(tensor.Float32, 1000)
	for i := range tensor.Data[float32](x) {
		tensor.Data[float32](x)[i] = float32(i) - 500
	}
	out, err := s.Run(t.Context(), x, tensor.FromSlice([]int64{1000, 1000}, 2))
	require.NoError(t, err)
	require.Equal(t, float32(499), tensor.Data[float32](out[0])[0])
}

package ir_test

import (
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// Text from anywhere gives an error or a sound graph, which is printed and parsed to itself.
func FuzzParseIR(f *testing.F) {
	for _, text := range []string{
		`graph "lenet5" opset 17 (%x: float32[N,1,28,28]) -> (%y) {
  doc "d"
  meta "k" "v"
  %y: float32[N,1,28,28] = Relu(%x) "C1"
}`,
		`graph "" (%x: float32[N,1,2*N,?]) -> (%"a b") {
  %a: int64[1] = const [1]
  %"a b" = Squeeze(%x, %a)
}`,
		`graph "" () -> () { %a: float32[100] = const splat(-0.0) %h: float16[1] = const hex"0080" %s: string[2] = const ["", "\xff"] }`,
		`graph "" () -> () { %a: complex64[1] = const [(1.0, nan)] %b: int4[2] = const [-8, 7] %c: float8e5m2[1] = const [0x7f] %d: bool[] = const true }`,
		`graph "" (%c: bool[]) -> (%y) { %y = If{then_branch=graph "" () -> (%t) { %t: float32[] = const 1.0 }, else_branch=graph "" () -> (%t) { %t: float32[] = const 0x7fc00001 }}(%c) }`,
		`graph "" (%x: float32[...]) -> (%y) { %y = Cast{to=float16}(%x) () = Conv{pads=[1, 1], auto_pad="SAME_UPPER"}(%x, _, %x) "n" }`,
		`graph "" (%x: float32[2,3]) -> (%y) { %s: int64[2] = const [3, -1] %y = Reshape(%x, %s) }`,
		`graph "" (%x: float32[-1, ...]) // %`,
		`0`,
		`-`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		g, err := ir.Parse(text, ops.Lookup)
		if err != nil {
			return
		}
		if err := ir.Verify(g); err != nil {
			t.Fatal(err)
		}
		once := print(t, g)
		back, err := ir.Parse(once, ops.Lookup)
		if err != nil {
			t.Fatalf("%v in\n%s", err, once)
		}
		if twice := print(t, back); twice != once {
			t.Fatalf("printed\n%s\nparsed and printed again\n%s", once, twice)
		}
	})
}

func print(t *testing.T, g *ir.Graph) string {
	var s strings.Builder
	if err := ir.Print(&s, g, ir.PrintOptions{}); err != nil {
		t.Fatal(err)
	}
	return s.String()
}

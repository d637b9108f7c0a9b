package view_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/view"
)

// chromium opens a page in a headless browser, at an address (with its #), and returns the document as the script has
// made it.
func chromium(t *testing.T, page, hash string) string {
	t.Helper()
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed (Debian's package of that name)")
	}
	file := filepath.Join(t.TempDir(), "page.html")
	require.NoError(t, os.WriteFile(file, []byte(page), 0o644))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir="+t.TempDir(),
		"--window-size=1200,900", "--virtual-time-budget=2000", "--dump-dom", "file://"+filepath.ToSlash(file)+hash)
	cmd.WaitDelay = time.Second
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); !errors.Is(err, exec.ErrWaitDelay) { // it has ended well, and a child of its keeps standard error open
		require.NoError(t, err, errOut.String())
	}
	dom := out.String()
	require.True(t, strings.Contains(dom, "</html>"), errOut.String())
	return dom
}

// ask opens a page with one more script, which the page's policy is opened for, and returns what it computes.
func ask(t *testing.T, page, hash, script string, answer any) {
	t.Helper()
	page = regexp.MustCompile(`script-src 'sha256-[^']*'`).ReplaceAllString(page, "script-src 'unsafe-inline'")
	page = strings.Replace(page, "</body>", `<script>
addEventListener("load", () => {
  const node = (name, n = 0) => [...document.querySelectorAll(".node")].filter((g) => g.getAttribute("aria-label").split(/,? /)[1] === name)[n];
  const key = (target, key, more) => target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
  const world = (n = 0) => document.querySelectorAll(".canvas > g")[n].getAttribute("transform");
  const click = (target) => { for (const kind of ["pointerdown", "pointerup"]) target.dispatchEvent(new PointerEvent(kind, { bubbles: true, pointerId: 1, button: 0 })); };
  const panel = () => document.getElementById("panel").innerText;
  let answer;
  try { answer = (() => {`+script+`})(); } catch (e) { answer = "failed: " + e.stack; }
  document.body.append(Object.assign(document.createElement("pre"), { id: "answer", textContent: JSON.stringify(answer) }));
});
</script></body>`, 1)
	m := regexp.MustCompile(`(?s)<pre id="answer">(.*?)</pre>`).FindStringSubmatch(chromium(t, page, hash))
	require.NotNil(t, m, "the script did not run")
	text := html.UnescapeString(m[1])
	require.NoError(t, json.Unmarshal([]byte(text), answer), text)
}

func page(t *testing.T, graphs ...*ir.Graph) string {
	t.Helper()
	var models []*view.Model
	for _, g := range graphs {
		m, err := view.Describe(g, g.Name, false)
		require.NoError(t, err)
		models = append(models, m)
	}
	var b bytes.Buffer
	require.NoError(t, view.Write(&b, models...))
	return b.String()
}

func lenet(t *testing.T) *ir.Graph {
	g, err := importer.Open("../testdata/lenet5.onnx")
	require.NoError(t, err)
	return g
}

// The page as it is, under its own policy: the script runs and draws every node.
func TestPageInBrowser(t *testing.T) {
	dom := chromium(t, page(t, lenet(t)), "#C3")
	nodes := regexp.MustCompile(`<g [^>]*class="node [^>]*>`).FindAllString(dom, -1)
	require.Len(t, nodes, 15)
	require.Equal(t, 1, strings.Count(strings.Join(nodes, ""), " selected"))
	require.Regexp(t, `aria-label="Conv C3" class="node paint convolution selected"`, strings.Join(nodes, ""))
	_, panel, _ := strings.Cut(dom, "<aside")
	panel, _, _ = strings.Cut(panel, "</aside>")
	require.Contains(t, panel, `<h2>Conv</h2><p>C3</p>`)
	require.Contains(t, panel, `<th>MACs</th><td class="n">240,000</td><td class="n">57.6 %</td>`)
	require.Contains(t, panel, `float32 N×16×10×10`)
}

func TestPageAnswers(t *testing.T) {
	var got struct {
		Zoomed, Panned, Keyed, Fitted   bool
		Tab                             int
		Clicked, Hash, Hits, First      string
		Second, Third, Heat, Shown, Esc string
		Next, Down, Up                  string
	}
	ask(t, page(t, lenet(t)), "", `
  const got = {}, canvas = document.querySelector(".canvas"), start = world();
  canvas.dispatchEvent(new WheelEvent("wheel", { deltaY: -100, clientX: 300, clientY: 300, cancelable: true }));
  got.Zoomed = parseFloat(world().split("scale(")[1]) > parseFloat(start.split("scale(")[1]);
  let now = world();
  for (const [kind, x] of [["pointerdown", 100], ["pointermove", 150], ["pointermove", 190], ["pointerup", 190]])
    try { canvas.dispatchEvent(new PointerEvent(kind, { bubbles: true, pointerId: 1, button: 0, clientX: x, clientY: 300 })); } catch {}
  got.Panned = world() !== now;
  now = world();
  key(canvas, "ArrowDown");
  key(canvas, "+");
  got.Keyed = world() !== now;
  key(canvas, "0");
  key(document.body, "0");
  got.Fitted = world() === start;
  click(node("S2"));
  got.Clicked = panel();
  got.Hash = location.hash;
  const query = document.getElementById("query"), hits = () => document.getElementById("hits").textContent;
  query.value = "conv c";
  query.dispatchEvent(new InputEvent("input"));
  got.Hits = hits() + ", " + document.querySelectorAll(".hit").length + " marked";
  const enter = () => { document.getElementById("search").requestSubmit(); return hits() + " " + document.querySelector(".selected").getAttribute("aria-label"); };
  got.First = enter();
  got.Second = enter();
  key(query, "Enter", { shiftKey: true });
  got.Third = hits();
  [...document.querySelectorAll("#modes button")].find((b) => b.textContent === "MACs").click();
  got.Heat = node("C3").getAttribute("class") + " " + node("C3").querySelector(".facts").textContent;
  key(document.body, "Escape");
  got.Esc = panel().split("\n")[0] + document.querySelectorAll(".selected, .hit").length;
  node("C5").focus();
  key(node("C5"), "Enter");
  got.Tab = document.querySelectorAll('.node[tabindex="0"]').length;
  key(node("C5"), "ArrowDown");
  got.Down = document.activeElement.getAttribute("aria-label");
  key(document.activeElement, "ArrowUp");
  key(document.activeElement, "ArrowUp");
  got.Up = document.activeElement.getAttribute("aria-label");
  got.Next = panel().split("\n")[0] + location.hash;
  return got;`, &got)
	require.True(t, got.Zoomed && got.Panned && got.Keyed && got.Fitted, "%+v", got)
	require.Contains(t, got.Clicked, "AveragePool")
	require.Contains(t, got.Clicked, "kernel_shape")
	require.Contains(t, got.Clicked, "float32 N×6×14×14")
	require.Equal(t, "#S2", got.Hash)
	require.Equal(t, "3 hits, 3 marked", got.Hits)
	require.Equal(t, "1 of 3 Conv C1", got.First)
	require.Equal(t, "2 of 3 Conv C3", got.Second)
	require.Equal(t, "1 of 3", got.Third)
	require.Equal(t, "node paint heat h7 hit 240 k", got.Heat)
	require.Equal(t, "lenet50", got.Esc)
	require.Equal(t, "Conv#C5", got.Next)
	require.Equal(t, 1, got.Tab)
	require.Equal(t, []string{"Tanh C5/tanh", "AveragePool S4"}, []string{got.Down, got.Up})
}

// Two models: marks, the partner selected with a node, and views that go together.
func TestPairInBrowser(t *testing.T) {
	a, b := lenet(t), lenet(t)
	rw := ir.NewRewriter(b)
	for _, n := range b.Nodes() {
		if n.Name == "C1/tanh" {
			require.NoError(t, rw.SetNode(n, &ops.Relu{}, n.In(0)))
		}
		if n.Name == "C5/tanh" {
			require.NoError(t, rw.Replace(n.Out(0), n.In(0)))
		}
	}
	require.NoError(t, rw.Done())
	var got struct {
		Legend, Panel, Partner string
		Removed, Changed       int
		Linked, Apart          bool
	}
	ask(t, page(t, a, b), "", `
  const got = { Legend: document.getElementById("legend").innerText, Panel: "" };
  got.Removed = document.querySelectorAll(".node.removed").length;
  got.Changed = document.querySelectorAll(".node.changed").length;
  click(node("C1/tanh"));
  got.Panel = panel();
  got.Partner = [...document.querySelectorAll(".selected")].map((g) => g.getAttribute("aria-label")).join(", ");
  const before = world(1);
  key(document.querySelector(".canvas"), "+");
  got.Linked = world(1) !== before;
  document.getElementById("linked").checked = false;
  const apart = world(1);
  key(document.querySelector(".canvas"), "-");
  got.Apart = world(1) === apart;
  return got;`, &got)
	require.Equal(t, "11 unchanged ≠ 1 changed − 1 removed + 0 added", strings.Join(strings.Fields(got.Legend), " "))
	require.Equal(t, []int{1, 2}, []int{got.Removed, got.Changed})
	require.Contains(t, got.Panel, "operator: Tanh → Relu")
	require.Equal(t, "Tanh C1/tanh, changed, Relu C1/tanh, changed", got.Partner)
	require.True(t, got.Linked && got.Apart)
}

// Two graphs that are wider than the window begin where their inputs are.
func TestWidePairInBrowser(t *testing.T) {
	g := ir.NewGraph("wide")
	typ := ir.Type{DType: 1, Shape: ir.Dims(2, 3)}
	x, err := g.AddInput("x", typ)
	require.NoError(t, err)
	n, err := g.Append("relu", &ops.Relu{}, []*ir.Value{x}, []string{"y"})
	require.NoError(t, err)
	outputs := []*ir.Value{n.Out(0)}
	for i := range 30 {
		z, err := g.AddInput("z"+strconv.Itoa(i), typ)
		require.NoError(t, err)
		n, err := g.Append("", &ops.Tanh{}, []*ir.Value{z}, []string{g.FreshName("t")})
		require.NoError(t, err)
		outputs = append(outputs, n.Out(0))
	}
	g.SetOutputs(outputs...)
	var got [2]bool
	ask(t, page(t, g, g.Clone()), "", `
  return [...document.querySelectorAll(".canvas")].map((canvas, i) => {
    const pane = canvas.getBoundingClientRect(), box = node("x", i).getBoundingClientRect();
    return box.left >= pane.left && box.right <= pane.right;
  });`, &got)
	require.Equal(t, [2]bool{true, true}, got)
}

// Multiplications that cannot be counted are not compared.
func TestUncountedInBrowser(t *testing.T) {
	g, err := ir.Parse(`graph "g" opset 17 (%x: float32[N,3,H,W]) -> (%y) {
  %w: float32[4,3,1,1] = const splat(0.5)
  %y = Conv(%x, %w) "conv"
}`, ops.Lookup)
	require.NoError(t, err)
	var got [2]string
	ask(t, page(t, g, g.Clone()), "", `return [panel(), document.querySelector(".caption").innerText]`, &got)
	require.NotContains(t, got[0], "MACs")
	require.Contains(t, got[1], "≥ 0 MACs")
}

// A name is text, whatever it says.
func TestHostileNamesInBrowser(t *testing.T) {
	name := `</script><script>document.title="bad"</script><img src=x onerror=document.title="bad">`
	g := ir.NewGraph(name)
	x, err := g.AddInput(name, ir.Type{DType: 1, Shape: ir.Dims(2, 3)})
	require.NoError(t, err)
	n, err := g.Append(name, &ops.Relu{}, []*ir.Value{x}, []string{name + "2"})
	require.NoError(t, err)
	g.SetOutputs(n.Out(0))
	g.SetMeta(name, name)
	dom := chromium(t, page(t, g), "")
	require.Contains(t, dom, `<title>`+html.EscapeString(`</script>`))
	require.False(t, strings.Contains(dom, "<img"))
	require.Equal(t, 2, strings.Count(dom, "<script"))
	require.Equal(t, 3, strings.Count(dom, `class="node `))
}

// Of a great graph only what is in sight is drawn.
func TestGreatGraphInBrowser(t *testing.T) {
	var got struct {
		Lines, Band, Far int
		Found            string
	}
	big := page(t, lenet(t), great(t, 10_000))
	ask(t, big, "", `
  const canvas = document.querySelectorAll(".stage")[1], count = () => canvas.querySelectorAll(".node").length;
  const got = { Band: count() };
  document.getElementById("query").value = "r7777";
  search("r7777");
  nextHit(1);
  got.Found = canvas.querySelector(".selected").getAttribute("aria-label");
  document.getElementById("fit").click();
  got.Far = [...canvas.querySelectorAll(".far path.added")].length;
  got.Lines = count();
  return got;`, &got)
	require.Greater(t, got.Band, 10)
	require.Less(t, got.Band, 300)
	require.Equal(t, "Relu r7777, added", got.Found)
	require.Equal(t, 1, got.Far)
	require.Less(t, got.Lines, 600)
}

// great is a chain of n nodes with a branch at every third.
func great(t *testing.T, n int) *ir.Graph {
	g := ir.NewGraph("great")
	v, err := g.AddInput("x", ir.Type{DType: 1, Shape: ir.Dims(2, 3)})
	require.NoError(t, err)
	past := v
	for i := range n {
		var node *ir.Node
		if i%3 == 2 {
			node, err = g.Append("", &ops.Add{}, []*ir.Value{v, past}, []string{g.FreshName("v")})
		} else {
			node, err = g.Append("r"+strconv.Itoa(i), &ops.Relu{}, []*ir.Value{v}, []string{g.FreshName("v")})
		}
		require.NoError(t, err)
		if i%3 == 2 {
			past = node.Out(0)
		}
		v = node.Out(0)
	}
	g.SetOutputs(v)
	return g
}

// What stands around the drawing: selection, search, colours, legend and the panel of details.

/** The name of a node in an address. */
const address = (n) => (n.kind === "node" ? n.name : n.kind + ":" + n.name);

const isHit = (side, i) => state.marked.has(side + ":" + i);

/** Selects a node and its partner; −1 selects none. */
function select(side, i, bring) {
  const before = state.selected;
  if (i < 0) state.selected = null;
  else {
    state.selected = [-1, -1];
    state.selected[side] = i;
    if (pair) state.selected[1 - side] = mark(side, i).partner;
  }
  stages.forEach((stage, s) => {
    const now = state.selected ? state.selected[s] : -1;
    stage.highlight(now);
    if (before && before[s] >= 0) stage.repaint(before[s]);
    if (now >= 0) stage.repaint(now);
    if (now >= 0) stage.setCurrent(now);
    if (now >= 0 && bring) stage.center(now);
  });
  if (pair && bring && i >= 0 && mark(side, i).partner < 0 && $("linked").checked) follow(stages[side]);
  const hash = i < 0 ? "" : "#" + encodeURIComponent(address(data.models[side].nodes[i]));
  if (hash !== location.hash) history.replaceState(null, "", hash || location.pathname + location.search);
  showPanel();
}

/** Selects the node that the address names. */
function openAddress() {
  let name = location.hash.slice(1);
  try { name = decodeURIComponent(name); } catch { /* as it is */ }
  for (let side = data.models.length - 1; name && side >= 0; side--) {
    const i = data.models[side].nodes.findIndex((n) => address(n) === name);
    if (i >= 0) { select(side, i, true); return; }
  }
}

function fitAll(readable) {
  for (const s of stages) s.fit(readable);
  if (pair && readable) { // both begin alike
    const k = Math.min(...stages.map((s) => s.view.k));
    for (const s of stages) s.fit(readable, k);
  }
}

// Search.

function search(text) {
  const old = state.hits, words = text.toLowerCase().split(/\s+/).filter(Boolean);
  state.hits = [];
  state.marked = new Set();
  state.hit = -1;
  if (words.length) {
    data.models.forEach((m, side) => m.nodes.forEach((n, i) => {
      const where = [n.name, n.op, ...(n.outputs || []).map((v) => v.name)].join("\n").toLowerCase();
      if (words.every((w) => where.includes(w)) && !(side === 1 && mark(1, i).partner >= 0 && isHit(0, mark(1, i).partner))) {
        state.hits.push([side, i]);
        state.marked.add(side + ":" + i);
      }
    }));
  }
  for (const [s, i] of [...old, ...state.hits.slice(0, 5000)]) stages[s].repaint(i);
  tellHits();
}

function tellHits() {
  const n = state.hits.length;
  $("hits").textContent = !$("query").value.trim() ? "" : n === 0 ? "no hits" : state.hit < 0 ? n + (n === 1 ? " hit" : " hits") : `${state.hit + 1} of ${n}`;
}

function nextHit(step) {
  const n = state.hits.length;
  if (!n) return;
  state.hit = state.hit < 0 ? (step > 0 ? 0 : n - 1) : (state.hit + step + n) % n;
  select(...state.hits[state.hit], true);
  tellHits();
}

// Colours and their legend.

function setMode(name) {
  state.mode = name;
  if (modes[name].value) modes[name].most = greatest(modes[name]);
  for (const b of $("modes").children) {
    b.setAttribute("aria-checked", String(b.dataset.mode === name));
    b.tabIndex = b.dataset.mode === name ? 0 : -1;
  }
  for (const s of stages) s.recolour();
  showLegend();
  showPanel();
}

function showLegend() {
  const mode = modes[state.mode], legend = $("legend");
  const entry = (kind, text) => html("span", {}, html("i", { class: "swatch paint " + kind }), text);
  if (mode.value) {
    const ramp = html("span", { class: "ramp" });
    for (let i = 0; i < heats; i++) ramp.append(html("i", { class: "swatch paint heat h" + i }));
    legend.replaceChildren(html("span", {}, mode.label + ": 0", ramp, mode.text(mode.most)));
  } else if (state.mode === "changes") {
    legend.replaceChildren(...Object.keys(statusText).map((s) => entry(s, `${statusSign[s] || ""} ${data.comparison[s]} ${statusText[s]}`)));
  } else {
    const counts = new Map();
    for (const m of data.models) for (const n of m.nodes) if (n.kind === "node") counts.set(n.family, (counts.get(n.family) || 0) + 1);
    legend.replaceChildren(...[...counts].sort((a, b) => b[1] - a[1]).map(([f, c]) => entry(f, `${f} ${c}`)), entry("io", "input, output"));
  }
}

// The panel.

const jump = (side, i, text) => html("button", { class: "to", type: "button", onclick: () => select(side, i, true) }, text === undefined ? data.models[side].nodes[i].name : text);

/** A table of rows: of texts, the first in a row is its head, and those that look like numbers stand to the right. */
const table = (rows) => html("table", {}, ...rows.map((row) => html("tr", {}, ...row.map((cell, i) => {
  const number = i > 0 && typeof cell === "string" && /^[\d.,=+−]/.test(cell);
  return html(i === 0 && typeof cell === "string" ? "th" : "td", number ? { class: "n" } : {}, cell);
}))));

function showPanel() {
  const panel = $("panel");
  panel.replaceChildren();
  panel.scrollTop = 0;
  if (!state.selected) {
    if (pair) panel.append(...changesSummary());
    data.models.forEach((m, side) => panel.append(...modelSummary(m, side)));
    panel.append(html("h3", {}, "Keys"), html("p", { class: "dim" }, "/ search · Enter next hit · 0 fit · + − zoom · arrows move · Tab to the nodes, arrows from one to the next · Esc back to this page"));
    return;
  }
  const [a, b] = state.selected;
  if (pair && a >= 0 && b >= 0) {
    panel.append(...nodeHead(0, a), ...changesOf(a), html("h3", {}, "Before · " + data.models[0].title), ...nodeDetails(0, a), html("h3", {}, "After · " + data.models[1].title), ...nodeDetails(1, b));
  } else {
    const side = a >= 0 ? 0 : 1, i = Math.max(a, b === undefined ? -1 : b);
    panel.append(...nodeHead(side, i), ...nodeDetails(side, i));
  }
}

function nodeHead(side, i) {
  const n = data.models[side].nodes[i], m = mark(side, i);
  return [html("h2", {}, n.op), html("p", {}, n.name), m ? html("p", {}, html("span", { class: "badge " + m.status }, `${statusSign[m.status] || ""} ${statusText[m.status]}`)) : null].filter(Boolean);
}

function changesOf(i) {
  const m = mark(0, i);
  return m.changes ? [html("ul", {}, ...m.changes.map((c) => html("li", {}, c)))] : [];
}

/** The nearest node before one, along first inputs, that has a step in a run; −1 where there is none. */
function hostOf(stage, i) {
  const { nodes, lines } = stage.model;
  while (i >= 0 && !nodes[i].steps) i = stage.into[i].length ? lines[stage.into[i][0]].from : -1;
  return i;
}

function nodeDetails(side, i) {
  const m = data.models[side], n = m.nodes[i], stage = stages[side], out = [];
  const costs = [];
  if (n.macs) costs.push(["MACs", grouped(n.macs), percent(n.macs, m.macs)]);
  if (n.parameters) costs.push(["Parameters", grouped(n.parameters), percent(n.parameters, m.parameters)]);
  if (n.us) costs.push(["Time", duration(n.us), percent(n.us, m.us)]);
  if (n.us && n.macs) costs.push(["Rate", ((2 * n.macs) / n.us / 1e3).toFixed(1) + " GFLOP/s"]);
  if (costs.length) out.push(table(costs));
  for (const r of steps(m).flatMap((s) => s.rewrites)) if (n.kind === "node" && r.node === n.name) out.push(html("p", {}, "Approximated: " + rewriteText(r)));
  if (m.us && n.kind === "node") {
    if (n.steps) out.push(html("h3", {}, "Runs as"), table(n.steps.map((s) => [shortOp(s.op), s.algorithm, duration(s.us)])));
    else {
      const host = hostOf(stage, i);
      out.push(html("p", { class: "dim" }, "No step of its own: fused into a neighbour, folded, or free.", ...(host >= 0 ? [" The step before it is that of ", jump(side, host), "."] : [])));
    }
  }
  if (n.attributes) out.push(html("h3", {}, "Attributes"), table(n.attributes.map((a) => [a.name, html("code", {}, a.value)])));
  const values = (title, list, lines, end) => {
    if (!list) return;
    out.push(html("h3", {}, title));
    for (const v of list) {
      const near = lines.filter((l) => m.lines[l].value === v.name);
      const where = [...new Set(near.map((l) => m.lines[l][end]))];
      out.push(html("p", {}, v.role ? v.role + ": " : "", html("b", {}, v.name || "–"), html("br", {}), html("span", { class: "dim" }, v.type, v.constant ? (v.constant === "…" ? ", constant" : " = " + v.constant) : "")));
      if (where.length) out.push(html("p", {}, end === "from" ? "← " : "→ ", ...where.slice(0, 40).flatMap((w, k) => [k ? ", " : "", jump(side, w)]), where.length > 40 ? " …" : ""));
    }
  };
  values("Inputs", n.inputs, stage.into[i], "from");
  values("Outputs", n.outputs, stage.out[i], "to");
  return out;
}

const difference = (x, y) => (x && x !== y ? (y > x ? "+" : "−") + ((100 * Math.abs(y - x)) / x).toFixed(1) + " %" : "=");

function changesSummary() {
  const c = data.comparison, [a, b] = data.models, out = [html("h2", {}, "Before and after")];
  const short = (n) => (n < 1e5 ? grouped(n) : brief(n));
  const rows = [["Nodes", a.operators, b.operators], ["Parameters", a.parameters, b.parameters], ...(a.uncounted || b.uncounted ? [] : [["MACs", a.macs, b.macs]])];
  out.push(table([...(a.us && b.us ? [["Time", `${duration(a.us)} → ${duration(b.us)}`, difference(a.us, b.us)]] : []), ...rows.map(([what, x, y]) => [what, `${short(x)} → ${short(y)}`, difference(x, y)])]));
  for (const [status, side, marks] of [["changed", 0, c.before], ["removed", 0, c.before], ["added", 1, c.after]]) {
    const list = marks.flatMap((m, i) => (m.status === status ? [i] : []));
    if (!list.length) continue;
    const items = list.slice(0, 300).map((i) => html("li", {}, jump(side, i), html("span", { class: "dim" }, " " + data.models[side].nodes[i].op)));
    out.push(html("h3", {}, `${list.length} ${statusText[status]}`), html("ul", {}, ...items), list.length > 300 ? html("p", { class: "dim" }, "and more") : null);
  }
  return out.filter(Boolean);
}

function modelSummary(m, side) {
  const out = [html(pair ? "h3" : "h2", {}, m.title)];
  const facts = pair ? [["Opset", m.opset]] : [["Graph", m.name], ["Opset", m.opset], ["Nodes", grouped(m.operators) + (m.hidden ? `, ${grouped(m.hidden)} of them constant and not drawn` : "")], ["Parameters", grouped(m.parameters)], ["MACs", grouped(m.macs) + (m.uncounted ? `, and those of ${m.uncounted} nodes of unknown shape` : "")]];
  if (m.us && !pair) facts.push(["Time of a run", duration(m.us)]);
  if (m.us_elsewhere) facts.push(["Time outside of what is drawn", duration(m.us_elsewhere)]);
  out.push(table(facts.map(([a, b]) => [a, html("span", {}, String(b))])));
  m.nodes.forEach((n, i) => {
    if (n.kind !== "node") out.push(html("p", {}, n.op + " ", jump(side, i), html("span", { class: "dim" }, " " + (n.outputs || n.inputs)[0].type)));
  });
  out.push(...optimizations(m, side));
  if (!pair) out.push(...costliest(m, side), ...operators(m));
  return out.concat(metadata(m));
}

/** The nodes that cost most, by the mode where it is a cost. */
function costliest(m, side) {
  const mode = modes[state.mode].value ? modes[state.mode] : modes.macs, total = mode.total(m);
  if (!total) return [];
  const order = m.nodes.map((_, i) => i).filter((i) => mode.value(m.nodes[i]) > 0).sort((a, b) => mode.value(m.nodes[b]) - mode.value(m.nodes[a])).slice(0, 8);
  const most = mode.value(m.nodes[order[0]]);
  return [html("h3", {}, "Most " + (mode === modes.macs ? "MACs" : mode.label.toLowerCase())), html("table", {}, ...order.flatMap((i) => {
    const v = mode.value(m.nodes[i]), bar = html("div", { class: "bar " + m.nodes[i].family });
    bar.style.width = (100 * v) / most + "%";
    const cell = (text) => html("td", { class: "n" }, text);
    return [html("tr", {}, html("td", {}, jump(side, i)), cell(mode.text(v)), cell(percent(v, total))), html("tr", {}, html("td", { colspan: 3 }, bar))];
  }))];
}

function operators(m) {
  const counts = new Map();
  for (const n of m.nodes) if (n.kind === "node") counts.set(n.op, (counts.get(n.op) || 0) + 1);
  const find = (op) => html("button", { class: "to", type: "button", title: "Search for " + op, onclick: () => { $("query").value = op; search(op); nextHit(1); } }, op);
  return [html("h3", {}, "Operators"), table([...counts].sort((a, b) => b[1] - a[1]).map(([op, n]) => [find(op), grouped(n)]))];
}

/** What onnxrun optimize has done to a model, as the model says itself: a list of {level, passes, rewrites}. */
function steps(m) {
  try {
    return JSON.parse(m.metadata.find(({ key }) => key === "onnxrun.passes").value).map(({ level, passes, rewrites }) => ({ level: String(level), passes: [...(passes || [])], rewrites: [...(rewrites || [])] }));
  } catch {
    return []; // it says nothing, or nothing that this page understands
  }
}

function optimizations(m, side) {
  return steps(m).flatMap(({ level, passes, rewrites }) => [
    html("h3", {}, "Optimized with " + level),
    table(passes.map((p) => [String(p.pass), String(p.hits)])),
    ...rewrites.map((r) => {
      const where = data.models.map((m) => m.nodes.findIndex((n) => n.kind === "node" && n.name === r.node));
      const at = where[side] >= 0 ? side : where.findIndex((i) => i >= 0);
      return html("p", {}, at >= 0 ? jump(at, where[at]) : String(r.node), html("span", { class: "dim" }, " " + rewriteText(r)));
    }),
  ]);
}

/** An approximated layer in words. */
function rewriteText(r) {
  const parts = [r.form, r.ranks && r.ranks.length ? "rank " + r.ranks.join(", ") : "", r.error > 0 ? `error ${(100 * r.error).toPrecision(3)} %` : ""];
  if (r.macs_before !== r.macs_after) parts.push(`MACs ${brief(r.macs_before)} → ${brief(r.macs_after)}`);
  return parts.filter(Boolean).join(", ");
}

function metadata(m) {
  if (!m.metadata) return [];
  return [html("h3", {}, "Metadata"), ...m.metadata.map(({ key, value }) => {
    let text = value;
    try { text = JSON.stringify(JSON.parse(value), null, 1); } catch { /* not JSON */ }
    return html("details", {}, html("summary", {}, key), html("pre", {}, text.length > 20000 ? text.slice(0, 20000) + "…" : text));
  })];
}

// Beginning.

function start() {
  $("main").replaceChildren(...stages.map((s) => s.root));
  $("link").hidden = !pair;
  for (const [name, mode] of Object.entries(modes)) {
    const b = html("button", { type: "button", role: "radio", title: "Colour by " + mode.label, onclick: () => setMode(name) }, mode.label);
    b.dataset.mode = name;
    $("modes").append(b);
  }
  $("modes").addEventListener("keydown", (e) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (!step) return;
    const all = [...$("modes").children], b = all[(all.findIndex((x) => x.tabIndex === 0) + step + all.length) % all.length];
    b.click();
    b.focus();
  });
  $("search").addEventListener("submit", (e) => { e.preventDefault(); nextHit(1); });
  $("query").addEventListener("input", (e) => search(e.target.value));
  $("query").addEventListener("keydown", (e) => {
    if (e.key === "Enter" && e.shiftKey) { e.preventDefault(); nextHit(-1); }
  });
  $("in").addEventListener("click", () => stages.forEach((s) => s.zoom(1.25)));
  $("out").addEventListener("click", () => stages.forEach((s) => s.zoom(0.8)));
  $("fit").addEventListener("click", () => fitAll());
  addEventListener("keydown", (e) => {
    if (e.key === "Escape") {
      $("query").value = "";
      search("");
      select(0, -1);
    }
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input")) return;
    if (e.key === "/") $("query").focus();
    else if (e.key === "0") fitAll();
    else return;
    e.preventDefault();
  });
  addEventListener("hashchange", openAddress);
  addEventListener("resize", () => {
    if (state.moved) stages.forEach((s) => s.show());
    else begin();
  });
  for (const e of ["pointerdown", "wheel", "keydown"]) addEventListener(e, () => { state.moved = true; }, { capture: true, passive: true });
  setMode(state.mode);
  begin();
}

/** The view that a page opens with. */
function begin() {
  fitAll(true);
  openAddress();
}

start();

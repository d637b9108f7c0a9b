"use strict";
// The script of a page: it draws the models that the element #data holds, whose names are foreign and go into the page as
// text only.

const data = JSON.parse(document.getElementById("data").textContent);
const pair = data.models.length === 2;
const heats = 8;                       // steps of colour
const nearScale = 0.34;                // below it boxes are drawn without text
const smallGraph = 500;                // nodes; greater graphs are drawn where they are seen
const bandHeight = 1600;
const mapFrom = 40;                    // nodes; smaller graphs need no overview
const statusText = { same: "unchanged", changed: "changed", removed: "removed", added: "added" };
const statusSign = { changed: "≠", removed: "−", added: "+" };

const $ = (id) => document.getElementById(id);

/** An HTML element with properties and children, texts among them. */
function html(tag, props, ...children) {
  const e = document.createElement(tag);
  for (const [key, value] of Object.entries(props || {})) {
    if (key.startsWith("on")) e.addEventListener(key.slice(2), value);
    else if (key === "class") e.className = value;
    else e.setAttribute(key, value);
  }
  e.append(...children.filter((c) => c !== null && c !== undefined));
  return e;
}

/** An SVG element with attributes and children. */
function svg(tag, attrs, ...children) {
  const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attrs || {})) e.setAttribute(key, value);
  e.append(...children);
  return e;
}

const grouped = (n) => Math.round(n).toLocaleString("en");

/** 724406816 as 724 M. */
function brief(n) {
  for (const [unit, size] of [["G", 1e9], ["M", 1e6], ["k", 1e3]]) {
    if (n >= size) return (n / size).toPrecision(3).replace(/\.?0+$/, (z) => (z.startsWith(".") ? "" : z)) + " " + unit;
  }
  return String(Math.round(n));
}

const duration = (us) => (us >= 1e6 ? (us / 1e6).toPrecision(3) + " s" : us >= 1e3 ? (us / 1e3).toPrecision(3) + " ms" : us.toFixed(1) + " µs");
const percent = (part, whole) => (whole > 0 ? ((100 * part) / whole).toFixed(1) + " %" : "");
/** A text cut in the middle to what a width has room for. */
function shorten(text, width, font) {
  if (text.length > 300) text = text.slice(0, 150) + "…" + text.slice(-149);
  pen.font = font + " " + fontFamily;
  if (pen.measureText(text).width <= width) return text;
  let [least, most] = [0, Math.min(text.length, 200)];
  const cut = (n) => text.slice(0, Math.ceil(n / 3)) + "…" + text.slice(text.length - Math.floor((2 * n) / 3));
  while (most - least > 1) {
    const n = (least + most) >> 1;
    if (pen.measureText(cut(n)).width <= width) least = n;
    else most = n;
  }
  return least ? cut(least) : "";
}
const fontFamily = getComputedStyle(document.body).fontFamily;
const pen = document.createElement("canvas").getContext("2d");
const shortOp = (op) => op.slice(op.lastIndexOf(".") + 1);

/** What nodes can be coloured by. */
const modes = {
  operator: { label: "Operator" },
  changes: { label: "Changes" },
  macs: { label: "MACs", value: (n) => n.macs || 0, text: brief, total: (m) => m.macs },
  parameters: { label: "Parameters", value: (n) => n.parameters || 0, text: (v) => brief(v), total: (m) => m.parameters },
  time: { label: "Time", value: (n) => n.us || 0, text: duration, total: (m) => m.us },
};
const timed = data.models.some((m) => m.us);
if (!pair) delete modes.changes;
if (!timed) delete modes.time;

const state = { mode: pair ? "changes" : timed ? "time" : "operator", selected: null, hits: [], marked: new Set(), hit: -1 };

const mark = (side, i) => (pair ? (side === 0 ? data.comparison.before : data.comparison.after)[i] : null);

/** The greatest value of a mode over all nodes of all models. */
function greatest(mode) {
  let most = 0;
  for (const m of data.models) for (const n of m.nodes) most = Math.max(most, mode.value(n));
  return most;
}

/** The classes that colour a node. */
function paint(side, i) {
  const mode = modes[state.mode], n = data.models[side].nodes[i];
  if (state.mode === "operator") return "paint " + n.family;
  if (state.mode === "changes") return "paint " + mark(side, i).status;
  const v = mode.value(n);
  return "paint heat h" + (v > 0 ? Math.max(1, Math.ceil(Math.sqrt(v / mode.most) * (heats - 1))) : 0);
}

/** One model's drawing. */
class Stage {
  constructor(model, side) {
    this.model = model;
    this.side = side;
    this.view = { k: 1, x: 0, y: 0 };   // screen = k·world + (x, y)
    this.elements = [];                 // of nodes that have been drawn
    this.current = 0;                   // the node that Tab goes to
    this.bands = [];
    this.far = svg("g", { class: "far" });
    this.wires = svg("g");
    this.glow = svg("g");                // the lines of the selected node
    this.cards = svg("g");
    this.near = svg("g", { class: "near" }, this.wires, this.glow, this.cards);
    this.world = svg("g", {}, this.far, this.near);
    this.canvas = svg("svg", { class: "canvas", tabindex: 0, role: "group", "aria-label": "Graph of " + model.title + ": arrow keys move, + and − zoom, Tab goes to the nodes, and arrow keys from one to the next" }, this.world);
    this.frame = svg("rect", { class: "frame" });
    this.overview = svg("g");
    this.map = svg("svg", { class: "map", preserveAspectRatio: "none", viewBox: `0 0 ${model.width} ${model.height}`, "aria-hidden": "true" }, this.overview, this.frame);
    if (model.nodes.length < mapFrom) this.map.style.display = "none";
    this.map.append(svg("title", {}, "Overview: drag to move"));
    this.root = html("section", { class: "stage", "aria-label": model.title }, this.caption(), html("div", { class: "field" }, this.canvas, this.map));
    this.sortIntoBands();
    listen(this);
  }

  caption() {
    const m = this.model, hidden = m.hidden ? ` (${grouped(m.hidden)} constant, not drawn)` : "";
    const words = [`${grouped(m.operators)} nodes${hidden}`, `${brief(m.parameters)} parameters`, `${m.uncounted ? "≥ " : ""}${brief(m.macs)} MACs`];
    if (m.us) words.push(duration(m.us) + " a run");
    const e = html("div", { class: "caption" }, html("b", {}, m.title), ...words.map((w) => html("span", {}, w)));
    e.title = `${grouped(m.parameters)} parameters, ${grouped(m.macs)} multiply-accumulates`;
    return e;
  }

  /** Groups nodes and lines by height, so that great graphs are drawn in parts. Long lines are in band −1. */
  sortIntoBands() {
    const m = this.model, height = m.nodes.length > smallGraph ? bandHeight : Infinity;
    const count = Math.floor(m.height / height) + 1 || 1;
    for (let b = 0; b < count; b++) this.bands.push({ nodes: [], lines: [], parts: null });
    this.long = [];
    const band = (y) => Math.min(count - 1, Math.max(0, Math.floor(y / height)));
    m.boxes.forEach((box, i) => this.bands[band(box[1])].nodes.push(i));
    const free = new Set(m.free);
    m.segments.forEach((s, i) => {
      if (free.has(i)) return;
      const a = band(s[2]), z = band(s[s.length - 1]);
      (z - a > 1 ? this.long : this.bands[a].lines).push(i);
    });
    this.out = m.nodes.map(() => []);
    this.into = m.nodes.map(() => []);
    m.lines.forEach((l, i) => { this.out[l.from].push(i); this.into[l.to].push(i); });
    this.ends = new Set(m.lines.map((l) => l.segment));
    const wire = (kind, segments) => svg("path", { class: "wire " + kind, d: segments.map((i) => this.path(i)).join("") });
    this.wires.append(wire("free", [...free]), wire("long", this.long));
  }

  /** A segment as a path: bows between ranks, straight lines where it passes them. */
  path(i) {
    const p = this.model.segments[i];
    let d = `M${p[1]} ${p[2]}`;
    for (let k = 3; k < p.length; k += 2) {
      const [x0, y0, x1, y1] = [p[k - 2], p[k - 1], p[k], p[k + 1]];
      if (x0 === x1) { d += `V${y1}`; continue; }
      const bow = Math.min((y1 - y0) / 2, 60);
      d += `C${x0} ${y0 + bow} ${x1} ${y1 - bow} ${x1} ${y1}`;
    }
    return d;
  }

  tip(i) {
    const p = this.model.segments[i];
    return `M${p[p.length - 2]} ${p[p.length - 1]}l-3.6 -7h7.2z`;
  }

  drawBand(band) {
    const wires = band.lines.map((i) => this.path(i)).join(""), tips = band.lines.filter((i) => this.ends.has(i)).map((i) => this.tip(i)).join("");
    const cards = svg("g");
    for (const i of band.nodes) if (this.model.flows[i]) cards.append(this.flow(i));
    for (const i of band.nodes) cards.append(this.node(i));
    band.parts = [svg("g", {}, svg("path", { class: "wire", d: wires }), svg("path", { class: "tip", d: tips })), cards];
    this.wires.append(band.parts[0]);
    this.cards.append(cards);
  }

  /** The shape that goes on from a node. */
  flow(i) {
    const [x, y, w, h] = this.model.boxes[i];
    return svg("text", { class: "flow", x: x + w / 2 + 7, y: y + h + 16 }, this.model.flows[i]);
  }

  node(i) {
    const n = this.model.nodes[i], [x, y, w, h] = this.model.boxes[i], m = mark(this.side, i);
    const label = `${n.op} ${n.name}`;
    const g = svg("g", { transform: `translate(${x} ${y})`, tabindex: i === this.current ? 0 : -1, role: "button", "aria-label": label + (m ? ", " + statusText[m.status] : "") },
      svg("title", {}, label + (n.outputs && n.outputs[0] ? "\n" + n.outputs[0].type : "")),
      svg("rect", { class: "card", width: w, height: h, rx: 7 }),
      svg("path", { class: "stripe", d: `M6 0V${h}a6 6 0 0 1-6-6V6a6 6 0 0 1 6-6z` }),
      svg("text", { class: "op", x: 14, y: 18 }),
      svg("text", { class: "facts", x: w - 9, y: 18 }),
      svg("text", { class: "name", x: 14, y: 35 }, shorten(n.name, w - (pair ? 38 : 22), "11px")),
      svg("text", { class: "sign", x: w - 9, y: 36 }, (m && statusSign[m.status]) || ""));
    this.elements[i] = g;
    this.repaint(i);
    return g;
  }

  /** Gives a node the colours and the words of the mode. */
  repaint(i) {
    const g = this.elements[i];
    if (!g) return;
    const n = this.model.nodes[i], mode = modes[state.mode], width = this.model.boxes[i][2];
    const s = state.selected;
    g.setAttribute("class", "node " + paint(this.side, i) + (isHit(this.side, i) ? " hit" : "") + (s && s[this.side] === i ? " selected" : ""));
    let facts = n.facts || "";
    if (mode.value) facts = mode.value(n) ? mode.text(mode.value(n)) : "";
    const [, , , opText, factsText] = g.children;
    opText.textContent = shorten(shortOp(n.op), width - 24, "600 13px");
    const room = width - 31 - pen.measureText(opText.textContent).width;
    factsText.textContent = shorten(facts, room, "11px");
  }

  /** Colours everything anew. */
  recolour() {
    this.elements.forEach((_, i) => this.repaint(i));
    const shapes = new Map();
    this.model.boxes.forEach(([x, y, w, h], i) => {
      const kind = paint(this.side, i);
      shapes.set(kind, (shapes.get(kind) || "") + `M${x} ${y}h${w}v${h}h${-w}z`);
    });
    const paths = () => [...shapes].map(([kind, d]) => svg("path", { class: kind, d }));
    this.overview.replaceChildren(...paths());
    this.far.replaceChildren(svg("path", { class: "wire", d: this.model.segments.map((_, i) => this.path(i)).join("") }), ...paths());
  }

  size() { return [this.canvas.clientWidth || 800, this.canvas.clientHeight || 600]; }

  /** Shows what the view says, drawing what has come into sight. */
  show() {
    const { k, x, y } = this.view, [w, h] = this.size();
    const near = k >= nearScale || this.model.nodes.length <= smallGraph && k >= nearScale / 2;
    this.world.setAttribute("transform", `translate(${x} ${y}) scale(${k})`);
    this.near.style.display = near ? "" : "none";
    this.far.style.display = near ? "none" : "";
    const top = -y / k, bottom = (h - y) / k;
    this.bands.forEach((band, b) => {
      const seen = near && (this.bands.length === 1 || (b + 2) * bandHeight > top && b * bandHeight < bottom + 200);
      if (seen && !band.parts) this.drawBand(band);
      for (const part of band.parts || []) part.style.display = seen ? "" : "none";
    });
    for (const [name, value] of Object.entries({ x: -x / k, y: top, width: w / k, height: h / k })) this.frame.setAttribute(name, value);
  }

  /** Sets the view, within reason, and lets the other stage follow. */
  move(k, x, y, alone) {
    const [w, h] = this.size(), m = this.model;
    k = Math.min(4, Math.max(Math.min(0.02, h / m.height / 2), k));
    this.view = { k, x: Math.min(w - 40, Math.max(40 - k * m.width, x)), y: Math.min(h - 40, Math.max(40 - k * m.height, y)) };
    this.show();
    if (!alone && pair && $("linked").checked) follow(this);
  }

  zoom(factor, px, py) {
    const [w, h] = this.size(), { k, x, y } = this.view;
    if (px === undefined) [px, py] = [w / 2, h / 2];
    const to = Math.min(4, Math.max(Math.min(0.02, h / this.model.height / 2), k * factor));
    this.move(to, px - ((px - x) * to) / k, py - ((py - y) * to) / k);
  }

  pan(dx, dy) { this.move(this.view.k, this.view.x + dx, this.view.y + dy); }

  /** Shows all of the graph, or, to start with, as much of its beginning as can be read, or as a scale allows. */
  fit(readable, scale) {
    const [w, h] = this.size(), m = this.model, room = w - 100;
    const whole = Math.min(1.25, room / m.width, (h - 40) / m.height);
    const k = scale || (readable && whole < 0.5 ? Math.min(1, Math.max(0.65, room / m.width)) : whole);
    let x = 20 + (room - k * m.width) / 2, y = Math.max(20, (h - k * m.height) / 2);
    if (scale || k > whole) {
      const first = m.boxes[0] || [0, 0, 0, 0];
      if (k * m.width > room) x = w / 2 - k * (first[0] + first[2] / 2);
      y = 20;
    }
    this.move(k, x, y, true);
  }

  /** Brings a node into the middle. */
  center(i) {
    const [w, h] = this.size(), [x, y, bw, bh] = this.model.boxes[i], k = Math.max(this.view.k, 0.7);
    this.move(k, w / 2 - 20 - k * (x + bw / 2), h / 2 - k * (y + bh / 2), true);
  }

  sees(i) {
    const [w, h] = this.size(), [x, y, bw, bh] = this.model.boxes[i], v = this.view;
    return v.k >= nearScale && v.k * x + v.x >= 0 && v.k * (x + bw) + v.x <= w && v.k * y + v.y >= 0 && v.k * (y + bh) + v.y <= h;
  }

  /** The node that an arrow key goes to from another: along a line, or beside it; −1 where there is none. */
  neighbour(i, key) {
    const { boxes, lines } = this.model, middle = (j) => boxes[j][0] + boxes[j][2] / 2, far = (j) => Math.abs(middle(j) - middle(i));
    const list = { ArrowUp: () => this.into[i].map((l) => lines[l].from), ArrowDown: () => this.out[i].map((l) => lines[l].to) }[key];
    const beside = (side) => boxes.flatMap((b, j) => (b[1] === boxes[i][1] && Math.sign(middle(j) - middle(i)) === side ? [j] : []));
    const found = list ? list() : beside(key === "ArrowRight" ? 1 : -1);
    return found.reduce((best, j) => (best < 0 || far(j) < far(best) ? j : best), -1);
  }

  /** Makes a node the one that Tab goes to. */
  setCurrent(i) {
    const old = this.elements[this.current];
    if (old) old.setAttribute("tabindex", -1);
    this.current = i;
    if (this.elements[i]) this.elements[i].setAttribute("tabindex", 0);
  }

  focusNode(i) {
    if (!this.sees(i)) this.center(i);
    this.setCurrent(i);
    if (this.elements[i]) this.elements[i].focus();
  }

  /** Draws the lines of the selected node over the others. */
  highlight(i) {
    this.glow.replaceChildren();
    if (i === undefined || i < 0) return;
    const draw = (lines, kind) => {
      const segments = new Set();
      for (const l of lines) for (let s = this.model.lines[l].segment; s >= 0; s = this.model.segments[s][0]) segments.add(s);
      this.glow.append(svg("path", { class: "wire " + kind, d: [...segments].map((s) => this.path(s)).join("") }));
    };
    draw(this.into[i], "in");
    draw(this.out[i], "out");
  }
}

/** Moves the other stage so that the partner of the node in the middle of this one is where that node is. */
function follow(stage) {
  const other = stages[1 - stage.side], { k, x, y } = stage.view, [w, h] = stage.size();
  let best = -1, least = Infinity;
  stage.model.boxes.forEach((b, i) => {
    const d = Math.hypot(k * (b[0] + b[2] / 2) + x - w / 2, 2 * (k * (b[1] + b[3] / 2) + y - h / 2));
    if (d < least && mark(stage.side, i).partner >= 0) [best, least] = [i, d];
  });
  if (best < 0) { other.move(k, x, y, true); return; }
  const a = stage.model.boxes[best], b = other.model.boxes[mark(stage.side, best).partner];
  other.move(k, x + k * (a[0] + a[2] / 2 - b[0] - b[2] / 2), y + k * (a[1] - b[1]), true);
}

/** Mouse, touch, wheel and keys of a stage. */
function listen(stage) {
  const { canvas, map } = stage, pointers = new Map();
  let moved = 0, pressed = null;
  const at = (e) => { const r = canvas.getBoundingClientRect(); return [e.clientX - r.left, e.clientY - r.top]; };
  const nodeOf = (target) => { const g = target.closest && target.closest(".node"); return g ? stage.elements.indexOf(g) : -1; };
  canvas.addEventListener("wheel", (e) => {
    e.preventDefault();
    const unit = e.deltaMode === 1 ? 16 : 1;
    if (e.shiftKey || e.deltaX) stage.pan(-(e.deltaX || e.deltaY) * unit, e.deltaX ? -e.deltaY * unit : 0);
    else stage.zoom(Math.exp(-Math.max(-240, Math.min(240, e.deltaY * unit)) * 0.0022), ...at(e));
  }, { passive: false });
  canvas.addEventListener("pointerdown", (e) => {
    if (e.button) return;
    pointers.set(e.pointerId, at(e));
    if (pointers.size === 1) [moved, pressed] = [0, e.target];
  });
  canvas.addEventListener("pointermove", (e) => {
    const before = pointers.get(e.pointerId);
    if (!before) return;
    const now = at(e), others = [...pointers].filter(([id]) => id !== e.pointerId).map(([, p]) => p);
    moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
    if (moved > 4 && !canvas.hasPointerCapture(e.pointerId)) { canvas.setPointerCapture(e.pointerId); canvas.classList.add("drag"); }
    if (moved > 4 && others.length === 0) stage.pan(now[0] - before[0], now[1] - before[1]);
    if (others.length === 1) {
      const o = others[0], d = (p) => Math.max(1, Math.hypot(p[0] - o[0], p[1] - o[1]));
      stage.zoom(d(now) / d(before), (now[0] + o[0]) / 2, (now[1] + o[1]) / 2);
      stage.pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
    }
    pointers.set(e.pointerId, now);
  });
  const release = (e) => {
    const known = pointers.delete(e.pointerId);
    if (pointers.size) return;
    canvas.classList.remove("drag");
    if (known && e.type === "pointerup" && moved <= 4) select(stage.side, nodeOf(pressed));
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const node = nodeOf(e.target), way = { ArrowUp: [0, 80], ArrowDown: [0, -80], ArrowLeft: [80, 0], ArrowRight: [-80, 0], PageUp: [0, 500], PageDown: [0, -500] }[e.key];
    if (node >= 0 && e.key.startsWith("Arrow")) {
      const next = stage.neighbour(node, e.key);
      if (next >= 0) stage.focusNode(next);
    } else if (way) stage.pan(...way);
    else if ((e.key === "Enter" || e.key === " ") && node >= 0) select(stage.side, node);
    else if (e.key === "+" || e.key === "=") stage.zoom(1.25);
    else if (e.key === "-") stage.zoom(0.8);
    else if (e.key === "0") fitAll();
    else return;
    e.preventDefault();
    e.stopPropagation();
  });
  canvas.addEventListener("focusin", (e) => {
    const node = nodeOf(e.target);
    if (node >= 0 && !pointers.size && !stage.sees(node)) stage.center(node);
  });
  const jump = (e) => {
    if (!e.buttons) return;
    const r = map.getBoundingClientRect(), [w, h] = stage.size(), { k } = stage.view;
    stage.move(k, w / 2 - (k * stage.model.width * (e.clientX - r.left)) / r.width, h / 2 - (k * stage.model.height * (e.clientY - r.top)) / r.height);
  };
  map.addEventListener("pointerdown", (e) => { map.setPointerCapture(e.pointerId); jump(e); });
  map.addEventListener("pointermove", jump);
}

const stages = data.models.map((m, side) => new Stage(m, side));

// The tree of states: a line with branches, the newest to the right. Each state is a button.
const SVG = "http://www.w3.org/2000/svg";
const COLUMN = 96;
const LANE = 44;
const LEFT = 48;
const TOP = 32;

function make(tag, attributes, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function middle(name, length) {
  if (name.length <= length) return name;
  const end = Math.ceil((length - 1) * 0.6);
  return `${name.slice(0, length - 1 - end)}…${name.slice(-end)}`;
}

function edge([x1, y1], [x2, y2]) {
  if (y1 === y2) return `M${x1} ${y1}H${x2}`;
  const bend = x1 + COLUMN;
  return `M${x1} ${y1}C${x1 + 48} ${y1} ${bend - 48} ${y2} ${bend} ${y2}H${x2}`;
}

function render({ model, el }) {
  el.classList.add("pl-history");
  const place = (node) => [LEFT + node.column * COLUMN, TOP + node.lane * LANE];

  function dot(node, leaf) {
    const [x, y] = place(node);
    const here = node.id === model.get("current");
    const group = make("g", {
      class: here ? "pl-state pl-here" : "pl-state", role: "button", tabindex: 0, "data-state": node.id,
      "aria-label": node.told, ...(here ? { "aria-current": "true" } : {}),
    });
    group.append(
      make("title", {}, node.told),
      make("circle", { class: "pl-target", cx: x, cy: y, r: 14 }),
      make("circle", { class: "pl-dot", cx: x, cy: y, r: here ? 8 : 6 }),
      make("text", { class: "pl-label", x, y: y - 15, "text-anchor": "middle" }, middle(node.label, 13)),
    );
    if (leaf) group.append(make("text", { class: "pl-note", x: x + 15, y: y + 4 }, `${node.id} · ${node.note}`));
    return group;
  }

  function draw(scroll) {
    const nodes = model.get("nodes");
    const by = Object.fromEntries(nodes.map((node) => [node.id, node]));
    const parents = new Set(nodes.map((node) => node.parent));
    const width = LEFT + Math.max(0, ...nodes.map((node) => node.column)) * COLUMN + 110;
    const height = TOP + Math.max(0, ...nodes.map((node) => node.lane)) * LANE + 24;
    const svg = make("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "history" });
    const lines = nodes.filter((node) => by[node.parent]).map((node) => edge(place(by[node.parent]), place(node)));
    svg.append(make("path", { class: "pl-edge", d: lines.join("") }), ...nodes.map((node) => dot(node, !parents.has(node.id))));
    const focused = el.contains(document.activeElement) ? document.activeElement.dataset?.state : null;
    el.replaceChildren(svg);
    if (focused) el.querySelector(`[data-state="${focused}"]`)?.focus({ preventScroll: true });
    if (nodes.length === 1) {
      const hint = document.createElement("span");
      hint.className = "pl-quiet pl-hint";
      hint.textContent = "no steps yet: choose a layer, move the slider, press Step";
      el.append(hint);
    }
    if (scroll) follow();
  }

  function follow() {
    const here = by(model.get("current"));
    if (here) el.scrollLeft = place(here)[0] + 110 - el.clientWidth;
  }

  const by = (id) => model.get("nodes").find((node) => node.id === id);
  const go = (event) => {
    const state = event.target.closest?.("[data-state]")?.dataset.state;
    if (state) model.send({ goto: state });
  };
  const keys = (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    go(event);
  };
  const redraw = () => draw(true);
  el.addEventListener("click", go);
  el.addEventListener("keydown", keys);
  model.on("change:nodes change:current", redraw);
  draw(true);
  return () => {
    model.off("change:nodes change:current", redraw);
    el.removeEventListener("click", go);
    el.removeEventListener("keydown", keys);
  };
}

export default { render };

// The tree of states: a line with branches, the newest to the right. Only what is in sight is in the page: the kernel is
// asked for another window when one scrolls. A click, or Enter, goes to a state; Shift-click, or Space, selects it.
const SVG = "http://www.w3.org/2000/svg";
const COLUMN = 96; // at least; wider where there is room
const WIDEST = 160;
const LANE = 44;
const LEFT = 48;
const TOP = 32;
const END = 130; // room for what is written beside the last state
const BEYOND = 6; // columns and lanes beyond what is in sight
const LETTER = 7.4; // a letter's width

function make(tag, attributes, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function edge([x1, y1], [x2, y2]) {
  return y1 === y2 ? `M${x1} ${y1}H${x2}` : `M${x1} ${y1}C${x1 + 48} ${y1} ${x2 - 48} ${y2} ${x2} ${y2}`;
}

// "layer3.0.conv1 40 %": the ratio stays, the layer's name gives way
function labelled(text, letters) {
  const [, name, rest] = /^(\S+\.\S+)( .*)$/.exec(text) ?? [];
  return name ? short(name, (made) => made.length + rest.length <= letters) + rest : middle(text, letters);
}

function render({ model, el }) {
  const words = model.get("words");
  el.classList.add("pl-tree");
  const ground = document.createElement("div");
  const hint = document.createElement("span");
  hint.className = "pl-quiet pl-hint";
  hint.textContent = words.nothing;
  el.append(ground, hint);
  let asked = "";
  let focused = null; // the state that the arrow keys are at
  let step = COLUMN; // from one state to the next

  const place = (column, lane) => [LEFT + column * step, TOP + lane * LANE];
  const node = (id) => model.get("nodes").find((one) => one.id === id);

  function dot(one) {
    const [x, y] = place(one.column, one.lane);
    const here = one.id === model.get("current");
    const chosen = model.get("selected").includes(one.id);
    const group = make("g", {
      class: `pl-state${here ? " pl-here" : ""}${chosen ? " pl-selected" : ""}`, role: "button",
      tabindex: one.id === focused ? 0 : -1, "data-state": one.id, "aria-label": one.told, "aria-pressed": chosen,
      ...(here ? { "aria-current": "true" } : {}),
    });
    if (one.first) group.classList.add("pl-fold");
    group.append(
      make("title", {}, one.told),
      make("circle", { class: "pl-target", cx: x, cy: y, r: 14 }),
      ...(one.first ? [make("rect", { class: "pl-dot", x: x - 18, y: y - 8, width: 36, height: 16, rx: 8 }),
        ...[-8, 0, 8].map((by) => make("circle", { class: "pl-more", cx: x + by, cy: y, r: 1.5 }))] : [
        make("circle", { class: "pl-ring", cx: x, cy: y, r: 11 }),
        make("circle", { class: "pl-dot", cx: x, cy: y, r: here ? 8 : 6 })]),
      make("text", { class: "pl-label", x, y: y - 15, "text-anchor": "middle" },
        labelled(one.label, Math.floor(step / LETTER))),
    );
    if (one.end) group.append(make("text", { class: "pl-end", x: x + 15, y: y + 4 }, middle(one.end, 24)));
    if (one.names) group.append(make("text", { class: "pl-names", x, y: y + 20, "text-anchor": "middle" }, middle(one.names, 14)));
    return group;
  }

  function draw() {
    const nodes = model.get("nodes");
    const [columns, lanes] = model.get("size");
    step = Math.max(COLUMN, Math.min(WIDEST, Math.floor((el.clientWidth - LEFT - END) / Math.max(columns - 1, 1))));
    const [width, height] = [LEFT + (columns - 1) * step + END, TOP + (lanes - 1) * LANE + 28];
    ground.style.width = `${width}px`;
    ground.style.height = `${height}px`;
    if (!node(focused)) focused = node(model.get("current")) ? model.get("current") : (nodes[0]?.id ?? null);
    // the SVG is as large as the window, not as the history: a picture of half a million pixels is no picture any more
    const first = Math.max(0, Math.min(...nodes.map((one) => one.column)) - 1);
    const last = Math.max(...nodes.map((one) => one.column)) + 1;
    const [left, right] = nodes.length ? [first * step, Math.min(width, LEFT + last * step + END)] : [0, 1];
    const svg = make("svg", { width: right - left, height, viewBox: `${left} 0 ${right - left} ${height}`,
      role: "group", "aria-label": words.tree });
    svg.style.left = `${left}px`;
    const edges = model.get("edges").map(([c1, l1, c2, l2]) => edge(place(c1, l1), place(c2, l2)));
    svg.append(make("path", { class: "pl-edge", d: edges.join("") }), ...nodes.map(dot));
    const held = el.contains(document.activeElement);
    ground.replaceChildren(svg);
    if (held) svg.querySelector(`[data-state="${focused}"]`)?.focus({ preventScroll: true });
    hint.hidden = columns > 1;
  }

  // the columns and lanes in sight; the kernel is asked when it has sent others
  function look() {
    const [columns, lanes] = model.get("size");
    const span = (from, length, each, most) => [
      Math.max(0, Math.floor(from / each) - BEYOND), Math.min(most, Math.ceil((from + length) / each) + BEYOND)];
    const window = [...span(el.scrollLeft, el.clientWidth, step, columns), ...span(el.scrollTop, el.clientHeight, LANE, lanes)];
    if (el.clientWidth && asked !== String(window)) {
      asked = String(window);
      model.send({ window });
    }
  }

  let waiting = 0;
  function scrolled() {
    waiting ||= requestAnimationFrame(() => {
      waiting = 0;
      look();
    });
  }

  function follow() {
    const [x, y] = place(...model.get("here"));
    el.scrollLeft = x + END - el.clientWidth;
    if (y - TOP < el.scrollTop || y + 28 > el.scrollTop + el.clientHeight) el.scrollTop = y + 28 - el.clientHeight / 2;
  }

  // the nearest state in a direction: along the line, or in the lanes above and below
  function beside(one, key) {
    const nodes = model.get("nodes");
    if (key === "ArrowLeft") return node(one.parent);
    if (key === "ArrowRight") return nodes.find((other) => other.parent === one.id);
    const up = key === "ArrowUp" ? -1 : 1;
    const far = (other) => Math.abs(other.lane - one.lane) * 3 + Math.abs(other.column - one.column);
    return nodes.filter((other) => (other.lane - one.lane) * up > 0).sort((a, b) => far(a) - far(b))[0];
  }

  function focus(one) {
    if (!one) return;
    focused = one.id;
    for (const group of el.querySelectorAll(".pl-state")) group.setAttribute("tabindex", group.dataset.state === focused ? 0 : -1);
    const group = el.querySelector(`[data-state="${focused}"]`);
    group?.focus({ preventScroll: true });
    const [x, y] = place(one.column, one.lane);
    el.scrollLeft = Math.min(Math.max(el.scrollLeft, x + END - el.clientWidth), x - LEFT);
    el.scrollTop = Math.min(Math.max(el.scrollTop, y + 28 - el.clientHeight), y - TOP);
  }

  const stateOf = (event) => event.target.closest?.("[data-state]")?.dataset.state;
  function wish(state, selects) {
    const first = node(state)?.first;
    if (!first) model.send(selects ? { select: state } : { goto: state });
    else {
      focused = first; // which is there when the kernel has answered
      model.send({ unfold: state });
    }
  }
  el.addEventListener("click", (event) => {
    const state = stateOf(event);
    if (!state) return;
    focus(node(state));
    wish(state, event.shiftKey || event.ctrlKey || event.metaKey);
  });
  el.addEventListener("keydown", (event) => {
    const state = stateOf(event);
    if (!state) return;
    if (event.key === "Enter" || event.key === " ") wish(state, event.key === " ");
    else if (event.key.startsWith("Arrow")) focus(beside(node(state), event.key));
    else if (event.key === "Home" || event.key === "End") el.scrollLeft = event.key === "Home" ? 0 : el.scrollWidth;
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  el.addEventListener("scroll", scrolled);

  const moved = () => {
    focused = null;
    draw();
    follow();
  };
  model.on("change:nodes change:edges change:size change:selected", draw);
  model.on("change:current", moved);
  const size = new ResizeObserver(() => {
    draw();
    follow();
    scrolled();
  });
  size.observe(el);
  draw();
  return () => {
    size.disconnect();
    cancelAnimationFrame(waiting);
    model.off("change:nodes change:edges change:size change:selected", draw);
    model.off("change:current", moved);
  };
}

export default { render };

// The network, from the input down. It scrolls as a page does, is dragged, and zoomed with Ctrl and the wheel, + and −.
const SVG = "http://www.w3.org/2000/svg";
const [LEAST, MOST] = [0.1, 3];

function make(tag, attributes, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function render({ model, el }) {
  const words = model.get("words");
  el.classList.add("pl-net");
  const view = document.createElement("div");
  view.className = "pl-net-view";
  const bar = document.createElement("div");
  bar.className = "pl-net-bar";
  const buttons = {};
  for (const name of ["smaller", "larger", "fit"]) {
    buttons[name] = document.createElement("button");
    buttons[name].className = "jupyter-widgets jupyter-button";
    buttons[name].textContent = words[name];
    buttons[name].title = words[`${name} hint`];
    buttons[name].setAttribute("aria-label", words[`${name} hint`]);
    bar.append(buttons[name]);
  }
  el.append(view, bar);
  let svg = null;
  let scale = 0; // before the first look at the view's size
  let focused = 0;
  let groups = [];

  function build() {
    const [width, height] = model.get("size");
    svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": words.network });
    svg.append(make("path", { class: "pl-net-edge", d: model.get("paths").join("") }));
    groups = model.get("boxes").map((box, k) => {
      const group = make("g", { class: `pl-box pl-box-${box.kind}`, "data-box": k });
      const shape = { x: box.x, y: box.y, width: box.w, height: box.h, rx: box.kind === "join" ? box.h / 2 : 3 };
      group.append(make("title", {}, box.told), make("rect", { class: "pl-box-ground", ...shape }));
      if (box.group) {
        group.append(make("rect", { class: "pl-box-shade", ...shape }));
        group.setAttribute("role", "button");
        group.setAttribute("tabindex", "-1");
      }
      group.append(make("text", { x: box.x + box.w / 2, y: box.y + box.h / 2 + 4, "text-anchor": "middle" }, box.label));
      svg.append(group);
      return group;
    });
    view.replaceChildren(svg);
    shade();
    choose(false);
  }

  function shade() {
    const shades = model.get("shades");
    model.get("boxes").forEach((box, k) => {
      if (!box.group) return;
      const [share, told] = shades[box.group] ?? [0, ""];
      groups[k].style.setProperty("--share", share);
      const all = told ? `${box.told}\n${told}` : box.told;
      groups[k].firstChild.textContent = all;
      groups[k].setAttribute("aria-label", all);
    });
  }

  function choose(follow = true) {
    const chosen = model.get("chosen");
    const boxes = model.get("boxes");
    boxes.forEach((box, k) => {
      if (!box.group) return;
      groups[k].classList.toggle("pl-chosen", box.group === chosen);
      groups[k].setAttribute("aria-pressed", box.group === chosen);
    });
    if (boxes[focused]?.group !== chosen) focused = Math.max(0, boxes.findIndex((box) => box.group === chosen));
    groups.forEach((group, k) => boxes[k].group && group.setAttribute("tabindex", k === focused ? 0 : -1));
    if (follow && boxes[focused]?.group === chosen) reveal(boxes[focused]);
  }

  // bring a box into sight, where it is not
  function reveal(box) {
    const [left, right, top, bottom] = [box.x, box.x + box.w, box.y, box.y + box.h].map((length) => length * scale);
    const room = 12;
    if (left < view.scrollLeft || right > view.scrollLeft + view.clientWidth)
      view.scrollLeft = (left + right - view.clientWidth) / 2;
    if (top < view.scrollTop + room || bottom > view.scrollTop + view.clientHeight - room)
      view.scrollTop = (top + bottom - view.clientHeight) / 2;
  }

  function resize() {
    const [width, height] = model.get("size");
    svg.setAttribute("width", width * scale);
    svg.setAttribute("height", height * scale);
  }

  // zoom, with what is at this place of the view left where it is
  function zoom(to, x = view.clientWidth / 2, y = view.clientHeight / 2) {
    const before = scale;
    scale = Math.min(MOST, Math.max(LEAST, to));
    const at = [view.scrollLeft + x, view.scrollTop + y].map((place) => (place / before) * scale);
    resize();
    [view.scrollLeft, view.scrollTop] = [at[0] - x, at[1] - y];
  }

  function fit() {
    const [width, height] = model.get("size");
    zoom(Math.min(1, view.clientWidth / width, view.clientHeight / height));
  }

  // at first as wide as the view, so that names can be read; then the chosen layer is looked for
  const size = new ResizeObserver(() => {
    if (scale || !view.clientWidth) return;
    const [width] = model.get("size");
    scale = Math.min(1, Math.max(0.6, view.clientWidth / width));
    resize();
    view.scrollLeft = (width * scale - view.clientWidth) / 2;
    choose();
  });
  size.observe(view);

  const boxOf = (event) => event.target.closest?.("[data-box]");
  function pick(group) {
    const box = group && model.get("boxes")[group.dataset.box];
    if (!box?.group) return;
    focused = Number(group.dataset.box);
    model.send({ choose: box.group });
  }

  function beside(key) {
    const boxes = model.get("boxes");
    const from = boxes[focused];
    const [dx, dy] = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[key];
    let best = -1;
    let least = Infinity;
    boxes.forEach((box, k) => {
      const [x, y] = [box.x + box.w / 2 - from.x - from.w / 2, box.y - from.y];
      const along = x * dx + y * dy;
      const far = along + 3 * Math.abs(x * dy + y * dx);
      if (box.group && along > 1 && far < least) [best, least] = [k, far];
    });
    return best;
  }

  let from = null;
  view.addEventListener("pointerdown", (event) => {
    if (event.button === 0) from = { x: event.clientX, y: event.clientY, left: view.scrollLeft, top: view.scrollTop, far: false };
  });
  view.addEventListener("pointermove", (event) => {
    if (!from || !(event.buttons & 1)) return;
    const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
    from.far ||= Math.hypot(dx, dy) > 4;
    if (from.far) [view.scrollLeft, view.scrollTop] = [from.left - dx, from.top - dy];
  });
  view.addEventListener("click", (event) => {
    if (!from?.far) pick(boxOf(event));
    from = null;
  });
  view.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const box = view.getBoundingClientRect();
    zoom(scale * Math.exp(-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  view.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") pick(boxOf(event));
    else if (event.key.startsWith("Arrow")) {
      const to = beside(event.key);
      if (to < 0) return;
      groups[focused].setAttribute("tabindex", -1);
      focused = to;
      groups[to].setAttribute("tabindex", 0);
      groups[to].focus({ preventScroll: true });
      reveal(model.get("boxes")[to]);
    } else if (event.key === "+" || event.key === "=") zoom(scale * 1.25);
    else if (event.key === "-") zoom(scale / 1.25);
    else if (event.key === "0") fit();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  buttons.larger.addEventListener("click", () => zoom(scale * 1.25));
  buttons.smaller.addEventListener("click", () => zoom(scale / 1.25));
  buttons.fit.addEventListener("click", fit);

  const chosen = () => choose();
  model.on("change:boxes", build);
  model.on("change:shades", shade);
  model.on("change:chosen", chosen);
  build();
  return () => {
    size.disconnect();
    model.off("change:boxes", build);
    model.off("change:shades", shade);
    model.off("change:chosen", chosen);
  };
}

export default { render };

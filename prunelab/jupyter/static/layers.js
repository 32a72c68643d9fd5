// The table of layers: a row a group; a click, or the arrow keys, choose one.
const SVG = "http://www.w3.org/2000/svg";

function make(tag, kind, text) {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  return made;
}

function middle(name, length) {
  if (name.length <= length) return name;
  const end = Math.ceil((length - 1) * 0.6);
  return `${name.slice(0, length - 1 - end)}…${name.slice(-end)}`;
}

function bar(row) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "pl-units");
  svg.setAttribute("viewBox", `0 0 ${row.units} 1`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  // more units than pixels: blurred edges show how many of a pixel's units are kept, sharp ones would show one of them
  svg.setAttribute("shape-rendering", row.units > 100 ? "auto" : "crispEdges");
  for (const kind of ["pl-kept", "pl-going"]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", kind);
    svg.append(path);
  }
  svg.firstChild.setAttribute("d", row.bar);
  return svg;
}

function line(row) {
  const tr = make("tr", row.frozen ? "pl-frozen" : "");
  tr.dataset.layer = row.name;
  tr.title = row.frozen ? `${row.told}\nfrozen: ${row.frozen}` : row.told;
  tr.setAttribute("role", "row");
  tr.append(make("th", "", row.name));
  tr.firstChild.scope = "row";
  if (row.frozen) {
    const why = make("td", "pl-why", `frozen: ${row.frozen}`);
    why.colSpan = 4;
    tr.append(why);
    return tr;
  }
  const units = make("td", "pl-bar-cell");
  units.append(bar(row));
  const kept = make("td", "pl-num", String(row.kept));
  kept.append(make("span", "pl-quiet", `/${row.units}`));
  tr.append(units, kept, make("td", "pl-num", row.params), make("td", "pl-num", row.macs));
  return tr;
}

function head() {
  const made = make("thead");
  const tr = make("tr");
  for (const [text, kind, hint] of [
    ["layer", "", "in network order"],
    ["units", "", "which units are kept, and which the slider would cut"],
    ["kept", "pl-num", "units kept, of all"],
    ["params", "pl-num", "what hangs on the group's units now, in all layers that make or read them"],
    ["MACs", "pl-num", "what hangs on the group's units now, of one sample"],
  ]) {
    const th = make("th", kind, text);
    th.scope = "col";
    th.title = hint;
    tr.append(th);
  }
  made.append(tr);
  return made;
}

function render({ model, el }) {
  const table = make("table", "pl-table");
  table.setAttribute("role", "grid");
  table.setAttribute("aria-label", "layers");
  const columns = make("colgroup");
  for (const kind of ["name", "bar", "kept", "params", "macs"]) columns.append(make("col", `pl-col-${kind}`));
  const body = make("tbody");
  table.append(columns, head(), body);
  el.classList.add("pl-layers");
  el.append(table);
  const ruler = document.createElement("canvas").getContext("2d");
  let chosen = model.get("chosen");

  const lines = () => [...body.children];

  function mark() {
    for (const tr of lines()) {
      const here = tr.dataset.layer === chosen;
      tr.setAttribute("aria-selected", String(here));
      tr.tabIndex = here ? 0 : -1;
      tr.querySelector(".pl-going")?.setAttribute("d", here ? model.get("going") : "");
    }
  }

  // names lose their middle where the column is narrow: their ends tell them apart. Each says its full name on hover.
  function fit() {
    const room = table.querySelector("th").clientWidth - 24;
    if (room <= 0) return;
    ruler.font = `600 13px ${getComputedStyle(table).fontFamily}`;
    for (const tr of lines()) {
      let length = tr.dataset.layer.length;
      while (length > 4 && ruler.measureText(middle(tr.dataset.layer, length)).width > room) length--;
      tr.firstChild.textContent = middle(tr.dataset.layer, length);
    }
  }

  function fill() {
    const focused = body.contains(document.activeElement);
    const rows = model.get("rows");
    body.replaceChildren(...rows.map(line));
    const digits = Math.max(2, ...rows.map((row) => String(row.units).length));
    columns.children[2].style.width = `${Math.ceil(12 + 7.6 * (2 * digits + 1))}px`;
    mark();
    fit();
    if (focused) lines().find((tr) => tr.tabIndex === 0)?.focus({ preventScroll: true });
  }

  function choose(tr) {
    if (!tr) return;
    chosen = tr.dataset.layer;
    for (const path of body.querySelectorAll(".pl-going")) path.setAttribute("d", "");
    for (const other of lines()) other.setAttribute("aria-selected", String(other === tr));
    for (const other of lines()) other.tabIndex = other === tr ? 0 : -1;
    tr.focus({ preventScroll: true });
    tr.scrollIntoView({ block: "nearest" });
    model.send({ choose: chosen });
  }

  body.addEventListener("click", (event) => choose(event.target.closest("tr")));
  body.addEventListener("keydown", (event) => {
    const all = lines();
    const at = all.findIndex((tr) => tr.dataset.layer === chosen);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    choose(all[to]);
  });
  const heard = () => {
    chosen = model.get("chosen");
    mark();
  };
  model.on("change:rows", fill);
  model.on("change:chosen", heard);
  model.on("change:going", heard);
  fill();
  const size = new ResizeObserver(fit);
  size.observe(el);
  return () => {
    size.disconnect();
    model.off("change:rows", fill);
    model.off("change:chosen", heard);
    model.off("change:going", heard);
  };
}

export default { render };

// The heat map: layers down, ratios across; the more is lost, the darker. A cell is a button that takes its ratio.
function make(tag, kind, text) {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  return made;
}

function fill(text, parts) {
  return text.replace(/\{(\w+)\}/g, (_, name) => parts[name]);
}

const minus = (text) => text.replace("-", "−");
const percent = (ratio) => `${+(100 * ratio).toFixed(1)} %`;

function floats(view) {
  // a view into a message need not begin at a multiple of four
  return new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

function render({ model, el }) {
  const words = model.get("words");
  el.classList.add("pl-heat");
  const caption = make("div", "pl-caption pl-quiet");
  const scroll = make("div", "pl-heat-view");
  const table = make("table", "pl-heat-table");
  table.setAttribute("role", "grid");
  scroll.append(table);
  const told = make("span");
  const output = make("output");
  caption.append(told, output);
  const legend = make("span", "pl-heat-legend");
  legend.title = words["scale hint"];
  caption.append(legend);
  el.append(caption, scroll);
  const ruler = document.createElement("canvas").getContext("2d");
  let cells = [];
  let values = new Float32Array(0);
  let focus = [0, 0];

  const isShare = () => model.get("metric") === "accuracy";
  const value = (v) => (isShare() ? `${(100 * v).toFixed(1)} %` : minus(String(+v.toPrecision(4))));
  function difference(v) {
    const d = v - model.get("dense");
    const text = isShare() ? (100 * d).toFixed(1) : String(+d.toPrecision(3));
    return Number(text) === 0 ? "±0" : minus(d > 0 ? `+${text}` : text);
  }

  function say(row, column) {
    const [layer, ratio] = [model.get("names")[row], percent(model.get("ratios")[column])];
    const k = row * model.get("ratios").length + column;
    if (!Number.isFinite(values[k])) return fill(words.missing, { layer, ratio });
    const e = floats(model.get("errors"))[k];
    const error = e > 0 ? ` ± ${isShare() ? (100 * e).toFixed(1) : +e.toPrecision(2)}` : "";
    return fill(words.cell, { layer, ratio, value: value(values[k]), error, difference: difference(values[k]) });
  }

  function build() {
    const names = model.get("names");
    const ratios = model.get("ratios");
    table.setAttribute("aria-label", fill(words.grid, { metric: model.get("metric") }));
    const head = make("tr");
    head.append(make("th", "", words.layer), ...ratios.map((ratio) => {
      const th = make("th", "pl-num");
      th.append(make("span", "", percent(ratio)));
      return th;
    }));
    for (const th of head.children) th.scope = "col";
    const thead = make("thead");
    thead.append(head);
    const body = make("tbody");
    cells = names.map((name, row) => {
      const tr = make("tr");
      tr.dataset.layer = name;
      const th = make("th", "", name);
      th.scope = "row";
      th.title = name;
      const line = ratios.map((ratio, column) => {
        const td = make("td");
        td.setAttribute("role", "gridcell");
        td.dataset.at = `${row},${column}`;
        td.tabIndex = -1;
        return td;
      });
      tr.append(th, ...line);
      body.append(tr);
      return line;
    });
    table.replaceChildren(thead, body);
    focus = [Math.max(0, Math.min(focus[0], names.length - 1)), Math.max(0, Math.min(focus[1], ratios.length - 1))];
    if (cells.length && ratios.length) cells[focus[0]][focus[1]].tabIndex = 0;
    fit();
  }

  function fit() {
    const room = table.querySelector("th")?.clientWidth - 16;
    if (!(room > 0)) return;
    const heads = [...table.querySelectorAll("thead .pl-num")];
    const least = 38 / (heads[0]?.clientWidth || 38); // as many ratios as there is room to tell
    const every = [1, 2, 4, 5, 10].find((step) => step >= least) ?? 20;
    heads.forEach((th, column) => (th.firstChild.hidden = column % every !== every - 1));
    ruler.font = `600 12px ${getComputedStyle(table).fontFamily}`;
    for (const th of table.querySelectorAll("tbody > tr > th")) {
      th.textContent = short(th.title, (text) => ruler.measureText(text).width <= room);
    }
  }

  function shade() {
    values = floats(model.get("values"));
    const [dense, sign, n] = [model.get("dense"), model.get("sign"), model.get("ratios").length];
    let most = 0;
    for (const v of values) if (Number.isFinite(v)) most = Math.max(most, Math.abs(dense - v));
    cells.forEach((line, row) => line.forEach((td, column) => {
      const v = values[row * n + column];
      const lost = Number.isFinite(v) ? sign * (dense - v) : 0;
      const share = most > 0 ? Math.min(1, Math.sqrt(Math.abs(lost) / most)) : 0;
      td.className = Number.isFinite(v) ? (lost < 0 ? "pl-gain" : "pl-loss") : "pl-unknown-cell";
      td.style.setProperty("--share", share.toFixed(3));
      td.setAttribute("aria-label", say(row, column));
    }));
    const scale = make("span", "pl-heat-scale");
    legend.replaceChildren(make("span", "", `${words.lost} 0`), scale, make("span", "", most > 0 ? difference(dense - sign * most) : "0"));
    told.textContent = told.title = model.get("caption");
    mark();
  }

  // where in its cell a ratio stands: cells reach half way to the next ratio
  function place(ratio) {
    const ratios = model.get("ratios");
    const edges = ratios.slice(1).map((r, k) => (r + ratios[k]) / 2);
    const column = edges.filter((edge) => edge <= ratio).length;
    const half = ratios.length > 1 ? (ratios[1] - ratios[0]) / 2 : 0.5;
    const low = column ? edges[column - 1] : ratios[0] - half;
    const high = column < edges.length ? edges[column] : ratios[ratios.length - 1] + half;
    return [column, Math.min(1, Math.max(0, (ratio - low) / (high - low)))];
  }

  function mark() {
    const [chosen, at, wished] = [model.get("chosen"), model.get("at"), model.get("wished")];
    for (const old of table.querySelectorAll(".pl-mark")) old.remove();
    model.get("names").forEach((name, row) => {
      const here = name === chosen;
      table.tBodies[0]?.rows[row].classList.toggle("pl-chosen-row", here);
      for (const [ratio, kind] of [[wished[name], "pl-wish"], [here ? at : undefined, "pl-slider"]]) {
        if (ratio === undefined || !model.get("ratios").length) continue;
        const [column, part] = place(ratio);
        const line = make("i", `pl-mark ${kind}`);
        line.style.left = `${100 * part}%`;
        cells[row][column].append(line);
      }
    });
  }

  function move(row, column) {
    if (!cells.length) return;
    const to = [Math.min(Math.max(row, 0), cells.length - 1), Math.min(Math.max(column, 0), cells[0].length - 1)];
    cells[focus[0]][focus[1]].tabIndex = -1;
    focus = to;
    const td = cells[to[0]][to[1]];
    td.tabIndex = 0;
    td.focus({ preventScroll: true });
    td.scrollIntoView({ block: "nearest" });
  }

  const cellOf = (event) => event.target.closest?.("td[data-at]")?.dataset.at.split(",").map(Number);
  const pick = ([row, column]) => model.send({ pick: [model.get("names")[row], model.get("ratios")[column]] });
  table.addEventListener("click", (event) => {
    const cell = cellOf(event);
    if (!cell) return;
    move(...cell);
    pick(cell);
  });
  table.addEventListener("keydown", (event) => {
    const cell = cellOf(event);
    if (!cell) return;
    const [row, column] = cell;
    const steps = { ArrowUp: [row - 1, column], ArrowDown: [row + 1, column], ArrowLeft: [row, column - 1],
      ArrowRight: [row, column + 1], Home: [row, 0], End: [row, Infinity] };
    if (steps[event.key]) move(...steps[event.key]);
    else if (event.key === "Enter" || event.key === " ") pick(cell);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  for (const kind of ["pointerover", "focusin"]) {
    table.addEventListener(kind, (event) => {
      const cell = cellOf(event);
      if (cell) output.textContent = say(...cell);
      el.classList.toggle("pl-saying", Boolean(output.textContent));
    });
  }
  table.addEventListener("pointerleave", () => {
    output.textContent = "";
    el.classList.remove("pl-saying");
  });

  let shape = "";
  function draw() {
    const now = JSON.stringify([model.get("names"), model.get("ratios")]);
    if (now !== shape) build();
    shape = now;
    shade();
  }
  model.on("change:names change:ratios change:values change:caption", draw);
  model.on("change:chosen change:at change:wished", mark);
  const size = new ResizeObserver(fit);
  size.observe(el);
  draw();
  return () => {
    size.disconnect();
    model.off("change:names change:ratios change:values change:caption", draw);
    model.off("change:chosen change:at change:wished", mark);
  };
}

export default { render };

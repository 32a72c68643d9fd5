// The table of layers: a row a group. Only rows in sight are in the page, so that hundreds cost nothing; so the grid
// itself has the focus, and says which row is meant (aria-activedescendant).
const SVG = "http://www.w3.org/2000/svg";
const ROW = 28; // pixels, as in the stylesheet
const SPARE = 6; // rows beyond the edges, so that a quick scroll finds them there
const NUMBERS = { kept: (row) => row.left, params: (row) => row.n_params, macs: (row) => row.n_macs, lost: (row) => row.lost };
const COLUMNS = { name: "", bar: "", kept: "pl-num", params: "pl-num", macs: "pl-num", lost: "pl-lost", tied: "pl-tied" };

function make(tag, kind, text) {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  return made;
}

function drawn(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

const fill = (text, values) => text.replace(/{(\w+)}/g, (_, name) => values[name]);

const bytesOf = (view) => (view?.byteLength ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength) : new Uint8Array(0));

// the units whose bits are set as an SVG path, each unit one wide and the bar one high: one piece a run of them
function runs(bits, from, units, set) {
  const has = (unit) => Boolean((bits[from + (unit >> 3)] >> (7 - (unit & 7))) & 1) === set;
  let path = "";
  for (let unit = 0; unit < units; unit++) {
    if (!has(unit)) continue;
    const start = unit;
    while (unit < units && has(unit)) unit++;
    path += `M${start} 0H${unit}V1H${start}Z`;
  }
  return path;
}

function render({ model, el }) {
  el.classList.add("pl-layers");
  const words = model.get("words");
  el.innerHTML = `<div class="pl-tools"><input type="search" spellcheck="false"><span class="pl-quiet" role="status"></span></div>
    <div class="pl-grid" role="grid" tabindex="0" aria-multiselectable="true">
    <div class="pl-grid-head" role="rowgroup"><div class="pl-line" role="row" aria-rowindex="1"></div></div>
    <div class="pl-grid-body" role="rowgroup"></div></div>`;
  const [search, told] = el.querySelectorAll(".pl-tools > *");
  const grid = el.querySelector(".pl-grid");
  search.placeholder = words.filter;
  search.setAttribute("aria-label", words.filter);
  grid.setAttribute("aria-label", words.layers);
  const head = grid.querySelector(".pl-line");
  const body = grid.querySelector(".pl-grid-body");
  const ruler = document.createElement("canvas").getContext("2d");
  const id = `pl-${Math.random().toString(36).slice(2)}`;
  let rows = [];
  let shown = []; // the places in `rows` of those that pass the filter, sorted
  let chosen = model.get("chosen");
  let selected = new Set(model.get("selected"));
  let anchor = chosen;
  let order = { key: "", up: true };
  let cut = bytesOf(model.get("cut"));
  let going = bytesOf(model.get("going"));
  let turn = 0; // how many choices were sent
  let waiting = 0;

  // columns

  function header() {
    head.replaceChildren(...Object.entries(COLUMNS).map(([key, kind]) => {
      const [text, hint] = [words[`${key} column`], words[`${key} hint`]];
      const cell = make("div", `pl-cell pl-at-${key} ${kind}`);
      cell.setAttribute("role", "columnheader");
      if (key === "bar" || key === "tied") {
        cell.textContent = text;
        cell.title = hint;
        return cell;
      }
      const button = make("button", "", text);
      button.type = "button";
      button.title = hint;
      button.dataset.key = key;
      cell.append(button);
      return cell;
    }));
    sorted();
  }

  function sorted() {
    for (const button of head.querySelectorAll("button")) {
      const here = button.dataset.key === order.key;
      button.parentElement.setAttribute("aria-sort", here ? (order.up ? "ascending" : "descending") : "none");
    }
  }

  // rows

  function read() {
    let from = 0;
    const curves = model.get("curves");
    rows = model.get("rows").map((row, place) => {
      const curve = curves[row.name];
      const made = { ...row, place, from, curve, left: row.frozen ? null : row.kept / row.units, lost: curve ? curve.lost : null };
      from += Math.ceil(row.units / 8);
      return made;
    });
    cut = bytesOf(model.get("cut"));
    const digits = Math.max(2, ...rows.map((row) => String(row.units).length));
    el.style.setProperty("--pl-kept-width", `${Math.ceil(12 + 7.6 * (2 * digits + 1))}px`);
    el.classList.toggle("pl-without-curves", !rows.some((row) => row.curve));
    arrange();
  }

  function arrange() {
    const wanted = search.value.trim().toLowerCase();
    const passes = (row) => !wanted || [row.name, row.frozen, ...row.tied].some((text) => text.toLowerCase().includes(wanted));
    shown = rows.filter(passes).map((row) => row.place);
    const value = NUMBERS[order.key];
    const sign = order.up ? 1 : -1;
    if (order.key === "name") shown.sort((a, b) => sign * rows[a].name.localeCompare(rows[b].name, "en", { numeric: true }));
    // what has no number comes last either way
    else if (value) shown.sort((a, b) => (value(rows[a]) ?? Infinity * sign) * sign - (value(rows[b]) ?? Infinity * sign) * sign || a - b);
    body.style.height = `${shown.length * ROW}px`;
    grid.setAttribute("aria-rowcount", shown.length + 1);
    tell();
    draw();
  }

  function tell() {
    const frozen = rows.filter((row) => row.frozen).length;
    const every = shown.length === rows.length;
    const rest = fill(words[every ? (frozen ? "all frozen" : "all") : "some"], { n: rows.length, frozen, shown: shown.length });
    told.textContent = selected.size > 1 ? fill(words.chosen, { n: selected.size, rest }) : rest;
    body.dataset.empty = shown.length ? "" : rows.length ? fill(words["not found"], { text: search.value.trim() }) : words["no groups"];
  }

  function fitted(name) {
    const room = (head.firstChild?.clientWidth ?? 0) - 14;
    return room > 0 ? short(name, (text) => ruler.measureText(text).width <= room) : name;
  }

  function bar(row) {
    const svg = drawn("svg", {
      class: "pl-units", viewBox: `0 0 ${row.units} 1`, preserveAspectRatio: "none", "aria-hidden": "true",
      // more units than pixels: blurred edges show how many of a pixel's units are kept, sharp ones would show one of them
      "shape-rendering": row.units > 100 ? "auto" : "crispEdges",
    });
    svg.append(drawn("path", { class: "pl-kept", d: runs(cut, row.from, row.units, false) }));
    if (going.length && selected.has(row.name)) svg.append(drawn("path", { class: "pl-going", d: runs(going, row.from, row.units, true) }));
    return svg;
  }

  function spark(curve) {
    const svg = drawn("svg", { class: "pl-spark", viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" });
    svg.append(drawn("polyline", { points: curve.points.map(([x, y]) => `${(100 * x).toFixed(1)},${(100 - 100 * y).toFixed(1)}`).join(" ") }));
    return svg;
  }

  function line(row, at) {
    const made = make("div", row.frozen ? "pl-line pl-frozen" : "pl-line");
    made.id = `${id}-${row.place}`;
    made.dataset.layer = row.name;
    made.title = row.told;
    made.style.top = `${at * ROW}px`;
    made.setAttribute("role", "row");
    made.setAttribute("aria-rowindex", at + 2);
    made.setAttribute("aria-selected", String(selected.has(row.name)));
    made.classList.toggle("pl-chosen", row.name === chosen);
    const cell = (key, kind, content) => {
      const box = make("div", `pl-cell pl-at-${key} ${kind}`);
      box.setAttribute("role", key === "name" ? "rowheader" : "gridcell");
      box.append(content);
      made.append(box);
      return box;
    };
    cell("name", "", fitted(row.name)).setAttribute("aria-label", row.name);
    if (row.frozen) {
      cell("why", "", fill(words.frozen, { reason: row.frozen }));
      return made;
    }
    cell("bar", "", bar(row));
    const kept = cell("kept", "pl-num", String(row.kept));
    kept.append(make("span", "pl-quiet", `/${row.units}`));
    cell("params", "pl-num", row.params);
    cell("macs", "pl-num", row.macs);
    const lost = cell("lost", "pl-lost", row.curve ? spark(row.curve) : "");
    if (row.curve) lost.title = row.curve.told;
    cell("tied", "pl-tied pl-quiet", row.tied.join(", "));
    return made;
  }

  function draw() {
    waiting = 0;
    ruler.font = `600 13px ${getComputedStyle(el).fontFamily}`;
    const first = Math.max(0, Math.floor(grid.scrollTop / ROW) - SPARE);
    const last = Math.min(shown.length, Math.ceil((grid.scrollTop + grid.clientHeight) / ROW) + SPARE);
    body.replaceChildren(...shown.slice(first, last).map((place, k) => line(rows[place], first + k)));
    const here = [...body.children].find((made) => made.dataset.layer === chosen);
    if (here) grid.setAttribute("aria-activedescendant", here.id);
    else grid.removeAttribute("aria-activedescendant");
  }

  const later = () => {
    if (!waiting) waiting = requestAnimationFrame(draw);
  };

  // choosing

  function show(at) {
    const top = at * ROW;
    const high = grid.clientHeight - ROW; // below the header, which stays
    if (top < grid.scrollTop) grid.scrollTop = top;
    else if (top + ROW > grid.scrollTop + high) grid.scrollTop = top + ROW - high;
  }

  function send() {
    tell();
    draw();
    turn += 1;
    model.send({ choose: chosen, selected: [...selected], turn: `${id} ${turn}` });
  }

  function choose(place, how) {
    const row = rows[place];
    if (!row) return;
    const can = (name) => !rows.find((other) => other.name === name).frozen;
    if (how === "toggle" && !row.frozen) {
      if (selected.has(row.name) && selected.size > 1) selected.delete(row.name);
      else selected.add(row.name);
      selected = new Set([...selected].filter(can));
      chosen = anchor = selected.has(row.name) ? row.name : [...selected][selected.size - 1];
    } else if (how === "range") {
      const [a, b] = [shown.findIndex((p) => rows[p].name === anchor), shown.indexOf(place)];
      const between = a < 0 ? [place] : shown.slice(Math.min(a, b), Math.max(a, b) + 1);
      chosen = row.name;
      selected = new Set([...between.map((p) => rows[p].name).filter(can), chosen]);
    } else {
      chosen = anchor = row.name;
      selected = new Set([chosen]);
    }
    send();
  }

  function all() {
    selected = new Set(shown.map((place) => rows[place]).filter((row) => !row.frozen).map((row) => row.name));
    if (!selected.size) return;
    if (!selected.has(chosen)) chosen = [...selected][0];
    send();
  }

  const howOf = (event) => (event.shiftKey ? "range" : event.ctrlKey || event.metaKey ? "toggle" : "one");

  body.addEventListener("mousedown", (event) => {
    if (event.shiftKey) event.preventDefault(); // no text is selected
  });
  body.addEventListener("click", (event) => {
    const made = event.target.closest("[data-layer]");
    if (made) choose(rows.findIndex((row) => row.name === made.dataset.layer), howOf(event));
    grid.focus({ preventScroll: true });
  });
  head.addEventListener("click", (event) => {
    const key = event.target.closest("button")?.dataset.key;
    if (!key) return;
    // up, down, and back to network order; of numbers the large ones are looked for
    const first = key === "name" || key === "kept";
    if (order.key !== key) order = { key, up: first };
    else if (order.up === first) order = { key, up: !first };
    else order = { key: "", up: true };
    sorted();
    grid.scrollTop = 0;
    arrange();
  });
  search.addEventListener("input", () => {
    grid.scrollTop = 0;
    arrange();
  });
  // JupyterLab's own keys act on the cell: what is meant for the table stays here
  search.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape" && search.value) {
      search.value = "";
      arrange();
    } else if (event.key === "ArrowDown" || event.key === "Enter") {
      event.preventDefault();
      grid.focus();
      if (shown.length && !shown.some((place) => rows[place].name === chosen)) choose(shown[0]);
    }
  });
  grid.addEventListener("keydown", (event) => {
    if (event.target !== grid) {
      event.stopPropagation();
      return;
    }
    const at = shown.findIndex((place) => rows[place].name === chosen);
    const page = Math.max(1, Math.floor(grid.clientHeight / ROW) - 2);
    const to = {
      ArrowDown: at + 1, ArrowUp: at < 0 ? 0 : at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: shown.length - 1,
    }[event.key];
    const letter = event.key.toLowerCase();
    if (to !== undefined) {
      const next = Math.min(shown.length - 1, Math.max(0, to));
      if (next >= 0) show(next);
      choose(shown[next], event.shiftKey ? "range" : "one");
    } else if (event.key === " " || event.key === "Enter") choose(shown[at], event.key === " " && event.ctrlKey ? "toggle" : "one");
    else if (letter === "a" && (event.ctrlKey || event.metaKey)) all();
    else if (event.key === "/") search.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  grid.addEventListener("scroll", later);

  // keys are quicker than the kernel: an answer to an earlier choice of this view is passed over
  const late = () => {
    const [view, answered] = model.get("turn").split(" ");
    return view === id && Number(answered) < turn;
  };
  const heard = () => {
    if (late()) return;
    const before = chosen;
    chosen = model.get("chosen");
    selected = new Set(model.get("selected"));
    going = bytesOf(model.get("going"));
    if (chosen !== before) {
      anchor = chosen;
      const at = shown.findIndex((place) => rows[place].name === chosen);
      if (at >= 0) show(at);
    }
    tell();
    later();
  };
  model.on("change:rows change:cut change:curves", read);
  model.on("change:chosen change:selected change:going change:turn", heard);
  header();
  read();
  heard();
  const size = new ResizeObserver(later);
  size.observe(grid);
  return () => {
    size.disconnect();
    cancelAnimationFrame(waiting);
    model.off("change:rows change:cut change:curves", read);
    model.off("change:chosen change:selected change:going change:turn", heard);
  };
}

export default { render };

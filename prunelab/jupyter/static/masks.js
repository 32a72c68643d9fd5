// Weights on a canvas, a row a unit. The box around it scrolls, the canvas stays and draws what is in sight, so that
// thousands of units cost nothing. Where a kernel's tile has room, its weights are drawn, else their mean.
const GUTTER = 40; // pixels for the numbers of the units
const LEAST_ROW = 3;
const MOST_ROW = 18;
const MOST_PICTURE = 160; // of a head's weights
const MOST_COLUMN = 64;
const MOST_ZOOM = 64;
const CUT = 1;
const GOING = 2;
const VEIL = { 0: 1, [CUT]: 0.12, [GOING]: 0.35 };

function bytesOf(view) {
  return view && view.byteLength ? view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) : new ArrayBuffer(0);
}

function colour(element, name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  element.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

const rgb = (element, name) => colour(element, name).match(/[\d.]+/g).map(Number);
const told = (value) => Number(value.toPrecision(3)).toString().replace("-", "−");
const fill = (text, values) => text.replace(/{(\w+)}/g, (_, name) => values[name]);
const between = (low, value, high) => Math.min(high, Math.max(low, value));

// one state's weights: as they came, the means of their kernels, and a sheet of pixels of each
class Layer {
  constructor(cells, masked, marks, columns, kernel) {
    this.cells = new Float32Array(bytesOf(cells));
    this.masked = new Uint8Array(bytesOf(masked));
    this.marks = new Uint8Array(bytesOf(marks));
    this.columns = columns;
    [this.high, this.wide] = kernel;
    this.size = this.high * this.wide;
    this.rows = columns ? this.cells.length / columns / this.size : 0;
    this.means = this.size === 1 ? this.cells : this.meansOf(this.cells);
    this.shadow = this.size === 1 ? this.masked : this.meansOf(this.masked);
    this.sheets = {};
  }

  meansOf(values) {
    const made = new Float32Array(values.length / this.size);
    for (let k = 0; k < values.length; k++) made[Math.floor(k / this.size)] += values[k] / this.size;
    return made;
  }

  // a few outliers would leave the rest pale: the hues are full from the 99th percentile on
  largest(values) {
    const step = Math.max(1, Math.floor(values.length / 50000));
    const sizes = Float32Array.from({ length: Math.floor(values.length / step) }, (_, k) => Math.abs(values[k * step])).sort();
    return sizes[Math.floor(0.99 * (sizes.length - 1))] || sizes[sizes.length - 1] || 0;
  }

  // where cell (row, column) and, in a tile, (y, x) has its pixel: kernels are laid out as tiles
  paint(fine, largest, positive, negative) {
    const [high, wide] = fine ? [this.high, this.wide] : [1, 1];
    const [values, masked] = fine ? [this.cells, this.masked] : [this.means, this.shadow];
    const sheet = document.createElement("canvas");
    sheet.width = this.columns * wide;
    sheet.height = this.rows * high;
    const context = sheet.getContext("2d");
    const image = context.createImageData(sheet.width, sheet.height);
    for (let k = 0; k < values.length; k++) {
      const cell = Math.floor(k / (high * wide));
      const row = Math.floor(cell / this.columns) * high + Math.floor((k % (high * wide)) / wide);
      const at = 4 * (row * sheet.width + (cell % this.columns) * wide + (k % wide));
      const hue = values[k] >= 0 ? positive : negative;
      const left = masked.length ? 1 - 0.88 * (masked[k] / 255) : 1;
      image.data[at] = hue[0];
      image.data[at + 1] = hue[1];
      image.data[at + 2] = hue[2];
      image.data[at + 3] = largest ? 255 * left * Math.min(1, Math.abs(values[k] / largest)) : 0;
    }
    context.putImageData(image, 0, 0);
    return sheet;
  }
}

const HTML = `<div class="pl-caption"><span class="pl-quiet"></span><output class="pl-quiet" aria-live="polite"></output></div>
  <div class="pl-masks-view" tabindex="0" role="img"><div class="pl-masks-space"><canvas></canvas></div></div>
  <div class="pl-empty pl-quiet"></div>
  <div class="pl-masks-tools"><label class="pl-quiet"><span></span><select></select></label>
  <span class="pl-quiet"></span><input type="range" min="0" max="1000" value="500"><span class="pl-quiet"></span>
  <span class="pl-fill"></span><button type="button"></button><button type="button"></button><button type="button"></button></div>`;

function render({ model, el }) {
  el.classList.add("pl-masks");
  el.innerHTML = HTML;
  const [caption, output] = el.querySelectorAll(".pl-caption > *");
  const view = el.querySelector(".pl-masks-view");
  const canvas = el.querySelector("canvas");
  const space = el.querySelector(".pl-masks-space");
  const empty = el.querySelector(".pl-empty");
  const tools = el.querySelector(".pl-masks-tools");
  const select = el.querySelector("select");
  const wipe = el.querySelector("input");
  const [less, fit, more] = el.querySelectorAll("button");
  const words = model.get("words");
  for (const [button, name] of [[less, "smaller"], [fit, "fit"], [more, "larger"]]) {
    button.className = "jupyter-widgets jupyter-button";
    button.textContent = words[name];
    button.title = words[`${name} hint`];
    button.setAttribute("aria-label", words[`${name} hint`].split(" (")[0]);
  }
  select.previousSibling.textContent = words.compare;
  wipe.setAttribute("aria-label", words.wipe);
  let here = new Layer(null, null, null, 0, [1, 1]);
  let other = null;
  let zoom = 1;
  let high = MOST_ROW;
  let wide = 1;
  let waiting = 0;
  let at = null;
  let held = null;

  const made = (name) => new Layer(model.get(`${name}cells`), model.get(`${name}masked`), model.get(`${name}marks`), model.get("columns"), model.get("kernel"));

  function read() {
    const before = el.dataset.layer;
    here = made("");
    other = model.get("other_cells")?.byteLength && here.rows ? made("other_") : null;
    el.dataset.layer = model.get("layer");
    if (before !== el.dataset.layer) at = null;
    const none = model.get("empty");
    empty.textContent = none;
    view.hidden = caption.parentElement.hidden = tools.hidden = Boolean(none);
    empty.hidden = !none;
    caption.textContent = fill(words.caption, { layer: model.get("layer"), what: model.get("caption") });
    caption.title = caption.textContent;
    view.setAttribute("aria-label", fill(words.keys, { caption: caption.textContent }));
    offer();
    tell();
    repaint();
  }

  function offer() {
    const current = model.get("current");
    const options = model.get("states").filter(([id]) => id !== current);
    select.replaceChildren(new Option(words.nothing, ""), ...options.map(([id, text]) => new Option(text, id)));
    select.value = model.get("state");
    select.disabled = !options.length;
    for (const part of [wipe, wipe.previousSibling, wipe.nextSibling]) part.hidden = !other;
    wipe.previousSibling.textContent = model.get("state");
    wipe.nextSibling.textContent = current;
  }

  function repaint() {
    for (const layer of [here, other]) if (layer) layer.sheets = {};
    later();
  }

  function later() {
    if (!waiting) waiting = requestAnimationFrame(draw);
  }

  function sheetOf(layer, fine) {
    const name = fine ? "fine" : "means";
    if (!layer.sheets[name]) {
      const largest = here.largest(fine ? here.cells : here.means); // one scale for both states
      layer.sheets[name] = layer.paint(fine, largest, rgb(el, "--pl-positive"), rgb(el, "--pl-negative"));
    }
    return layer.sheets[name];
  }

  function measure() {
    const [width, height] = [view.clientWidth, view.clientHeight];
    const pictures = model.get("column_names").length > 0;
    high = zoom * between(LEAST_ROW, height / here.rows, pictures ? MOST_PICTURE : MOST_ROW);
    wide = zoom * Math.min(pictures ? Infinity : MOST_COLUMN, (width - GUTTER - 4) / here.columns);
    if (wide > 2) wide = Math.floor(wide);
    space.style.width = `${Math.max(width, zoom > 1 ? GUTTER + 4 + wide * here.columns : 0)}px`;
    space.style.height = `${Math.max(height, here.rows * high)}px`;
    return [width, height];
  }

  function draw() {
    waiting = 0;
    if (!here.rows || !view.clientWidth || !view.clientHeight) return;
    const [width, height] = measure();
    const scale = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    const first = Math.floor(view.scrollTop / high);
    const last = Math.min(here.rows, first + Math.ceil(height / high) + 1);
    const edge = other ? GUTTER + (wipe.value / 1000) * (Math.min(width, left(here.columns)) - GUTTER) : GUTTER;
    if (other) clipped(context, GUTTER, edge, height, () => drawRows(context, other, first, last, width));
    clipped(context, edge, width, height, () => drawRows(context, here, first, last, width));
    if (other) {
      context.fillStyle = colour(el, "--pl-text");
      context.fillRect(Math.round(edge) - 1, 0, 2, height);
    }
    drawNumbers(context, first, last, height);
    if (at) {
      context.strokeStyle = colour(el, "--pl-text");
      context.strokeRect(left(at.column) - 0.5, top(at.row) - 0.5, Math.max(wide, 2), high);
    }
  }

  function clipped(context, from, to, height, work) {
    context.save();
    context.beginPath();
    context.rect(from, 0, Math.max(0, to - from), height);
    context.clip();
    work();
    context.restore();
  }

  // rows may be 4.6 pixels high: each starts and ends at a whole one
  const top = (row) => Math.round(row * high - view.scrollTop);
  const left = (column) => GUTTER + column * wide - view.scrollLeft;

  // whether there is room for what is in a tile; a picture is drawn whatever room there is
  function fineOf(layer) {
    return model.get("column_names").length > 0 || (layer.size > 1 && wide >= 4 * layer.wide && high >= 4 * layer.high);
  }

  function drawRows(context, layer, first, last, width) {
    const fine = fineOf(layer);
    const sheet = sheetOf(layer, fine);
    const [tall, broad] = fine ? [layer.high, layer.wide] : [1, 1];
    const from = between(0, Math.floor(view.scrollLeft / wide), layer.columns);
    const to = between(from, Math.ceil((view.scrollLeft + width - GUTTER) / wide), layer.columns);
    const gap = high >= 5 ? 1 : 0;
    context.imageSmoothingEnabled = wide < (fine ? layer.wide : 1);
    for (let row = first; row < last; row++) {
      const y = top(row);
      context.globalAlpha = VEIL[layer.marks[row]];
      context.drawImage(sheet, from * broad, row * tall, (to - from) * broad, tall, left(from), y, wide * (to - from), top(row + 1) - y - gap);
    }
    context.globalAlpha = 1;
    if (wide < 5 || !gap) return;
    const bottom = top(last) - top(first);
    for (let column = from + 1; column < to; column++) context.clearRect(left(column) - 1, top(first), 1, bottom);
  }

  function drawNumbers(context, first, last, height) {
    const every = high >= 9 ? 1 : Math.ceil(12 / high);
    const quiet = colour(el, "--pl-quiet");
    const accent = colour(el, "--pl-negative");
    context.clearRect(0, 0, GUTTER, height);
    context.font = `${between(9, high - 1, 11)}px ${getComputedStyle(el).fontFamily}`;
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (let row = first; row < last; row++) {
      const middle = (top(row) + top(row + 1)) / 2;
      const y = every === 1 ? middle : between(6, middle, height - 6); // small rows, whole numbers
      const going = here.marks[row] === GOING;
      if (row % every === 0) {
        context.fillStyle = going && every === 1 ? accent : quiet;
        context.fillText(String(row), GUTTER - 8, y);
        const long = context.measureText(String(row)).width;
        if (every === 1 && here.marks[row]) context.fillRect(GUTTER - 9 - long, y - 0.5, long + 2, 1);
      }
      if (going) {
        context.fillStyle = accent;
        context.fillRect(GUTTER - 5, top(row), 2, top(row + 1) - top(row) - (high >= 5 ? 1 : 0));
      }
    }
  }

  // what is under the pointer

  function point(row, column, x = 0, y = 0) {
    const inside = row >= 0 && row < here.rows && column >= 0 && column < here.columns;
    at = inside ? { row, column, x, y } : null;
    tell();
    later();
  }

  function tell() {
    if (!at || at.row >= here.rows || at.column >= here.columns) {
      at = null;
      output.textContent = "";
      return;
    }
    const cell = at.row * here.columns + at.column;
    const fine = fineOf(here);
    const k = cell * here.size + at.y * here.wide + at.x;
    const names = model.get("column_names");
    const masked = here.masked.length && (fine || here.size === 1) && here.masked[k] > 127;
    output.textContent = fill(words[fine ? "inner" : here.size > 1 ? "mean" : "cell"], {
      unit: model.get("unit_name"), row: at.row, column: names.length ? names[at.column] : model.get("column_name"),
      k: names.length ? "" : ` ${at.column}`, y: at.y, x: at.x,
      value: told(fine ? here.cells[k] : here.means[cell]),
      was: other ? fill(words.was, { value: told(fine ? other.cells[k] : other.means[cell]) }) : "",
      kept: words[masked ? "masked" : ["kept", "cut", "going"][here.marks[at.row]]],
    });
  }

  function under(event) {
    const box = view.getBoundingClientRect();
    const x = (event.clientX - box.left - GUTTER + view.scrollLeft) / wide;
    const y = (event.clientY - box.top + view.scrollTop) / high;
    const inner = (value, n) => between(0, Math.floor((value - Math.floor(value)) * n), n - 1);
    return [Math.floor(y), event.clientX - box.left < GUTTER ? -1 : Math.floor(x), inner(x, here.wide), inner(y, here.high)];
  }

  // zoom and pan

  function zoomTo(wanted, x = view.clientWidth / 2, y = view.clientHeight / 2) {
    const column = (x - GUTTER + view.scrollLeft) / wide;
    const row = (y + view.scrollTop) / high;
    zoom = between(1, wanted, MOST_ZOOM);
    measure();
    view.scrollLeft = column * wide - x + GUTTER;
    view.scrollTop = row * high - y;
    less.disabled = fit.disabled = zoom === 1;
    more.disabled = zoom === MOST_ZOOM;
    tell();
    later();
  }

  view.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // the notebook's own scrolling
    event.preventDefault();
    const box = view.getBoundingClientRect();
    zoomTo(zoom * 2 ** (-event.deltaY / 200), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  view.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    held = { x: event.clientX, y: event.clientY, left: view.scrollLeft, top: view.scrollTop };
    if (zoom > 1) view.setPointerCapture(event.pointerId);
  });
  view.addEventListener("pointermove", (event) => {
    if (held && zoom > 1) {
      view.scrollLeft = held.left - (event.clientX - held.x);
      view.scrollTop = held.top - (event.clientY - held.y);
    }
    point(...under(event));
  });
  view.addEventListener("pointerup", () => (held = null));
  view.addEventListener("pointercancel", () => (held = null));
  view.addEventListener("pointerleave", () => {
    if (!held) point(-1, -1);
  });
  view.addEventListener("scroll", later);
  view.addEventListener("keydown", (event) => {
    const move = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key];
    const to = { "+": zoom * 1.5, "=": zoom * 1.5, "-": zoom / 1.5, 0: 1 }[event.key];
    if ((!move && to === undefined) || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    if (to !== undefined) return zoomTo(to, at ? left(at.column) : undefined, at ? top(at.row) : undefined);
    const { row, column } = at ?? { row: 0, column: 0 };
    point(between(0, row + move[0], here.rows - 1), between(0, column + move[1], here.columns - 1));
    view.scrollTop = between(at.row * high + high - view.clientHeight, view.scrollTop, at.row * high);
    view.scrollLeft = between((at.column + 1) * wide + GUTTER - view.clientWidth, view.scrollLeft, at.column * wide);
  });
  less.addEventListener("click", () => zoomTo(zoom / 1.5));
  fit.addEventListener("click", () => zoomTo(1));
  more.addEventListener("click", () => zoomTo(zoom * 1.5));
  select.addEventListener("change", () => model.send({ compare: select.value }));
  for (const control of [select, wipe]) control.addEventListener("keydown", (event) => event.stopPropagation());
  wipe.addEventListener("input", later);
  less.disabled = fit.disabled = true;

  const remark = () => {
    here.marks = new Uint8Array(bytesOf(model.get("marks")));
    tell();
    later();
  };
  const size = new ResizeObserver(repaint); // also when the stylesheet arrives after the widget
  size.observe(view);
  let settled = 0; // the new theme's stylesheet and its attributes do not arrive in the same frame
  const theme = new MutationObserver(() => {
    repaint();
    clearTimeout(settled);
    settled = setTimeout(repaint, 150);
  });
  theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "class"] });
  const NEWS = "change:cells change:masked change:columns change:empty change:caption change:other_cells change:other_marks";
  model.on(NEWS, read);
  model.on("change:marks", remark);
  model.on("change:states change:current change:state", offer);
  read();
  return () => {
    size.disconnect();
    theme.disconnect();
    clearTimeout(settled);
    cancelAnimationFrame(waiting);
    model.off(NEWS, read);
    model.off("change:marks", remark);
    model.off("change:states change:current change:state", offer);
  };
}

export default { render };

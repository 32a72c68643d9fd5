// Weights on a canvas, a row a unit; only the rows that are in sight are drawn, so that thousands cost nothing.
const GUTTER = 40; // pixels for the numbers of the units
const LEAST_ROW = 3;
const MOST_ROW = 18;
const MOST_COLUMN = 64;
const CUT = 1;
const GOING = 2;

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

function rgb(element, name) {
  return colour(element, name).match(/[\d.]+/g).map(Number);
}

function told(value) {
  return Number(value.toPrecision(3)).toString().replace("-", "−");
}

function render({ model, el }) {
  el.classList.add("pl-masks");
  el.innerHTML = `<div class="pl-caption"><span class="pl-quiet"></span><output class="pl-quiet"></output></div>
    <div class="pl-masks-view" tabindex="0" role="img"><canvas></canvas><div class="pl-masks-space"></div></div>
    <div class="pl-empty pl-quiet"></div>`;
  const [caption, output] = el.querySelectorAll(".pl-caption > *");
  const view = el.querySelector(".pl-masks-view");
  const canvas = el.querySelector("canvas");
  const space = el.querySelector(".pl-masks-space");
  const empty = el.querySelector(".pl-empty");
  const sheet = document.createElement("canvas"); // one pixel a cell; the browser's scaling does the rest
  let cells = new Float32Array(0);
  let marks = new Uint8Array(0);
  let rows = 0;
  let columns = 0;
  let high = MOST_ROW;
  let wide = 1;
  let waiting = 0;
  let painted = false;
  let at = null;

  function read() {
    cells = new Float32Array(bytesOf(model.get("cells")));
    marks = new Uint8Array(bytesOf(model.get("marks")));
    columns = model.get("columns");
    rows = columns ? cells.length / columns : 0;
    const none = model.get("empty");
    empty.textContent = none;
    view.hidden = caption.parentElement.hidden = Boolean(none);
    empty.hidden = !none;
    caption.textContent = `${model.get("layer")} · ${model.get("caption")}`;
    caption.title = caption.textContent;
    view.setAttribute("aria-label", caption.textContent);
    repaint();
  }

  function paintSheet() {
    painted = true;
    sheet.width = columns;
    sheet.height = rows;
    const context = sheet.getContext("2d");
    const image = context.createImageData(columns, rows);
    const positive = rgb(el, "--pl-positive");
    const negative = rgb(el, "--pl-negative");
    // a few outliers would leave the rest pale: the hues are full from the 99th percentile on
    const sizes = Float32Array.from(cells, Math.abs).sort();
    const largest = sizes[Math.floor(0.99 * (sizes.length - 1))] || sizes[sizes.length - 1];
    for (let k = 0; k < cells.length; k++) {
      const hue = cells[k] >= 0 ? positive : negative;
      image.data.set([hue[0], hue[1], hue[2], largest ? 255 * Math.min(1, Math.abs(cells[k] / largest)) : 0], 4 * k);
    }
    context.putImageData(image, 0, 0);
  }

  function repaint() {
    painted = false;
    later();
  }

  function later() {
    if (!waiting) waiting = requestAnimationFrame(draw);
  }

  function draw() {
    waiting = 0;
    const width = view.clientWidth;
    const height = view.clientHeight;
    if (!rows || !width || !height) return;
    if (!painted) paintSheet();
    high = Math.min(MOST_ROW, Math.max(LEAST_ROW, height / rows));
    wide = Math.min(MOST_COLUMN, (width - GUTTER - 4) / columns);
    if (wide > 2) wide = Math.floor(wide);
    space.style.height = `${Math.max(rows * high - height, 0)}px`;
    const scale = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.imageSmoothingEnabled = wide < 1;
    const first = Math.floor(view.scrollTop / high);
    const last = Math.min(rows, first + Math.ceil(height / high) + 1);
    for (let row = first; row < last; row++) drawRow(context, row);
    drawNumbers(context, first, last);
    if (at) frameCell(context);
  }

  // rows may be 4.6 pixels high: each starts and ends at a whole one
  const top = (row) => Math.round(row * high - view.scrollTop);

  function drawRow(context, row) {
    const gap = high >= 5 ? 1 : 0;
    const y = top(row);
    const tall = top(row + 1) - y;
    context.globalAlpha = marks[row] === CUT ? 0.12 : marks[row] === GOING ? 0.35 : 1;
    context.drawImage(sheet, 0, row, columns, 1, GUTTER, y, wide * columns, tall - gap);
    context.globalAlpha = 1;
    if (wide < 5 || !gap) return;
    for (let column = 1; column < columns; column++) context.clearRect(GUTTER + column * wide - 1, y, 1, tall);
  }

  function drawNumbers(context, first, last) {
    const every = high >= 9 ? 1 : Math.ceil(12 / high);
    const quiet = colour(el, "--pl-quiet");
    const accent = colour(el, "--pl-negative");
    context.font = `${Math.min(11, Math.max(9, high - 1))}px ${getComputedStyle(el).fontFamily}`;
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (let row = first; row < last; row++) {
      const middle = (top(row) + top(row + 1)) / 2;
      const y = every === 1 ? middle : Math.min(view.clientHeight - 6, Math.max(6, middle)); // small rows, whole numbers
      const going = marks[row] === GOING;
      if (row % every === 0) {
        context.fillStyle = going && every === 1 ? accent : quiet;
        context.fillText(String(row), GUTTER - 8, y);
        if (every === 1 && marks[row]) {
          context.fillRect(GUTTER - 9 - context.measureText(String(row)).width, y - 0.5, context.measureText(String(row)).width + 2, 1);
        }
      }
      if (going) {
        context.fillStyle = accent;
        context.fillRect(GUTTER - 5, top(row), 2, top(row + 1) - top(row) - (high >= 5 ? 1 : 0));
      }
    }
  }

  function frameCell(context) {
    context.strokeStyle = colour(el, "--pl-text");
    context.strokeRect(GUTTER + at.column * wide - 0.5, top(at.row) - 0.5, Math.max(wide, 2), high);
  }

  function point(row, column) {
    const inside = row >= 0 && row < rows && column >= 0 && column < columns;
    at = inside ? { row, column } : null;
    const how = inside ? ["kept", "cut", "would be cut"][marks[row]] : "";
    output.textContent = inside
      ? `${model.get("unit_name")} ${row}, ${model.get("column_name")} ${column}: ${told(cells[row * columns + column])}, ${how}`
      : "";
    later();
  }

  view.addEventListener("pointermove", (event) => {
    const box = view.getBoundingClientRect();
    point(Math.floor((event.clientY - box.top + view.scrollTop) / high), Math.floor((event.clientX - box.left - GUTTER) / wide));
  });
  view.addEventListener("pointerleave", () => point(-1, -1));
  view.addEventListener("scroll", later);
  view.addEventListener("keydown", (event) => {
    const move = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key];
    if (!move) return;
    event.preventDefault();
    event.stopPropagation();
    const { row, column } = at ?? { row: 0, column: 0 };
    point(Math.min(rows - 1, Math.max(0, row + move[0])), Math.min(columns - 1, Math.max(0, column + move[1])));
    const y = at ? at.row * high : 0;
    if (y < view.scrollTop) view.scrollTop = y;
    if (y + high > view.scrollTop + view.clientHeight) view.scrollTop = y + high - view.clientHeight;
  });
  const remark = () => {
    marks = new Uint8Array(bytesOf(model.get("marks")));
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
  model.on("change:cells change:columns change:empty change:caption", read);
  model.on("change:marks", remark);
  read();
  return () => {
    size.disconnect();
    theme.disconnect();
    clearTimeout(settled);
    cancelAnimationFrame(waiting);
    model.off("change:cells change:columns change:empty change:caption", read);
    model.off("change:marks", remark);
  };
}

export default { render };

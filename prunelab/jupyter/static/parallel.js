// Parallel coordinates on a canvas: an axis a choice and an objective, a line a trial; the nearest line is picked. A range
// that is drawn along an axis leaves the lines that pass it.
const [OTHER, ON_FRONT, CHOSEN] = [0, 1, 2];
const [TOP, SIDE] = [18, 34];
const REACH = 7; // pixels beside an axis that are meant for it

const bytes = (view) => view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);

function render({ model, el }) {
  el.classList.add("pl-parallel");
  const canvas = document.createElement("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", model.get("words").coordinates);
  canvas.tabIndex = 0;
  el.append(canvas);
  let lines = new Float32Array(0);
  let kinds = new Uint8Array(0);
  let near = -1;
  let drew = false; // a range, with the press that a click comes of
  const ranges = new Ranges();
  let waiting = 0;

  const colour = (name) => getComputedStyle(el).getPropertyValue(name).trim();
  const size = () => [el.clientWidth, el.clientHeight];
  const room = () => (el.clientHeight < 260 ? 66 : 82); // for the names of the axes
  function place(axis, value) {
    const [width, height] = size();
    const n = Math.max(model.get("axes").length - 1, 1);
    return [SIDE + (axis * (width - 2 * SIDE)) / n, TOP + (1 - value) * (height - TOP - room())];
  }

  const passes = (row) => {
    const n = model.get("axes").length;
    return ranges.hold(lines.subarray(row * n, (row + 1) * n));
  };

  function trace(ink, row) {
    const n = model.get("axes").length;
    let open = false;
    ink.beginPath();
    for (let axis = 0; axis < n; axis++) {
      const value = lines[row * n + axis];
      if (Number.isFinite(value)) ink[open ? "lineTo" : "moveTo"](...place(axis, value));
      open = Number.isFinite(value);
    }
    ink.stroke();
  }

  function draw() {
    waiting = 0;
    const [width, height] = size();
    if (!width || !height) return;
    const dense = window.devicePixelRatio || 1;
    [canvas.width, canvas.height] = [width * dense, height * dense];
    [canvas.style.width, canvas.style.height] = [`${width}px`, `${height}px`];
    const ink = canvas.getContext("2d");
    ink.scale(dense, dense);
    const axes = model.get("axes");
    ink.strokeStyle = colour("--pl-edge");
    axes.forEach((axis, k) => {
      ink.beginPath();
      ink.moveTo(...place(k, 0));
      ink.lineTo(...place(k, 1));
      ink.stroke();
    });
    const looks = { [OTHER]: ["--pl-quiet", 1, 0.3], [ON_FRONT]: ["--pl-positive", 1.5, 0.9], [CHOSEN]: ["--pl-brand", 2.5, 1] };
    const inside = [...kinds.keys()].map(passes);
    for (const kind of [OTHER, ON_FRONT, CHOSEN]) {
      const [name, wide, alpha] = looks[kind];
      [ink.strokeStyle, ink.lineWidth] = [colour(name), wide];
      kinds.forEach((is, row) => {
        ink.globalAlpha = inside[row] ? alpha : 0.06;
        if (is === kind) trace(ink, row);
      });
    }
    if (near >= 0) {
      [ink.strokeStyle, ink.lineWidth, ink.globalAlpha] = [colour("--pl-text"), 2, 1];
      trace(ink, near);
    }
    drawRanges(ink);
    ink.globalAlpha = 1;
    label(ink, axes, colour("--pl-quiet"), colour("--pl-font"));
  }

  function drawRanges(ink) {
    ink.globalAlpha = 0.35;
    ink.fillStyle = colour("--pl-brand");
    for (const [axis, [low, high]] of ranges.of) {
      const [[x, bottom], [, top]] = [place(axis, low), place(axis, high)];
      ink.fillRect(x - 5, top, 10, Math.max(bottom - top, 2));
    }
    if (ranges.axis < 0 || document.activeElement !== canvas) return;
    [ink.globalAlpha, ink.strokeStyle, ink.lineWidth] = [1, colour("--pl-brand"), 1.5];
    const [[x, bottom], [, top]] = [place(ranges.axis, 0), place(ranges.axis, 1)];
    ink.strokeRect(x - 6, top - 2, 12, bottom - top + 4);
  }

  // names stand on end below their axes, as many as there is room for; the ends are told of as many as fit
  function label(ink, axes, quiet, font) {
    const [, height] = size();
    const apart = axes.length > 1 ? place(1, 0)[0] - place(0, 0)[0] : 100;
    const every = Math.max(1, Math.ceil(13 / apart));
    const ends = Math.max(1, Math.ceil(46 / apart));
    ink.fillStyle = quiet;
    ink.font = `11px ${font || "sans-serif"}`;
    axes.forEach((axis, k) => {
      const [x] = place(k, 0);
      const last = k === axes.length - 1;
      if (k % every === 0 || last) {
        ink.save();
        ink.translate(x + 4, height - room() + 18);
        ink.rotate(Math.PI / 2);
        ink.textAlign = "left";
        ink.fillText(short(axis.name, (text) => text.length <= (room() > 70 ? 10 : 7)), 0, 4);
        ink.restore();
      }
      ink.textAlign = "center";
      if (last || (k % ends === 0 && axes.length - 1 - k >= ends)) {
        ink.fillText(axis.high, x, TOP - 6);
        ink.fillText(axis.low, x, height - room() + 12);
      }
    });
  }

  function read() {
    lines = new Float32Array(bytes(model.get("lines")));
    kinds = new Uint8Array(bytes(model.get("kinds")));
    near = -1;
    again();
  }

  function renew() {
    ranges.clear();
    read();
  }

  const again = () => (waiting ||= requestAnimationFrame(draw));

  // the line that is nearest to a point, within a few pixels
  function nearest(event) {
    const box = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const n = model.get("axes").length;
    const apart = n > 1 ? place(1, 0)[0] - place(0, 0)[0] : 1;
    const axis = Math.min(Math.max(Math.floor((x - SIDE) / apart), 0), n - 2);
    const part = (x - SIDE - axis * apart) / apart;
    let best = -1;
    let least = 8;
    kinds.forEach((kind, row) => {
      if (!passes(row)) return;
      const [a, b] = [lines[row * n + axis], lines[row * n + axis + 1]];
      const far = Math.abs(place(0, a + (b - a) * part)[1] - y) - kind; // of two that are as near, the better one
      if (far < least) [best, least] = [row, far];
    });
    return best;
  }

  // the axis under the pointer, or none, and how far up on it
  function onAxis(event) {
    const box = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const axis = model.get("axes").findIndex((_, k) => Math.abs(place(k, 0)[0] - x) <= REACH);
    const [bottom, top] = [place(0, 0)[1], place(0, 1)[1]];
    return [y < top - REACH || y > bottom + REACH ? -1 : axis, Math.min(1, Math.max(0, (bottom - y) / (bottom - top)))];
  }

  canvas.addEventListener("pointerdown", (event) => {
    const [axis, value] = onAxis(event);
    drew = false;
    if (event.button || axis < 0) return;
    canvas.setPointerCapture(event.pointerId);
    ranges.begin(axis, value);
  });
  canvas.addEventListener("pointermove", (event) => {
    const [axis, value] = onAxis(event);
    if (ranges.drawing) {
      if (ranges.stretch(value)) again();
      return;
    }
    const found = nearest(event);
    canvas.style.cursor = axis >= 0 ? "row-resize" : found < 0 ? "" : "pointer";
    if (found === near) return;
    near = found;
    canvas.title = near < 0 ? "" : model.get("told")[near];
    again();
  });
  const drop = () => {
    if (!ranges.drawing) return;
    drew = ranges.end();
    again();
  };
  canvas.addEventListener("pointerup", drop);
  canvas.addEventListener("pointercancel", drop);
  canvas.addEventListener("dblclick", () => {
    ranges.clear();
    again();
  });
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || !ranges.press(event.key, model.get("axes").length)) return;
    event.preventDefault();
    event.stopPropagation();
    again();
  });
  canvas.addEventListener("focus", again);
  canvas.addEventListener("blur", again);
  canvas.addEventListener("pointerleave", () => {
    near = -1;
    again();
  });
  canvas.addEventListener("click", (event) => {
    const found = drew ? -1 : nearest(event);
    if (found >= 0) model.send({ pick: model.get("numbers")[found] });
  });
  const resized = new ResizeObserver(again);
  resized.observe(el);
  model.on("change:lines change:kinds", read);
  model.on("change:axes", renew);
  read();
  return () => {
    resized.disconnect();
    cancelAnimationFrame(waiting);
    model.off("change:lines change:kinds", read);
    model.off("change:axes", renew);
  };
}

export default { render };

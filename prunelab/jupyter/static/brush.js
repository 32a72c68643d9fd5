// A brush that lies over a figure: dragging marks a stretch and zooms to it (on the numbers beside the plot, a stretch of
// values), a double click shows all, and a click goes through to the figure. With the keys: + and − zoom, with Shift the arrows
// up and down zoom the values, the arrows move, 0 shows all.
function render({ model, el }) {
  const words = model.get("words");
  el.classList.add("pl-brush");
  el.tabIndex = 0;
  el.setAttribute("role", "group");
  el.setAttribute("aria-label", words.keys);
  const band = document.createElement("div");
  const all = document.createElement("button");
  band.className = "pl-brush-band";
  band.hidden = true;
  all.className = "jupyter-widgets jupyter-button pl-brush-all";
  all.textContent = words.all;
  all.title = words["all hint"];
  el.append(band, all);
  let from = null;

  const send = (brush, side = "along") => model.send(brush ? { brush, side } : { brush });
  // the plot's edges, what of it lies under the pointer, along it and of its values, and whose values are meant
  function at(event) {
    const box = el.getBoundingClientRect();
    const { left, right, top, bottom } = model.get("margin");
    const [width, height] = [box.width - left - right, box.height - top - bottom];
    const [x, y] = [event.clientX - box.left - left, event.clientY - box.top - top];
    const side = x < 0 ? "left" : x > width ? "right" : "along";
    const part = side === "along" || from?.side === "along" ? x / width : 1 - y / height;
    return { x: event.clientX, y: event.clientY, part: Math.min(1, Math.max(0, part)), side, left, top, width, height };
  }
  const over = (event) => el.parentElement?.contains(event.target) && !all.contains(event.target);
  const ends = (event) => {
    const now = at(event);
    const other = from.side === "along" ? now.part : Math.min(1, Math.max(0, from.part + (from.y - now.y) / from.height));
    return [from.part, other].sort((a, b) => a - b);
  };

  function down(event) {
    if (event.button === 0 && over(event)) from = at(event);
  }
  function move(event) {
    if (!from) return;
    const along = from.side === "along";
    band.hidden = Math.abs(along ? event.clientX - from.x : event.clientY - from.y) < 6;
    if (band.hidden) return;
    event.preventDefault();
    const [low, high] = ends(event);
    band.classList.toggle("pl-brush-values", !along);
    const { left, top, width, height } = from;
    const box = along ? [left + low * width, top, (high - low) * width, height]
      : [left, top + (1 - high) * height, width, (high - low) * height];
    ["left", "top", "width", "height"].forEach((name, k) => (band.style[name] = `${box[k]}px`));
  }
  function up(event) {
    if (from && !band.hidden) {
      const [low, high] = ends(event);
      if (high - low > 0.01) send([low, high], from.side);
      // what was a drag is no click
      window.addEventListener("click", (click) => click.stopPropagation(), { capture: true, once: true });
    }
    from = null;
    band.hidden = true;
  }
  function twice(event) {
    if (over(event)) send(null);
  }
  const keys = { "+": [0.2, 0.8], "=": [0.2, 0.8], "-": [-0.33, 1.33], "−": [-0.33, 1.33], ArrowLeft: [-0.2, 0.8],
    ArrowRight: [0.2, 1.2], 0: null };
  const values = { ArrowUp: [0.2, 1.2], ArrowDown: [-0.2, 0.8], "Shift+ArrowUp": [0.2, 0.8], "Shift+ArrowDown": [-0.33, 1.33] };
  el.addEventListener("keydown", (event) => {
    const key = event.key.startsWith("Arrow") && event.shiftKey ? `Shift+${event.key}` : event.key;
    if (!(key in keys || key in values) || event.target !== el || event.ctrlKey || event.metaKey) return;
    if (key in keys) send(keys[key]);
    else send(values[key], "values");
    event.preventDefault();
    event.stopPropagation();
  });
  all.addEventListener("click", () => send(null));
  const show = () => (all.hidden = !model.get("zoomed"));
  const heard = { pointerdown: down, pointermove: move, pointerup: up, dblclick: twice };
  for (const [kind, hear] of Object.entries(heard)) document.addEventListener(kind, hear);
  model.on("change:zoomed", show);
  show();
  return () => {
    for (const [kind, hear] of Object.entries(heard)) document.removeEventListener(kind, hear);
    model.off("change:zoomed", show);
  };
}

export default { render };

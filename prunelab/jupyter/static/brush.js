// A brush that lies over a figure: dragging marks a stretch and zooms to it, a double click shows all, and a click goes
// through to the figure. With the keys: + and − zoom, the arrows move, 0 shows all.
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

  const send = (brush) => model.send({ brush });
  function at(event) {
    const box = el.getBoundingClientRect();
    const width = box.width - model.get("left") - model.get("right");
    return Math.min(1, Math.max(0, (event.clientX - box.left - model.get("left")) / width));
  }
  const over = (event) => el.parentElement?.contains(event.target) && !all.contains(event.target);

  function down(event) {
    if (event.button === 0 && over(event)) from = { x: event.clientX, at: at(event) };
  }
  function move(event) {
    if (!from) return;
    band.hidden = Math.abs(event.clientX - from.x) < 6;
    if (band.hidden) return;
    event.preventDefault();
    const box = el.getBoundingClientRect();
    const [left, width] = [model.get("left"), box.width - model.get("left") - model.get("right")];
    const ends = [from.at, at(event)].sort((a, b) => a - b);
    band.style.left = `${left + ends[0] * width}px`;
    band.style.width = `${(ends[1] - ends[0]) * width}px`;
  }
  function up(event) {
    if (from && !band.hidden) {
      const ends = [from.at, at(event)].sort((a, b) => a - b);
      if (ends[1] - ends[0] > 0.01) send(ends);
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
  el.addEventListener("keydown", (event) => {
    if (!(event.key in keys) || event.target !== el || event.ctrlKey || event.metaKey) return;
    send(keys[event.key]);
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

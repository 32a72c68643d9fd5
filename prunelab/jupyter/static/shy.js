// Draws a figure where it has room, and not before: in a hidden tab bqplot gives its parts negative sizes. Each view waits for
// itself, since a page that is loaded again finds its tabs as they were left.
const MODEL = "IPY_MODEL_";

async function viewed(manager, figure) {
  const id = typeof figure === "string" && figure.startsWith(MODEL) ? figure.slice(MODEL.length) : null;
  return manager.create_view(id === null ? figure : await manager.get_model(id));
}

function render({ model, el }) {
  el.classList.add("pl-shy");
  let [view, away] = [null, false];
  async function draw() {
    const manager = model.widget_manager;
    if (!manager?.create_view) return; // a front end of one widget alone
    const made = await viewed(manager, model.get("figure"));
    if (away) made.remove();
    else {
      view = made;
      const shown = made.luminoWidget ?? made.pWidget;
      // tells the view that it is in the page, as a box of ipywidgets would
      if (shown) shown.constructor.attach(shown, el);
      else {
        el.append(made.el);
        made.trigger?.("displayed");
      }
    }
  }
  const size = new ResizeObserver(([entry]) => {
    if (entry.contentRect.width < 1 || entry.contentRect.height < 1) return;
    size.disconnect();
    draw();
  });
  size.observe(el);
  return () => {
    away = true;
    size.disconnect();
    view?.remove();
  };
}

export default { render };

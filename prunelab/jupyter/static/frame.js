// Tells the panel whether it is on the screen, says when its kernel is gone, and carries Pause and Stop past a cell that is running: what widgets say
// may wait until it ends, what this page says on a channel of its own does not (see channel.py).
const TARGET = "prunelab.control";

function opened(model) {
  try {
    const comm = model.widget_manager?.kernel?.createComm?.(TARGET);
    comm?.open({ panel: model.get("panel") });
    return comm ?? null;
  } catch {
    return null; // a front end that has no such thing, or a kernel that is gone: the buttons speak for themselves
  }
}

function render({ model, el }) {
  el.className = "pl-dead";
  el.setAttribute("role", "status");
  const channel = opened(model);
  let root = null;
  // ipywidgets says so when a widget's kernel is gone
  const dead = () => {
    const gone = root.classList.contains("jupyter-widgets-disconnected");
    el.textContent = gone ? model.get("gone") : "";
    for (const part of root.querySelectorAll(".pl-panel > :not(.pl-dead)")) part.inert = gone;
  };
  const watcher = new MutationObserver(dead);
  const press = (event) => {
    const button = event.target.closest?.(".pl-pause, .pl-stop");
    if (!button || button.disabled || !channel || channel.isDisposed) return;
    event.stopImmediatePropagation();
    event.preventDefault();
    channel.send({ press: button.classList.contains("pl-stop") ? "stop" : "pause" });
  };
  // the panel's element is there once this view is in the page
  const attach = requestAnimationFrame(() => {
    root = el.closest(".prunelab");
    if (!root) return;
    root.addEventListener("click", press, true);
    watcher.observe(root, { attributes: true, attributeFilter: ["class"] });
    dead();
  });
  model.send({ seen: true });
  return () => {
    cancelAnimationFrame(attach);
    watcher.disconnect();
    root?.removeEventListener("click", press, true);
    try {
      if (channel && !channel.isDisposed) channel.close();
      model.send({ seen: false });
    } catch {
      // the kernel is gone, and nobody listens any more
    }
  };
}

export default { render };

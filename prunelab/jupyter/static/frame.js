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

// ipywidgets' sliders have no name for a screen reader, nor have fields that are described by a title alone
function name(root) {
  for (const handle of root.querySelectorAll(".noUi-handle:not([aria-label])")) {
    const label = handle.closest(".widget-inline-hbox")?.querySelector(".widget-label")?.textContent;
    if (label) handle.setAttribute("aria-label", label);
  }
  for (const field of root.querySelectorAll("select[title]:not([aria-label]), input[title]:not([aria-label])")) {
    if (![...field.labels].some((label) => label.textContent.trim())) field.setAttribute("aria-label", field.title);
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
  const names = new MutationObserver(() => name(root));
  const press = (event) => {
    const button = event.target.closest?.(".pl-pause, .pl-stop");
    if (!button || button.disabled || !channel || channel.isDisposed) return;
    event.stopImmediatePropagation();
    event.preventDefault();
    channel.send({ press: button.classList.contains("pl-stop") ? "stop" : "pause" });
  };
  // In command mode JupyterLab and Notebook take any key for the notebook's: an arrow leaves the cell, "d d" deletes it.
  // What is pressed in the panel is meant for the panel, but for what has Control, Alt or Meta (saving, for instance).
  const keys = (event) => {
    if (!root?.contains(event.target)) return;
    const everything = event.key.toLowerCase() === "a" && event.target.closest(".pl-grid");
    const theirs = (event.ctrlKey || event.altKey || event.metaKey) && !everything && event.key !== " ";
    event.target.toggleAttribute("data-lm-suppress-shortcuts", !theirs);
  };
  window.addEventListener("keydown", keys, true); // before the document's own listener
  // the panel's element is there once this view is in the page
  const attach = requestAnimationFrame(() => {
    root = el.closest(".prunelab");
    if (!root) return;
    root.addEventListener("click", press, true);
    watcher.observe(root, { attributes: true, attributeFilter: ["class"] });
    names.observe(root, { childList: true, subtree: true });
    dead();
    name(root);
  });
  model.send({ seen: true });
  return () => {
    cancelAnimationFrame(attach);
    window.removeEventListener("keydown", keys, true);
    watcher.disconnect();
    names.disconnect();
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

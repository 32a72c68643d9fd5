// Tells the panel whether it is on the screen.
function render({ model, el }) {
  el.style.display = "none";
  model.send({ seen: true });
  return () => {
    try {
      model.send({ seen: false });
    } catch {
      // the kernel is gone, and nobody listens any more
    }
  };
}

export default { render };

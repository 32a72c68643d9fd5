// Says when it is on the screen, with some room: what stands in a hidden tab has none.
function render({ model, el }) {
  el.classList.add("pl-lookout");
  const size = new ResizeObserver(([entry]) => {
    if (entry.contentRect.width < 1 || entry.contentRect.height < 1) return;
    size.disconnect();
    model.send({ seen: true });
  });
  size.observe(el);
  return () => size.disconnect();
}

export default { render };

// A histogram of scores: what is kept, what would go, and the threshold between them.
const W = 400;
const H = 120;

function render({ model, el }) {
  el.classList.add("pl-scores");

  function draw() {
    const bars = model.get("bars");
    const [low, high] = model.get("ends");
    const threshold = model.get("threshold");
    const caption = document.createElement("div");
    caption.className = "pl-caption pl-quiet";
    caption.textContent = model.get("caption");
    if (!bars.length) {
      el.replaceChildren(caption);
      return;
    }
    const most = Math.max(1, ...bars.map(([kept, going]) => kept + going));
    const wide = W / bars.length;
    const rects = bars.map(([kept, going], k) => {
      const a = (H * going) / most;
      const b = (H * kept) / most;
      const at = `x="${k * wide + 1}" width="${wide - 2}"`;
      return `<rect class="pl-going" ${at} y="${H - a}" height="${a}"/><rect class="pl-kept" ${at} y="${H - a - b}" height="${b}"/>`;
    });
    const x = threshold === null ? null : Math.min(W, Math.max(0, threshold * W));
    const mark = x === null ? "" : `<line class="pl-threshold" x1="${x}" x2="${x}" y1="0" y2="${H}"/>`;
    const picture = document.createElement("div");
    picture.className = "pl-scores-view";
    picture.innerHTML = `<svg viewBox="0 0 ${W} ${H}" preserveAspectRatio="none" role="img">${rects.join("")}
      <line class="pl-rule" x1="0" x2="${W}" y1="${H}" y2="${H}"/>${mark}</svg>`;
    picture.firstChild.setAttribute("aria-label", model.get("caption"));
    const ends = document.createElement("div");
    ends.className = "pl-ends pl-quiet";
    for (const text of [low, "score", high]) {
      const part = document.createElement("span");
      part.textContent = text;
      ends.append(part);
    }
    const legend = document.createElement("div");
    legend.className = "pl-key pl-quiet";
    legend.innerHTML = `<span><i class="pl-kept"></i>kept</span><span><i class="pl-going"></i>would be cut</span>
      <span><i class="pl-threshold"></i>threshold</span>`;
    el.replaceChildren(caption, picture, ends, legend);
  }

  model.on("change", draw);
  draw();
  return () => model.off("change", draw);
}

export default { render };

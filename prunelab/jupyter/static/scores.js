// A histogram of scores: what is kept, what would go, and the threshold between them, which can be dragged.
const W = 400;
const H = 120;
const KEYS = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 5, PageDown: -5, Home: -Infinity, End: Infinity };

const HTML = `<div class="pl-caption pl-quiet"></div><div class="pl-scores-view"><svg viewBox="0 0 ${W} ${H}" preserveAspectRatio="none" role="img">
    <g></g><line class="pl-rule" x1="0" x2="${W}" y1="${H}" y2="${H}"/></svg>
  <div class="pl-handle" role="slider" tabindex="0" aria-valuemin="0"></div></div>
  <div class="pl-ends pl-quiet"><span></span><span></span><span></span></div>
  <div class="pl-key pl-quiet"><span><i class="pl-kept"></i></span><span><i class="pl-going"></i></span>
  <span><i class="pl-threshold"></i></span></div>`;

function render({ model, el }) {
  el.classList.add("pl-scores");
  el.innerHTML = HTML;
  const caption = el.querySelector(".pl-caption");
  const [view, ends, key] = el.querySelectorAll(".pl-scores-view, .pl-ends, .pl-key");
  const svg = view.querySelector("svg");
  const bars = svg.querySelector("g");
  const handle = view.querySelector(".pl-handle");
  const words = model.get("words");
  handle.setAttribute("aria-label", words.threshold);
  ends.children[1].textContent = words.score;
  [words.kept, words.going, words["threshold hint"]].forEach((text, k) => key.children[k].append(text));
  let dragging = false;

  function draw() {
    const counts = model.get("bars");
    const [low, high] = model.get("ends");
    caption.textContent = caption.title = model.get("caption");
    svg.setAttribute("aria-label", model.get("caption"));
    for (const part of [view, ends, key]) part.hidden = !counts.length;
    ends.firstChild.textContent = low ?? "";
    ends.lastChild.textContent = high ?? "";
    const most = Math.max(1, ...counts.map(([kept, going]) => kept + going));
    const wide = W / counts.length;
    bars.innerHTML = counts.map(([kept, going], k) => {
      const [a, b] = [(H * going) / most, (H * kept) / most];
      const at = `x="${k * wide + 1}" width="${wide - 2}"`;
      return `<rect class="pl-going" ${at} y="${H - a}" height="${a}"/><rect class="pl-kept" ${at} y="${H - a - b}" height="${b}"/>`;
    }).join("");
    const { cut, units } = model.get("cut");
    handle.setAttribute("aria-valuemax", units - 1);
    handle.setAttribute("aria-valuenow", cut);
    handle.setAttribute("aria-valuetext", words.below.replace("{cut}", cut).replace("{units}", units));
    if (!dragging) place(model.get("threshold"));
  }

  function place(part) {
    handle.style.left = `${100 * Math.min(1, Math.max(0, part))}%`;
  }

  function drag(event) {
    const box = view.getBoundingClientRect();
    const part = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    place(part);
    model.send({ threshold: part });
  }

  view.addEventListener("pointerdown", (event) => {
    if (event.button || !model.get("bars").length) return;
    event.preventDefault();
    dragging = true;
    view.setPointerCapture(event.pointerId);
    handle.focus({ preventScroll: true });
    drag(event);
  });
  view.addEventListener("pointermove", (event) => {
    if (dragging) drag(event);
  });
  const drop = () => {
    if (!dragging) return;
    dragging = false;
    place(model.get("threshold"));
  };
  view.addEventListener("pointerup", drop);
  view.addEventListener("pointercancel", drop);
  handle.addEventListener("keydown", (event) => {
    const by = KEYS[event.key];
    if (by === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const { units } = model.get("cut");
    model.send({ move: Number.isFinite(by) ? by : Math.sign(by) * units });
  });

  model.on("change", draw);
  draw();
  return () => model.off("change", draw);
}

export default { render };

// What was exported: a format's numbers with the dense model's below, and its files to be had by a click.
function make(tag, kind, text) {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  return made;
}

function save(name, pieces) {
  const address = URL.createObjectURL(new Blob(pieces, { type: "application/octet-stream" }));
  const link = make("a");
  link.href = address;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

function render({ model, el }) {
  const words = model.get("words");
  el.classList.add("pl-result");
  const coming = new Map(); // the pieces of files that are on their way, by key
  const failed = make("p", "pl-bad");
  failed.setAttribute("role", "alert");

  function lines(row) {
    const tr = make("tr", "pl-numbers");
    const head = make("th", "", row.name);
    head.scope = "row";
    tr.append(head);
    for (const [value, below] of row.cells) {
      const td = make("td", "", value);
      if (below) td.append(make("div", "pl-quiet", below));
      tr.append(td);
    }
    const below = make("tr", "pl-files");
    const cell = make("td");
    cell.colSpan = 1 + row.cells.length;
    const files = make("span");
    for (const file of row.files) {
      const button = make("button", "pl-file", file.name);
      button.title = words.download.replace("{name}", file.name).replace("{size}", file.size);
      button.addEventListener("click", () => {
        if (coming.has(file.key)) return;
        coming.set(file.key, []);
        failed.textContent = "";
        button.disabled = true;
        model.send({ download: file.key });
      });
      button.dataset.key = file.key;
      files.append(button);
    }
    cell.append(files);
    below.append(cell);
    return [tr, below];
  }

  function draw() {
    const rows = model.get("rows");
    if (!rows.length) {
      el.replaceChildren(make("p", "pl-quiet", words.nothing));
      return;
    }
    const table = make("table");
    const head = make("tr");
    for (const text of [words.format, words.size, words.latency, words.error]) {
      const th = make("th", "", text);
      th.scope = "col";
      head.append(th);
    }
    const [thead, body] = [make("thead"), make("tbody")];
    thead.append(head);
    body.append(...rows.flatMap(lines));
    table.append(thead, body);
    const notes = model.get("notes").map((note) => make("p", "pl-quiet", note));
    el.replaceChildren(make("p", "pl-quiet", model.get("where")), table, failed, ...notes);
  }

  function heard(message, buffers) {
    if (message.failed) {
      failed.textContent = message.failed;
      coming.clear();
      for (const button of el.querySelectorAll(".pl-file")) button.disabled = false;
      return;
    }
    const pieces = coming.get(message.key);
    if (!pieces) return; // another view of this widget asked
    pieces[message.piece] = buffers[0];
    if (pieces.filter(Boolean).length < message.pieces) return;
    coming.delete(message.key);
    const button = el.querySelector(`[data-key="${message.key}"]`);
    if (button) button.disabled = false;
    save(message.file, pieces);
  }

  model.on("change", draw);
  model.on("msg:custom", heard);
  draw();
  return () => {
    model.off("change", draw);
    model.off("msg:custom", heard);
  };
}

export default { render };

// The line of code equal to the last click; buttons that copy it, and, where the front end allows, make it a cell.
async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  // over plain http browsers have no clipboard object
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

// JupyterLab's and Notebook 7's widget managers know their notebook; where there is none to be known, no button is shown
function notebookOf(model) {
  const shared = model.widget_manager?.context?.model?.sharedModel;
  return typeof shared?.insertCell === "function" && Array.isArray(shared.cells) ? shared : null;
}

// the place below the cell that shows the panel; the end, where the panel is in no cell
function placeBelow(el, notebook) {
  const cell = el.closest(".jp-Cell");
  const listed = cell?.dataset.windowedListIndex;
  const all = [...(cell?.parentElement?.children ?? [])].filter((other) => other.classList.contains("jp-Cell"));
  const at = listed !== undefined ? Number(listed) : all.indexOf(cell);
  return at >= 0 && at < notebook.cells.length ? at + 1 : notebook.cells.length;
}

function button(text, title) {
  const made = document.createElement("button");
  made.className = "jupyter-widgets jupyter-button";
  made.type = "button";
  made.textContent = text;
  made.title = title;
  return made;
}

function render({ model, el }) {
  el.classList.add("pl-command");
  const code = document.createElement("code");
  code.tabIndex = 0;
  const words = model.get("words");
  code.setAttribute("aria-label", words.code);
  const copies = button(words.copy, words["copy hint"]);
  const inserts = button(words.insert, words["insert hint"]);
  const notebook = notebookOf(model);
  el.append(code, copies, ...(notebook ? [inserts] : []));

  function show() {
    const line = model.get("line");
    code.textContent = line || words.nothing;
    code.title = line;
    code.classList.toggle("pl-quiet", !line);
    copies.disabled = inserts.disabled = !line;
  }

  // the word changes for a moment, the button's width does not
  function said(pressed, text) {
    const before = pressed.textContent;
    pressed.style.minWidth = `${pressed.offsetWidth}px`;
    pressed.textContent = text;
    setTimeout(() => (pressed.textContent = before), 1200);
  }

  copies.addEventListener("click", async () => {
    await copy(model.get("line"));
    said(copies, words.copied);
  });
  inserts.addEventListener("click", () => {
    notebook.insertCell(placeBelow(el, notebook), { cell_type: "code", source: model.get("line"), metadata: {} });
    said(inserts, words.inserted);
  });
  model.on("change:line", show);
  show();
  return () => model.off("change:line", show);
}

export default { render };

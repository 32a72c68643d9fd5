// The line of code equal to the last click, and a button that copies it.
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

function render({ model, el }) {
  el.classList.add("pl-command");
  const code = document.createElement("code");
  const button = document.createElement("button");
  button.className = "jupyter-widgets jupyter-button";
  button.textContent = "Copy";
  button.title = "copy the line that does the same as the last click";
  el.append(code, button);

  function show() {
    const line = model.get("line");
    code.textContent = line || "your last click, as code";
    code.title = line;
    code.classList.toggle("pl-quiet", !line);
    button.disabled = !line;
  }

  button.addEventListener("click", async () => {
    await copy(model.get("line"));
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1200);
  });
  model.on("change:line", show);
  show();
  return () => model.off("change:line", show);
}

export default { render };

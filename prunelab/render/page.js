// A page that is read: values under the pointer, one state lit in every picture, tables that sort, lists that filter.
(() => {
  "use strict";
  const all = (query, root = document) => [...root.querySelectorAll(query)];

  // values: what a <title> says, without the delay of the browser's own
  const tip = document.body.appendChild(document.createElement("div"));
  tip.id = "tip";
  tip.setAttribute("role", "status");
  for (const title of all("svg title")) {
    title.parentNode.dataset.tip = title.textContent;
    title.parentNode.setAttribute("aria-label", title.textContent);
    title.remove();
  }
  const show = (text, x, y) => {
    tip.style.display = text ? "block" : "none";
    if (!text) return;
    tip.textContent = text;
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(x + 12, innerWidth - box.width - 4))}px`;
    tip.style.top = `${y + 18 + box.height > innerHeight ? y - box.height - 8 : y + 18}px`;
  };
  // a strip of units: which one is under the pointer is a matter of arithmetic
  const unit = (cells, event) => {
    const svg = cells.closest("svg"), box = svg.getBoundingClientRect(), view = svg.viewBox.baseVal;
    const side = +cells.dataset.side, columns = +cells.dataset.columns, each = +cells.dataset.each;
    const column = Math.floor((event.clientX - box.left) * view.width / box.width / side);
    const row = Math.floor((event.clientY - box.top) * view.height / box.height / side);
    const first = (row * columns + column) * each;
    return each > 1 ? `units ${first} to ${first + each - 1}` : `unit ${first}`;
  };

  const light = (state) => all("[data-state]").forEach((e) => e.classList.toggle("lit", !!state && e.dataset.state === state));
  document.addEventListener("pointermove", (event) => {
    const at = event.target.closest?.("[data-tip], [data-state]");
    const cells = at?.closest("[data-columns]");
    const told = at?.closest("[data-tip]")?.dataset.tip ?? "";
    show(cells ? `${unit(cells, event)}: ${told}` : told, event.clientX, event.clientY);
    light(event.target.closest?.("[data-state]")?.dataset.state);
  });
  document.addEventListener("pointerleave", () => { show(""); light(); });
  document.addEventListener("scroll", () => show(""), { passive: true });
  for (const row of all("tr[data-state]")) {
    row.tabIndex = 0;
    row.addEventListener("focus", () => light(row.dataset.state));
    row.addEventListener("blur", () => light());
  }

  // tables sort by what a cell's data-value says
  const value = (row, place) => row.cells[place].dataset.value ?? row.cells[place].textContent;
  const compare = (a, b) => (a !== "" && b !== "" && !isNaN(a) && !isNaN(b) ? a - b : String(a).localeCompare(String(b)));
  for (const head of all("table.sorts th")) {
    head.setAttribute("aria-sort", "none");
    head.tabIndex = 0;
    const sort = () => {
      const upwards = head.getAttribute("aria-sort") !== "ascending", body = head.closest("table").tBodies[0];
      const rows = [...body.rows].sort((a, b) => compare(value(a, head.cellIndex), value(b, head.cellIndex)));
      body.append(...(upwards ? rows : rows.reverse()));
      all("th", head.parentNode).forEach((th) => th.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", upwards ? "ascending" : "descending");
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(); });
  }

  // long lists filter by name
  for (const list of all("[data-filter]")) {
    if (list.children.length < 9) continue;
    const input = document.createElement("input");
    input.type = "search";
    input.placeholder = input.ariaLabel = list.dataset.filter;
    input.style.marginBottom = "10px";
    input.addEventListener("input", () => {
      for (const item of list.children) item.hidden = !item.dataset.name.includes(input.value);
      for (const item of list.children) item.style.display = item.hidden ? "none" : "";
    });
    list.before(input);
  }

  // code is copied
  for (const box of all(".copied")) {
    const button = box.appendChild(document.createElement("button"));
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      const text = box.querySelector("pre").textContent;
      try { await navigator.clipboard.writeText(text); } catch { getSelection().selectAllChildren(box.querySelector("pre")); }
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1200);
    });
  }

  // paper shows what is folded
  addEventListener("beforeprint", () => all("details").forEach((d) => { d.dataset.was = d.open; d.open = true; }));
  addEventListener("afterprint", () => all("details").forEach((d) => { d.open = d.dataset.was === "true"; }));
})();

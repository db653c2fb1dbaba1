// Inline edit: double-click or Enter opens a cell, Tab goes on, Esc gives up, leaving or Enter saves.
import { $, $$, on, request, t } from "./base.js";
import { passOn, toast } from "./toast.js";
import { explain } from "./glue.js";

const address = (cell) => {
  const row = cell.closest("tr");
  return `${cell.closest("table").dataset.base}${row.dataset.id}/cell/${encodeURIComponent(cell.dataset.field)}/`;
};

async function open(cell) {
  if (cell.classList.contains("gx-editing")) return;
  if (cell.dataset.locked) { toast({ text: cell.dataset.locked, seconds: 4 }); return; }
  if (cell.dataset.edit === undefined) return;
  const answer = await request(address(cell));
  if (!answer.ok) { if (!passOn(answer)) explain(answer.status, (name) => answer.headers.get(name)); return; }
  cell.dataset.before = cell.innerHTML;
  put(cell, await answer.text());
}

function put(cell, html) {
  cell.classList.add("gx-editing");
  cell.innerHTML = html;
  window.htmx?.process(cell);
  cell.dispatchEvent(new CustomEvent("gx:added", { bubbles: true }));
  const control = $(".form-control, .form-select, .form-check-input", cell);
  control?.focus();
  control?.select?.();
  const form = $("form", cell);
  form.addEventListener("submit", (event) => { event.preventDefault(); save(cell); });
  form.addEventListener("keydown", (event) => keys(event, cell));
  form.addEventListener("focusout", () => setTimeout(() => {
    if (cell.classList.contains("gx-editing") && !cell.contains(document.activeElement) && !$(".ts-wrapper.dropdown-active", cell)) save(cell);
  }, 120));
}

function keys(event, cell) {
  if (event.isComposing || event.keyCode === 229) return;
  if (event.key === "Escape") { event.preventDefault(); event.stopPropagation(); close(cell); cell.focus(); }
  else if (event.key === "Enter" && event.target.tagName !== "TEXTAREA") { event.preventDefault(); save(cell); }
  else if (event.key === "Tab") {
    event.preventDefault();
    const all = $$("td[data-edit]", cell.closest("table"));
    const next = all[all.indexOf(cell) + (event.shiftKey ? -1 : 1)];
    save(cell).then((done) => { if (done && next) open(next); });
  }
}

function close(cell, html = cell.dataset.before) {
  delete cell.dataset.busy;
  cell.classList.remove("gx-editing", "gx-saving");
  cell.innerHTML = html;
}

async function save(cell) {
  if (cell.dataset.busy) return false;
  cell.dataset.busy = "1";
  cell.classList.add("gx-saving");
  let answer;
  try {
    answer = await request(address(cell), { method: "POST", body: new FormData($("form", cell)) });
  } catch {
    delete cell.dataset.busy;
    cell.classList.remove("gx-saving");
    explain(0);
    return false;
  }
  delete cell.dataset.busy;
  cell.classList.remove("gx-saving");
  if (answer.status === 422 || answer.status === 409) { passOn(answer); put(cell, await answer.text()); return false; }
  if (!answer.ok) { if (!passOn(answer)) explain(answer.status, (name) => answer.headers.get(name)); close(cell); return false; }
  close(cell, await answer.text());
  const row = cell.closest("tr");
  if (answer.headers.get("X-Record-Version")) row.dataset.version = answer.headers.get("X-Record-Version");
  passOn(answer);
  cell.classList.remove("gx-saved");
  void cell.offsetWidth;
  cell.classList.add("gx-saved");
  announce(t("saved"));
  return true;
}

function announce(text) {
  const live = $("#list-live");
  if (live) live.textContent = text;
}

on("dblclick", "td[data-field]", (event, cell) => { if (!event.target.closest("a, button, input, select")) { getSelection().removeAllRanges(); open(cell); } });
on("keydown", "td[data-edit][tabindex]", (event, cell) => {
  if (event.target !== cell) return;
  if (event.key === "Enter" || event.key === "F2") { event.preventDefault(); open(cell); return; }
  const move = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
  if (!move) return;
  event.preventDefault();
  const row = cell.parentElement;
  const other = move[0] ? (move[0] > 0 ? row.nextElementSibling : row.previousElementSibling)?.cells[cell.cellIndex]
    : $$("td[data-edit]", row).at(($$("td[data-edit]", row).indexOf(cell) + move[1]) % $$("td[data-edit]", row).length);
  other?.focus();
});

// Lists: selection with ranges, the row cursor, column widths, sorting by several columns, groups.
import { $, $$, each, on, request, t, typing, vendor } from "./base.js";
import { redraw } from "./glue.js";

const boxes = () => $$('.gx-table tbody input[name="ids"]');
let last = null;

// Selection
function show() {
  const all = boxes();
  const chosen = all.filter((one) => one.checked);
  const bar = $("#bulk");
  if (!bar) return;
  const everything = $("#select-everything")?.value === "1";
  bar.hidden = !chosen.length;
  const total = Number(bar.dataset.total);
  $("[data-count]", bar).textContent = everything ? t("selected_all", { count: bar.dataset.totalText }) : t("selected", { count: chosen.length });
  const more = $("[data-select-all]", bar);
  more.hidden = everything || chosen.length < all.length || total <= all.length;
  $("[data-many]", bar) && $$("[data-many]", bar).forEach((one) => { one.disabled = !everything && chosen.length < 2; });
  for (const box of all) box.closest("tr").setAttribute("aria-selected", String(box.checked));
  const head = $("#check-page");
  if (head) { head.checked = chosen.length > 0 && chosen.length === all.length; head.indeterminate = chosen.length > 0 && chosen.length < all.length; }
}
function forget() { const all = $("#select-everything"); if (all) all.value = ""; }

on("click", '.gx-table tbody input[name="ids"]', (event, box) => {
  const all = boxes();
  if (event.shiftKey && last && all.includes(last)) {
    const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((one, two) => one - two);
    for (const one of all.slice(from, to + 1)) one.checked = box.checked;
  }
  last = box;
  forget();
  show();
});
on("mousedown", ".gx-check label", (event) => { if (event.shiftKey) event.preventDefault(); });
on("change", "#check-page", (_event, head) => { boxes().forEach((one) => { one.checked = head.checked; }); forget(); show(); });
on("click", "[data-select-all]", () => { $("#select-everything").value = "1"; show(); });
on("click", "[data-select-none]", () => { boxes().forEach((one) => { one.checked = false; }); forget(); show(); });
each("#bulk", show);

// The row cursor: j and k move, x selects, space peeks, Enter opens, o opens too.
const rows = () => $$(".gx-table tbody tr[data-id]");
const here = () => $(".gx-table tbody tr.gx-here");
function stand(row) {
  here()?.classList.remove("gx-here");
  row?.classList.add("gx-here");
  row?.scrollIntoView({ block: "nearest" });
  $(".gx-title a", row ?? document)?.focus({ preventScroll: true });
}
document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || typing(event) || event.ctrlKey || event.metaKey || event.altKey) return;
  if ($("dialog[open]") || $(":popover-open:not(#toasts)") || document.documentElement.dataset.keys === "off") return;
  const all = rows();
  if (!all.length) return;
  const at = all.indexOf(here());
  if (event.key === "j" || event.key === "k") {
    event.preventDefault();
    stand(all[Math.max(0, Math.min(all.length - 1, at + (event.key === "j" ? 1 : -1)))]);
  } else if (at >= 0 && event.key === "x") {
    event.preventDefault();
    $('input[name="ids"]', all[at])?.click();
  } else if (at >= 0 && event.key === " " && !/^(BUTTON|SUMMARY)$/.test(event.target.tagName)) {
    event.preventDefault();
    $("[data-peek]", all[at])?.click();
  }
});
on("click", "[data-peek]", (_event, link) => stand(link.closest("tr")));

// Shift-click on a heading adds the column to the sort.
on("click", "a[data-also]", (event, link) => {
  if (!event.shiftKey) return;
  event.preventDefault();
  event.stopPropagation();
  redraw(link.dataset.also);
}, true);

// Column widths: dragged or moved with arrow keys, kept with the view.
let saving;
function keep(table) {
  clearTimeout(saving);
  saving = setTimeout(() => {
    const body = new URLSearchParams();
    for (const column of $$("col[data-column]", table)) body.set(column.dataset.column, column.width);
    request(table.dataset.widths, { method: "POST", body });
  }, 600);
}
function widen(handle, width) {
  const column = $(`col[data-column="${CSS.escape(handle.dataset.column)}"]`);
  handle.setAttribute("aria-valuenow", String(Math.round(width)));
  column.width = String(Math.round(Math.max(56, Math.min(900, width))));
  pins(handle.closest("table"));
}
on("pointerdown", ".gx-resize", (event, handle) => {
  event.preventDefault();
  const start = event.clientX;
  const width = handle.parentElement.getBoundingClientRect().width;
  handle.classList.add("on");
  handle.setPointerCapture(event.pointerId);
  const move = (moved) => widen(handle, width + moved.clientX - start);
  handle.addEventListener("pointermove", move);
  handle.addEventListener("pointerup", () => {
    handle.removeEventListener("pointermove", move);
    handle.classList.remove("on");
    keep(handle.closest("table"));
  }, { once: true });
});
on("keydown", ".gx-resize", (event, handle) => {
  const step = { ArrowLeft: -16, ArrowRight: 16 }[event.key];
  if (!step) return;
  event.preventDefault();
  widen(handle, handle.parentElement.getBoundingClientRect().width + step);
  keep(handle.closest("table"));
});

// Pinned columns stand at the left, one after the other.
function pins(table) {
  const heads = $$("thead .gx-pin", table);
  let left = 0;
  for (const head of heads) {
    const place = `${left}px`;
    for (const cell of $$(`tr > :nth-child(${head.cellIndex + 1}).gx-pin`, table)) cell.style.left = place;
    left += head.getBoundingClientRect().width;
  }
}
each(".gx-table", pins);

// The search box asks while one types, never in the middle of a composition.
let asking;
function find(box) {
  clearTimeout(asking);
  asking = setTimeout(() => box.form?.dispatchEvent(new CustomEvent("gx:find")), 350);
}
on("input", "[data-find] input[type=search]", (event, box) => { if (!event.isComposing) find(box); });
on("compositionend", "[data-find] input[type=search]", (_event, box) => find(box));

// The filter builder: more conditions, more groups.
let fresh = 500;
async function addCondition(button) {
  const number = (fresh += 1);
  const answer = await request(`${button.dataset.url}?n=${number}&g=${button.dataset.addCondition}`, { headers: { "HX-Request": "true" } });
  if (!answer.ok) return;
  const holder = document.createElement("template");
  holder.innerHTML = await answer.text();
  const row = $(".gx-cond", holder.content);
  button.before(row);
  window.htmx.process(row);
  $("select", row)?.setAttribute("autofocus", "");
  row.dispatchEvent(new CustomEvent("gx:added", { bubbles: true }));
}
// What somebody types while the row is drawn anew after another operator was chosen is kept.
let typed = null;
let chosen = false; // a field was chosen: the operator is next
document.addEventListener("htmx:beforeSwap", (event) => {
  const row = event.detail.target;
  if (row.matches?.("[data-cond]")) chosen = Boolean(event.detail.requestConfig?.elt?.name?.endsWith(".field"));
  if (!row.matches?.("[data-cond]") || !event.detail.requestConfig?.elt?.name?.endsWith(".op")) return;
  const box = $("input.form-control:not([type=hidden])", row);
  typed = box?.value ? { name: box.name, value: box.value, here: document.activeElement === box } : null;
});
document.addEventListener("htmx:load", (event) => {
  if (!event.target.matches?.("[data-cond]")) return;
  if (chosen) { chosen = false; $('select[name$=".op"]', event.target)?.focus(); }
  if (!typed) return;
  const box = $(`input[name="${CSS.escape(typed.name)}"]`, event.target);
  if (box) { box.value = typed.value; if (typed.here) box.focus(); }
  typed = null;
});
on("click", "[data-add-condition]", (_event, button) => addCondition(button));
on("click", "[data-remove-condition]", (_event, button) => {
  const block = button.closest("[data-block]");
  button.closest(".gx-cond").remove();
  if (block.dataset.block !== "0" && !$(".gx-cond", block)) block.remove();
});
on("click", "[data-add-block]", (_event, button) => {
  const holder = document.createElement("template");
  const key = $$("[data-block]").length;
  holder.innerHTML = $("#block-template").innerHTML.replaceAll("__g__", String(key));
  const block = holder.content.firstElementChild;
  button.before(block);
  addCondition($("[data-add-condition]", block));
});

// Groups fold.
on("click", ".gx-group button[aria-expanded]", (_event, button) => {
  const open = button.getAttribute("aria-expanded") !== "true";
  button.setAttribute("aria-expanded", String(open));
  for (const row of $$(`tr[data-group="${CSS.escape(button.dataset.group)}"]`)) row.hidden = !open;
});

// Column chooser: drag rows, or move them with the keyboard.
each("[data-sortable]", async (box) => {
  await vendor("sortable/sortable.min.js");
  window.Sortable.create(box, { handle: ".gx-grip", animation: 120, forceFallback: false });
});
on("keydown", "[data-sortable] .gx-grip", (event, grip) => {
  const row = grip.closest("[data-sortable] > *");
  if (event.key === "ArrowUp" && row.previousElementSibling) row.previousElementSibling.before(row);
  else if (event.key === "ArrowDown" && row.nextElementSibling) row.nextElementSibling.after(row);
  else return;
  event.preventDefault();
  grip.focus();
});

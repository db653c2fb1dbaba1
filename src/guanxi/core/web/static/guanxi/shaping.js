// Settings: rows are put in order by dragging or with the arrow keys; columns and steps of editors are added and removed.
import { $, $$, each, on, vendor } from "./base.js";

const rows = (list) => [...list.children].filter((row) => row.dataset.key !== undefined);

let waiting = 0;
function send(list) {
  list.dispatchEvent(new Event("change", { bubbles: true }));
  if (!list.dataset.order) return;
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    window.htmx.ajax("POST", list.dataset.order, { values: { key: rows(list).map((row) => row.dataset.key) }, swap: "none" });
  }, 400);
}

each("[data-order]", async (list) => {
  await vendor("sortable/sortable.min.js");
  window.Sortable.create(list, {
    handle: "[data-grip]", group: list.dataset.group || undefined, animation: 120, fallbackOnBody: true, invertSwap: true,
    onEnd: (event) => { if (event.from !== event.to || event.oldIndex !== event.newIndex) { name(event.item); send(event.to); if (event.from !== event.to) send(event.from); } },
  });
});

// In editors a row carries hidden inputs whose names say in which list it lies.
function name(row) {
  const list = row.parentElement;
  if (!list?.dataset.name) return;
  for (const input of $$("[data-of-list]", row)) input.name = list.dataset.name;
}

on("keydown", "[data-grip]", (event, grip) => {
  const row = grip.closest("[data-key]");
  const list = row.parentElement;
  const step = { ArrowUp: -1, ArrowDown: 1, ArrowLeft: -2, ArrowRight: 2 }[event.key];
  if (!step) return;
  event.preventDefault();
  event.stopPropagation();
  if (Math.abs(step) === 2) {
    const lists = $$(`[data-group="${CSS.escape(list.dataset.group ?? "-")}"]`);
    const next = lists[lists.indexOf(list) + step / 2];
    if (!next) return;
    next.append(row);
    send(next);
  } else {
    const other = step < 0 ? row.previousElementSibling : row.nextElementSibling;
    if (!other) return;
    if (step < 0) other.before(row); else other.after(row);
  }
  name(row);
  send(row.parentElement);
  grip.focus();
});

// A line more from a template, a line less.
on("click", "[data-add]", (_event, button) => {
  const list = $(button.dataset.add);
  const made = $(button.dataset.from ?? `${button.dataset.add}-line`).content.cloneNode(true);
  const number = Date.now() % 1e8;
  for (const element of made.querySelectorAll("[name],[id],[for]")) {
    for (const attribute of ["name", "id", "for"]) {
      if (element.hasAttribute(attribute)) element.setAttribute(attribute, element.getAttribute(attribute).replace("__", number));
    }
  }
  list.append(made);
  const added = list.lastElementChild;
  added.dispatchEvent(new Event("gx:added", { bubbles: true }));
  $("input,select,textarea", added)?.focus();
});
on("click", "[data-drop]", (_event, button) => {
  const row = button.closest("[data-key]");
  const list = row.parentElement;
  row.remove();
  send(list);
});

// A function or field of the list goes into the formula at the cursor.
let last = null;
on("focusin", "textarea.font-monospace", (_event, area) => { last = area; });
on("click", "[data-insert]", (event, button) => {
  event.preventDefault();
  const area = last ?? $("textarea.font-monospace");
  if (!area) return;
  area.setRangeText(button.dataset.insert, area.selectionStart, area.selectionEnd, "end");
  area.focus();
  area.dispatchEvent(new Event("input", { bubbles: true }));
});

// A section that goes leaves its fields to those not shown.
on("click", "[data-drop-part]", (_event, button) => {
  const part = button.closest(".gx-arrange-part");
  const rest = $('[data-name="rest"]');
  for (const row of rows($("ul", part))) { rest.append(row); name(row); }
  part.remove();
  send(rest);
});

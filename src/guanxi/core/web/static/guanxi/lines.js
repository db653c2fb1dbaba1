// The grid of a record's lines: keyboard, dragging, pasting from a spreadsheet, pickers, totals worked out by the server.
import { $, $$, each, on, request, t, vendor } from "./base.js";
import { toast } from "./toast.js";

const lines = (grid) => $$("tr[data-line]", grid);
const fields = (line) => $$("td[data-col] :is(input:not([type=hidden]), select, textarea)", line).filter((one) => one.offsetParent !== null);
const cellOf = (control) => control.closest("td[data-col]");
const inCell = (line, name) => $(`td[data-col="${name}"] :is(input:not([type=hidden]), select, textarea)`, line);

/** Names follow the order of the rows: `lines.0.price`, `lines.1.price` … */
function number(grid) {
  const key = grid.dataset.grid;
  let shown = 0;
  lines(grid).forEach((line, place) => {
    for (const one of $$("[name]", line)) one.name = one.name.replace(new RegExp(`^${key}\\.[^.]+\\.`), `${key}.${place}.`);
    for (const one of $$("[id]", line)) one.id = `f-${key}-${place}-${cellOf(one)?.dataset.col ?? "x"}`;
    if (line.dataset.sort === "item") shown += 1;
    const label = $(".gx-line-number", line);
    if (label) label.textContent = line.dataset.sort === "item" ? shown : "";
    const wide = line.dataset.sort !== "item" && grid.dataset.textColumn;
    if (wide) {
      const cell = $(`td[data-col="${grid.dataset.textColumn}"]`, line);
      if (cell) cell.colSpan = $$("td[data-col]", line).length;
    }
  });
}

function add(grid, sort = "item", after = null) {
  const blank = $(`template[data-blank="${sort}"]`, grid) ?? $("template[data-blank]", grid);
  const line = blank.content.firstElementChild.cloneNode(true);
  if (after) after.after(line); else $("[data-lines]", grid).append(line);
  number(grid);
  later(grid);
  line.dispatchEvent(new CustomEvent("gx:added", { bubbles: true }));
  return line;
}

const changed = (grid) => grid.dispatchEvent(new Event("input", { bubbles: true }));
const isBlank = (line) => fields(line).every((one) => one.type === "checkbox" || one.tagName === "SELECT" || !one.value || one.value === one.defaultValue);

// -- totals ------------------------------------------------------------------------------------------------------

const waiting = new WeakMap();
const asked = new WeakMap();

/** An answer under way was asked of lines that are no longer as they were: it is not shown. */
const outdate = (grid) => asked.set(grid, (asked.get(grid) ?? 0) + 1);

function later(grid) {
  outdate(grid);
  clearTimeout(waiting.get(grid));
  waiting.set(grid, setTimeout(() => check(grid), 180));
}

async function check(grid) {
  const form = grid.closest("form");
  if (!form || !form.isConnected) return;
  number(grid);
  outdate(grid);
  const turn = asked.get(grid);
  const data = new FormData(form);
  for (const [name, value] of [...data]) if (value instanceof File) data.delete(name);
  let answer;
  try { answer = await request(grid.dataset.check, { method: "POST", body: data }); } catch { return; }
  if (!answer.ok || asked.get(grid) !== turn) return;
  show(grid, await answer.json());
}

function show(grid, found) {
  lines(grid).forEach((line, place) => {
    const row = found.rows[place];
    for (const cell of $$("td[data-col]", line)) mark(cell, row?.errors[cell.dataset.col] ?? []);
    if (!row) return;
    for (const [name, text] of Object.entries(row.texts)) {
      const output = $(`output[data-text="${name}"]`, line);
      if (output) output.textContent = text;
    }
    for (const [name, value] of Object.entries(row.values)) {
      const control = inCell(line, name);
      if (control && control !== document.activeElement && control.type !== "checkbox" && control.value !== value && (!control.value || name === grid.dataset.sourced)) control.value = value;
    }
    const source = $("[data-source]", line);
    if (source && row.source !== undefined) {
      source.value = row.source;
      const cell = $(`td[data-col="${grid.dataset.sourced}"]`, line);
      if (cell) { cell.title = row.source; cell.classList.toggle("gx-from-book", row.source !== ""); }
    }
  });
  for (const [name, text] of Object.entries(found.totals)) {
    const total = $(`[data-total="${name}"]`, grid);
    if (total) total.textContent = text;
  }
  const says = $("[data-says]", grid);
  if (says) says.textContent = found.general.join(" ");
}

function mark(cell, errors) {
  $$(".invalid-feedback", cell).forEach((one) => one.remove());
  const control = $(":is(input:not([type=hidden]), select, textarea)", cell);
  control?.classList.toggle("is-invalid", errors.length > 0);
  for (const text of errors) {
    const note = document.createElement("div");
    note.className = "invalid-feedback d-block";
    note.textContent = text;
    cell.append(note);
  }
}

each("[data-grid]", async (grid) => {
  number(grid);
  grid.closest("form")?.addEventListener("input", (event) => { if (!event.target.closest?.("dialog [data-free]")) later(grid); });
  grid.closest("form")?.addEventListener("change", () => later(grid));
  await vendor("sortable/sortable.min.js");
  new window.Sortable($("[data-lines]", grid), { handle: "[data-grip]", draggable: "tr[data-line]", animation: 120, onEnd: () => { number(grid); changed(grid); } });
});

// -- adding, removing, moving ---------------------------------------------------------------------------------------

on("click", "[data-add-line]", (event, button) => {
  event.preventDefault();
  const grid = button.closest("[data-grid]");
  const line = add(grid, button.dataset.addLine);
  fields(line)[0]?.focus();
});
on("click", "[data-remove-line]", (_event, button) => {
  const grid = button.closest("[data-grid]");
  const line = button.closest("tr");
  const next = line.nextElementSibling ?? line.previousElementSibling;
  if (line.nextElementSibling?.classList.contains("gx-line-errors")) line.nextElementSibling.remove();
  line.remove();
  if (!lines(grid).length) add(grid);
  number(grid);
  changed(grid);
  if (next?.isConnected) $("[data-remove-line]", next)?.focus(); // a field would open its list over the buttons below
});
on("keydown", "tr[data-line] [data-grip]", (event, grip) => {
  const line = grip.closest("tr");
  if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
  event.preventDefault();
  const other = event.key === "ArrowUp" ? line.previousElementSibling : line.nextElementSibling;
  if (!other) return;
  if (event.key === "ArrowUp") other.before(line); else other.after(line);
  grip.focus();
  changed(line.closest("[data-grid]"));
});

/** Move to the same column of another line; below the last one a new line begins. */
function go(control, step) {
  const grid = control.closest("[data-grid]");
  const line = control.closest("tr");
  const all = lines(grid);
  const place = all.indexOf(line) + step;
  if (place < 0) return;
  const name = cellOf(control).dataset.col;
  const target = all[place] ?? (isBlank(line) ? null : add(grid));
  if (!target) return;
  const next = inCell(target, name) ?? fields(target)[0];
  next?.focus();
  next?.select?.();
}

function onward(control) {
  const row = fields(control.closest("tr"));
  row[row.indexOf(control) + 1]?.focus();
}

/** Choose what is pointed at and go to the next cell; says whether there was anything. */
function taken(control) {
  if (!choose(control)) return false;
  onward(control);
  return true;
}

document.addEventListener("keydown", (event) => {
  const control = event.target.closest?.("td[data-col] :is(input, select)");
  if (!control || event.isComposing || event.keyCode === 229 || event.ctrlKey || event.metaKey || event.altKey) return;
  const open = list.hidden === false && list.dataset.for === control.name;
  if (sought === control && control.value.trim() && ["Enter", "Tab", "ArrowDown"].includes(event.key) && !event.shiftKey) {
    event.preventDefault(); // faster than the list: it is asked at once, and then does what was pressed
    event.stopPropagation();
    clearTimeout(typed);
    search(control).then(() => {
      if (event.key === "ArrowDown" || document.activeElement !== control || taken(control)) return;
      if (event.key === "Enter") go(control, 1); else onward(control); // nothing is called so: the text stays as it is
    });
  } else if (event.key === "Enter") {
    event.preventDefault();
    event.stopPropagation();
    if (open && taken(control)) return;
    go(control, event.shiftKey ? -1 : 1);
  } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && control.tagName !== "SELECT") {
    event.preventDefault();
    if (open) point(event.key === "ArrowDown" ? 1 : -1); else go(control, event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Escape" && open) {
    event.stopPropagation();
    close();
  } else if (event.key === "Tab" && open) {
    choose(control);
  } else if (event.key === "Tab" && !event.shiftKey) {
    const row = fields(control.closest("tr"));
    const all = lines(control.closest("[data-grid]"));
    if (row.at(-1) === control && all.at(-1) === control.closest("tr") && !isBlank(control.closest("tr"))) {
      event.preventDefault();
      fields(add(control.closest("[data-grid]")))[0]?.focus();
    }
  }
}, true);

// A price somebody writes is his own; one that came from a price book follows the quantity.
on("input", "td[data-col] input", (_event, input) => {
  const grid = input.closest("[data-grid]");
  if (cellOf(input).dataset.col !== grid.dataset.sourced) return;
  const source = $("[data-source]", input.closest("tr"));
  if (source) source.value = "";
  cellOf(input).classList.remove("gx-from-book");
});

// -- picking ------------------------------------------------------------------------------------------------------

const list = document.createElement("ul");
list.className = "gx-pick-list";
list.id = "gx-pick-list";
list.setAttribute("role", "listbox");
list.hidden = true;
let pickTurn = 0;
/** The field whose text the list does not answer yet. */
let sought = null;

function close() {
  list.hidden = true;
  $$("[aria-controls=gx-pick-list]").forEach((one) => { one.setAttribute("aria-expanded", "false"); one.removeAttribute("aria-activedescendant"); });
}

function point(step) {
  const items = $$("li", list);
  if (!items.length) return;
  const now = items.findIndex((one) => one.getAttribute("aria-selected") === "true");
  const next = (now + step + items.length) % items.length;
  items.forEach((one, place) => one.setAttribute("aria-selected", String(place === next)));
  items[next].scrollIntoView({ block: "nearest" });
  $("[aria-controls=gx-pick-list]")?.setAttribute("aria-activedescendant", items[next].id);
}

async function search(input) {
  const turn = (pickTurn += 1);
  const url = new URL(input.dataset.search, location.href);
  url.searchParams.set("q", input.value.trim());
  let items = [];
  try { items = (await (await request(url)).json()).items ?? []; } catch { sought = null; return; }
  if (turn !== pickTurn || document.activeElement !== input) return;
  sought = null;
  const place = input.getBoundingClientRect();
  (input.closest("dialog") ?? document.body).append(list);
  list.style.left = `${place.left + scrollX}px`;
  list.style.top = `${place.bottom + scrollY + 2}px`;
  list.style.minWidth = `${Math.max(place.width, 260)}px`;
  list.dataset.for = input.name;
  list.replaceChildren(...items.map((item, number) => {
    const line = document.createElement("li");
    line.id = `gx-pick-${number}`;
    line.setAttribute("role", "option");
    line.setAttribute("aria-selected", String(number === 0 && input.value.trim() !== ""));
    line.dataset.value = item.value;
    line.dataset.text = item.text;
    line.textContent = item.text;
    if (item.hint) { const hint = document.createElement("small"); hint.textContent = ` ${item.hint}`; line.append(hint); }
    return line;
  }));
  if (!items.length) { const none = document.createElement("li"); none.textContent = t("nothing_found"); list.append(none); }
  list.hidden = false;
  input.setAttribute("aria-controls", list.id);
  input.setAttribute("aria-expanded", "true");
}

function choose(input, item = $("li[aria-selected=true]", list)) {
  close();
  if (!item?.dataset.value) return false;
  const hidden = $("input[data-ref]", cellOf(input));
  const fresh = hidden.value !== item.dataset.value;
  hidden.value = item.dataset.value;
  input.value = item.dataset.text;
  input.dataset.chosen = item.dataset.text;
  const grid = input.closest("[data-grid]");
  const line = input.closest("tr");
  if (fresh) {
    for (const name of grid.dataset.follows.split(" ").filter(Boolean)) {
      const control = inCell(line, name);
      if (control) control.value = "";
      if (name === grid.dataset.sourced) { const source = $("[data-source]", line); if (source) source.value = ""; }
    }
  }
  input.dispatchEvent(new Event("change", { bubbles: true }));
  return true;
}

let typed = 0;
on("input", "input[data-search][role=combobox]", (event, input) => {
  const hidden = $("input[data-ref]", cellOf(input));
  if (hidden) hidden.value = "";
  clearTimeout(typed);
  sought = input;
  if (!event.isComposing) typed = setTimeout(() => search(input), 120);
});
on("compositionend", "input[data-search][role=combobox]", (_event, input) => search(input));
on("focusin", "input[data-search][role=combobox]", (_event, input) => { if (!input.value) search(input); });
on("focusout", "input[data-search][role=combobox]", () => setTimeout(() => { if (!list.matches(":hover")) close(); }, 120));
list.addEventListener("pointerdown", (event) => {
  event.preventDefault();
  const input = document.activeElement;
  if (input?.matches?.("[role=combobox]")) choose(input, event.target.closest("li"));
});

// -- pasting ------------------------------------------------------------------------------------------------------

/** Write a pasted text into a cell; answers what a list of choices does not have, else "". */
function put(line, name, text) {
  const control = inCell(line, name);
  const plain = text.trim();
  if (!control) return "";
  if (control.type === "checkbox") control.checked = /^(1|x|y|yes|true|是|✓)$/i.test(plain);
  else if (control.tagName === "SELECT") {
    const found = [...control.options].find((one) => one.text.trim() === plain || one.value === plain);
    if (!found) return plain;
    control.value = found.value;
  } else if (control.matches("[role=combobox]")) {
    const hidden = $("input[data-ref]", cellOf(control));
    if (hidden) hidden.value = "";
    control.value = plain;
  } else {
    const number = cellOf(control).className.match(/gx-lc-(money|decimal|integer|percent)/);
    control.value = number ? text.replace(/[\s￥¥%]/g, "") : plain;
    const source = name === line.closest("[data-grid]").dataset.sourced && $("[data-source]", line);
    if (source) source.value = "";
  }
  return "";
}

const FIGURE = /^-?[￥¥$€]?\s*\d[\d,.\s]*%?$/;
const plainly = (text) => text.toLowerCase().replace(/[\s%％()（）*]/g, "");

/** The columns a first row names, "" for those it does not; null when it is no heading. */
function heading(row, cells) {
  const known = cells.map((one) => [one.dataset.col, plainly(one.dataset.label)]);
  const named = row.map((part) => {
    const text = plainly(part);
    return (known.find(([, label]) => label === text) ?? known.find(([, label]) => text.length > 1 && (text.includes(label) || label.includes(text))))?.[0] ?? "";
  });
  return named.filter(Boolean).length * 2 > row.filter(Boolean).length && new Set(named).size > 1 ? named : null;
}

/** Into which columns pasted ones go: by a heading; side by side; figures into those of figures where they would fall into words. */
function columnsFor(rows, cells) {
  const named = heading(rows[0], cells);
  if (named) return { columns: named, rows: rows.slice(1) };
  const figures = rows[0].map((_, at) => {
    const filled = rows.map((row) => (row[at] ?? "").trim()).filter(Boolean);
    return filled.length > 0 && filled.filter((part) => FIGURE.test(part)).length >= 0.8 * filled.length;
  });
  const counts = (cell) => /gx-lc-(money|decimal|integer|percent)/.test(cell.className) && $("input", cell);
  const misplaced = figures.some((is, at) => at > 0 && is && cells[at] && /gx-lc-(text|long_text)/.test(cells[at].className));
  if (!misplaced) return { columns: cells.map((one) => one.dataset.col), rows };
  const free = { true: cells.slice(1).filter(counts), false: cells.slice(1).filter((one) => !counts(one) && $("input[type=text], textarea", one)) };
  return { columns: figures.map((is, at) => (at === 0 ? cells[0] : free[is].shift())?.dataset.col ?? ""), rows };
}

on("paste", "td[data-col] input", (event, input) => {
  const text = event.clipboardData?.getData("text/plain") ?? "";
  if (!/[\t\n]/.test(text.replace(/\r?\n$/, ""))) return;
  event.preventDefault();
  const grid = input.closest("[data-grid]");
  let line = input.closest("tr");
  const cells = $$("td[data-col]", line);
  const given = text.replace(/\r/g, "").replace(/\n$/, "").split("\n").map((row) => row.split("\t"));
  const { columns, rows } = columnsFor(given, cells.slice(cells.indexOf(cellOf(input))));
  const unknown = new Set();
  rows.forEach((row, place) => {
    row.forEach((part, at) => { if (columns[at]) unknown.add(put(line, columns[at], part)); });
    if (place < rows.length - 1) line = lines(grid)[lines(grid).indexOf(line) + 1] ?? add(grid);
  });
  clearTimeout(typed);
  pickTurn += 1; // an answer under way opens nothing any more
  close();
  changed(grid);
  unknown.delete("");
  if (unknown.size) toast({ text: t("not_listed", { names: [...unknown].join(", ") }), level: "error" });
});

// The record page: fields changed in place, walking through the list, tabs on a phone, composer and timeline.
import { $, $$, each, on, oneAtATime, request, t, typing } from "./base.js";
import { passOn, reload, toast } from "./toast.js";
import { explain, settled } from "./glue.js";

// Fields in place: double-click, Enter or the pencil opens; Enter saves, Esc gives up.
const failed = (answer) => { if (!passOn(answer)) explain(answer.status, (name) => answer.headers.get(name)); };

async function open(field) {
  if (field.dataset.before !== undefined || !field.dataset.edit) return;
  const answer = await request(field.dataset.edit, { headers: { "HX-Request": "true" } });
  if (!answer.ok) { failed(answer); return; }
  field.dataset.before = field.innerHTML;
  put(field, await answer.text());
}
function put(field, html) {
  field.innerHTML = html;
  field.removeAttribute("title");
  field.dispatchEvent(new CustomEvent("gx:added", { bubbles: true }));
  const control = $(".gx-rich [contenteditable], .form-control:not([hidden]), .form-select, .form-check-input", field);
  control?.focus();
  control?.select?.();
  $("form", field).addEventListener("submit", (event) => { event.preventDefault(); event.stopPropagation(); save(field); });
}
function shut(field, html = field.dataset.before) {
  field.innerHTML = html;
  delete field.dataset.before;
  field.title = t("edit_hint");
}
async function save(field) {
  if (field.dataset.busy) return;
  field.dataset.busy = "1";
  const answer = await request(field.dataset.edit, { method: "POST", body: new FormData($("form", field)), headers: { "HX-Request": "true" } }).catch(() => null);
  delete field.dataset.busy;
  if (!answer) { explain(0); return; }
  if (answer.status === 401) { document.dispatchEvent(new CustomEvent("gx:signin")); return; }
  const text = await answer.text();
  if (answer.status === 422 || answer.status === 409) {
    if (text.trim()) put(field, text);
    passOn(answer);
    return;
  }
  if (!answer.ok) { failed(answer); shut(field); return; }
  shut(field, text);
  window.htmx?.process(field);
  field.classList.toggle("gx-blank", !!$(".gx-value > .text-secondary:only-child", field));
  field.classList.remove("gx-saved");
  void field.offsetWidth;
  field.classList.add("gx-saved");
  field.focus();
  passOn(answer);
}
on("dblclick", "dd[data-field]", (event, field) => {
  if (event.target.closest("a, button, input, select, textarea, form")) return;
  getSelection().removeAllRanges();
  if (field.dataset.edit) open(field);
  else if (field.dataset.locked) toast({ text: field.dataset.locked, seconds: 4 });
});
on("click", "[data-edit-here]", (_event, button) => open(button.closest("dd")));
on("click", "[data-inline-cancel]", (_event, button) => { const field = button.closest("dd"); shut(field); field.focus(); });
on("keydown", "dd[data-field]", (event, field) => {
  if (event.isComposing || event.keyCode === 229) return;
  if (event.target === field && (event.key === "Enter" || event.key === "F2")) { event.preventDefault(); open(field); }
  if (field.dataset.before === undefined) return;
  if (event.key === "Escape" && !$(".ts-wrapper.dropdown-active", field)) { event.preventDefault(); event.stopPropagation(); shut(field); field.focus(); }
  const line = /^(INPUT|SELECT)$/.test(event.target.tagName) && !event.target.closest(".ts-wrapper, [data-rows]");
  if (event.key === "Enter" && line && event.target.type !== "checkbox") { event.preventDefault(); save(field); }
});

on("click", "[data-show-blank]", (_event, button) => {
  $(".gx-details", button.parentElement).classList.add("gx-all");
  button.remove();
});

// What changed elsewhere on the page follows. An answer that comes after the view it was for says nothing new.
const here = () => $("#record-view");
const drawn = (url) => request(url, { headers: { "HX-Request": "true" } }).then((answer) => answer.ok && answer.text()).catch(() => "");
function replace(part, next) {
  part.replaceWith(next);
  window.htmx?.process(next);
  next.dispatchEvent(new CustomEvent("gx:added", { bubbles: true }));
}
const refreshParts = oneAtATime(async () => {
  await settled();
  const view = here();
  const text = view && await drawn(location.href);
  if (!text || view !== here()) return;
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const part of $$("#record-head, .gx-col [id^='panel-'], .gx-col [id^='card-']", view)) {
    const next = fresh.getElementById(part.id);
    if (!next || $("form[data-dirty]", part)) continue;
    const held = part.contains(document.activeElement) ? document.activeElement.id : "";
    replace(part, next);
    if (held) document.getElementById(held)?.focus();
  }
});
const refreshTimeline = oneAtATime(async () => {
  await settled();
  await Promise.all($$(".gx-moments").map(async (box) => {
    const text = await drawn(box.dataset.timeline);
    const next = text && new DOMParser().parseFromString(text, "text/html").querySelector(".gx-moments");
    if (next && box.isConnected) replace(box, next);
  }));
});
document.addEventListener("gx:stale", refreshParts);
document.addEventListener("gx:changed", () => { refreshParts(); refreshTimeline(); });
document.addEventListener("gx:timeline", () => { if (here()) { refreshParts(); refreshTimeline(); } });

// Walking through the list the record was opened from: its rows are remembered when one is followed, and where the
// rows before and behind them are.
const rowsOf = (root) => $$("table[data-base] tbody tr[data-id]", root).map((row) => Number(row.dataset.id));
const pageOf = (root, which) => $(`.gx-pages a[rel="${which}"]`, root)?.getAttribute("href") ?? "";
const walkOf = (root) => ({ ids: rowsOf(root), prev: pageOf(root, "prev"), next: pageOf(root, "next") });
const keepWalk = (base, walk) => sessionStorage.setItem(`gx-walk:${base}`, JSON.stringify(walk));
on("click", "table[data-base] tr[data-id] a", (_event, link) => keepWalk(link.closest("table").dataset.base, walkOf(document)));
async function turn(base, address, way) {
  const answer = await request(address, { headers: { "HX-Request": "true", "HX-Target": "list-view" } }).catch(() => null);
  if (!answer?.ok) { explain(answer?.status ?? 0); return; }
  const walk = walkOf(new DOMParser().parseFromString(await answer.text(), "text/html"));
  const id = walk.ids.at(way > 0 ? 0 : -1);
  if (!id) return;
  keepWalk(base, walk);
  location.href = `${base}${id}/`;
}
each("[data-walk]", (group) => {
  const base = `/${group.dataset.walk}/`;
  let kept = null;
  try { kept = JSON.parse(sessionStorage.getItem(`gx-walk:${base}`)); } catch { kept = null; }
  const at = kept?.ids.indexOf(Number(here()?.dataset.id)) ?? -1;
  if (at < 0) return;
  group.hidden = false;
  for (const link of $$("[data-walk-to]", group)) {
    const way = Number(link.dataset.walkTo);
    const next = kept.ids[at + way];
    const page = way > 0 ? kept.next : kept.prev;
    if (next) link.href = `${base}${next}/`;
    else if (page) {
      link.href = page;
      link.addEventListener("click", (event) => { event.preventDefault(); turn(base, page, way); });
    } else { link.setAttribute("aria-disabled", "true"); link.classList.add("disabled"); }
  }
});
on("click", "[data-peek-to]", (_event, button) => {
  const [, id] = $("[data-peeked]", $("#side")).dataset.peeked.split("/");
  const way = Number(button.dataset.peekTo);
  const rows = () => $$("table[data-base] tbody tr[data-id]");
  const next = rows()[rows().findIndex((row) => row.dataset.id === id) + way];
  if (next) { $("[data-peek]", next)?.click(); return; }
  const page = $(`#list-view .gx-pages a[rel="${way > 0 ? "next" : "prev"}"]`);
  if (!page) return;
  const follow = (event) => {
    if (event.target.id !== "list-view") return;
    document.removeEventListener("htmx:afterSettle", follow);
    $("[data-peek]", rows().at(way > 0 ? 0 : -1) ?? document.createElement("i"))?.click();
  };
  document.addEventListener("htmx:afterSettle", follow);
  page.click();
});
each("[data-peeked]", (box) => {
  const ids = rowsOf(document);
  const at = ids.indexOf(Number(box.dataset.peeked.split("/")[1]));
  if (at < 0) { $("[data-peek-to]", box)?.parentElement.remove(); return; }
  for (const button of $$("[data-peek-to]", box)) {
    const way = Number(button.dataset.peekTo);
    button.disabled = ids[at + way] === undefined && !pageOf(document, way > 0 ? "next" : "prev");
  }
});

// Parts of the page on a phone
on("click", "[data-tab]", (_event, tab) => {
  const record = $(".gx-record");
  if (!record || !tab.matches("[role=tab]")) return;
  record.dataset.tab = tab.dataset.tab;
  for (const one of $$("[role=tab][data-tab]")) one.setAttribute("aria-selected", String(one === tab));
});

// Further parts of the main column (a map, for instance) beside the timeline
on("click", "[data-main-tab]", (_event, tab) => {
  for (const one of $$("[data-main-tab]")) one.setAttribute("aria-selected", String(one === tab));
  for (const pane of $$("[data-main-pane]")) pane.hidden = pane.dataset.mainPane !== tab.dataset.mainTab;
  window.dispatchEvent(new Event("resize"));
});

// Composer
async function compose(key) {
  const box = $("#composer");
  for (const tab of $$("[data-compose]", box)) tab.setAttribute("aria-selected", String(tab.dataset.compose === key));
  for (const pane of $$("[data-pane]", box)) pane.hidden = pane.dataset.pane !== key;
  const tab = $(`[data-compose="${CSS.escape(key)}"]`, box);
  const pane = $(`[data-pane="${CSS.escape(key)}"]`, box);
  if (tab.dataset.load && !pane.childElementCount) await window.htmx.ajax("GET", tab.dataset.load, { source: pane, target: pane, swap: "innerHTML" });
  $("textarea, [contenteditable], .form-control", pane)?.focus();
}
on("click", "[data-compose]", (_event, tab) => compose(tab.dataset.compose));
document.addEventListener("gx:composed", (event) => {
  const pane = $(`#composer [data-pane="${CSS.escape(event.detail.key)}"]`);
  if (!pane) return;
  if (pane instanceof HTMLFormElement) pane.reset(); else { pane.replaceChildren(); compose("comment"); }
});
async function send(files) {
  const body = new FormData();
  for (const file of files) body.append("file", file, file.name || "picture.png");
  const answer = await request($("#composer").dataset.files, { method: "POST", body, headers: { "HX-Request": "true" } }).catch(() => null);
  if (!answer) explain(0); else if (!passOn(answer) && !answer.ok) failed(answer);
}
document.addEventListener("paste", (event) => {
  if (!event.target.closest?.("#composer")) return;
  const files = [...(event.clipboardData?.files ?? [])];
  if (!files.length) return;
  event.preventDefault();
  event.stopPropagation();
  send(files);
}, true);
on("dragover", "#composer", (event, box) => { if (event.dataTransfer.types.includes("Files")) { event.preventDefault(); box.classList.add("gx-drop"); } });
on("dragleave", "#composer", (_event, box) => box.classList.remove("gx-drop"));
on("drop", "#composer", (event, box) => {
  box.classList.remove("gx-drop");
  if (!event.dataTransfer.files.length) return;
  event.preventDefault();
  send([...event.dataTransfer.files]);
});

// @ names a colleague, // puts in a snippet: a short list under the text.
each("textarea[data-mention], textarea[data-snippets]", (area) => {
  let list = null;
  let run = 0;
  const close = () => { list?.remove(); list = null; };
  const before = () => area.value.slice(0, area.selectionStart);
  const snippet = () => /(?:^|[^:/])((?:\/\/|、、)([^\s/、]{0,20}))$/.exec(before());
  const person = () => ("mention" in area.dataset ? /(@([^\s@]{0,20}))$/.exec(before()) : null);
  const word = () => person() ?? snippet();
  const choose = (text) => {
    const found = word();
    const end = area.selectionStart;
    area.setRangeText(text, end - found[1].length, end, "end");
    close();
    area.focus();
  };
  area.addEventListener("input", async () => {
    const found = word();
    if (!found) { close(); return; }
    const mine = (run += 1);
    const from = person() ? "users" : "snippets";
    const answer = await request(`/pick/${from}/?q=${encodeURIComponent(found[2])}`).catch(() => null);
    if (mine !== run || !answer?.ok) return;
    const items = (await answer.json()).items.slice(0, 6);
    close();
    if (!items.length) return;
    list = document.createElement("div");
    list.className = "gx-mentions";
    list.setAttribute("role", "listbox");
    items.forEach((item, number) => {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("role", "option");
      button.setAttribute("aria-selected", String(number === 0));
      button.textContent = item.text;
      button.title = item.hint ?? "";
      button.dataset.text = from === "users" ? `@${item.text} ` : item.value;
      button.addEventListener("pointerdown", (event) => { event.preventDefault(); choose(button.dataset.text); });
      list.append(button);
    });
    area.after(list);
  });
  area.addEventListener("keydown", (event) => {
    if (!list || event.isComposing) return;
    const all = $$("button", list);
    const at = all.findIndex((one) => one.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      all[at].setAttribute("aria-selected", "false");
      all[(at + (event.key === "ArrowDown" ? 1 : -1) + all.length) % all.length].setAttribute("aria-selected", "true");
    } else if ((event.key === "Enter" && !event.ctrlKey && !event.metaKey) || event.key === "Tab") { event.preventDefault(); choose(all[at].dataset.text); }
    else if (event.key === "Escape") { event.preventDefault(); event.stopPropagation(); close(); }
  });
  area.addEventListener("blur", () => setTimeout(close, 150));
});

// Timeline: the next entries come when the end is in sight.
async function more(line) {
  if (line.dataset.busy) return;
  line.dataset.busy = "1";
  const answer = await request(line.dataset.more, { headers: { "HX-Request": "true" } }).catch(() => null);
  delete line.dataset.busy;
  if (!answer?.ok) return;
  const holder = document.createElement("template");
  holder.innerHTML = await answer.text();
  const added = [...holder.content.children];
  line.replaceWith(...added);
  for (const one of added) { window.htmx?.process(one); one.dispatchEvent(new CustomEvent("gx:added", { bubbles: true })); }
}
each(".gx-load-more", (line) => {
  const watch = new IntersectionObserver((seen) => { if (seen.some((one) => one.isIntersecting)) { watch.disconnect(); more(line); } }, { rootMargin: "400px" });
  watch.observe(line);
});
on("click", "[data-load-more]", (_event, button) => more(button.closest("li")));

// Small forms by one key, about the record that is open or under the cursor.
function subject() {
  const side = $("#side [data-peeked]");
  const page = here();
  const row = $("tr.gx-here[data-id]");
  const found = side ?? page;
  if (found) return `?entity=${found.dataset.entity}&id=${found.dataset.id}`;
  const table = row?.closest("table");
  return table?.dataset.entity ? `?entity=${table.dataset.entity}&id=${row.dataset.id}` : "";
}
document.addEventListener("keydown", (event) => {
  if (document.documentElement.dataset.keys === "off" || event.defaultPrevented || typing(event)) return;
  if (event.ctrlKey || event.metaKey || event.altKey || $("dialog[open]") || $(":popover-open:not(#toasts)")) return;
  const entry = $(`[data-quick="${CSS.escape(event.key)}"]`);
  if (!entry) return;
  event.preventDefault();
  window.htmx.ajax("GET", entry.getAttribute("href") + subject(), { source: "#dialog", target: "#dialog-body" }).catch(() => null); // said by htmx:sendError
});

// A page that waits for a job looks again while it can be seen.
each("[data-poll]", (box) => {
  const again = () => {
    if (!box.isConnected) return;
    if (document.hidden || $("form[data-dirty]")) setTimeout(again, 1000 * Number(box.dataset.poll));
    else reload();
  };
  setTimeout(again, 1000 * Number(box.dataset.poll));
});

// Merging: choosing the kept record chooses its values where nothing else was chosen by hand.
on("change", "form[data-merge] input[name=keep]", (_event, radio) => {
  for (const one of $$(`input[type=radio][value="${CSS.escape(radio.value)}"]`, radio.form)) {
    const group = $$(`input[name="${CSS.escape(one.name)}"]`, radio.form);
    if (one.name.startsWith("choose.") && !group.some((other) => other.dataset.chosen || other.value === "")) one.checked = true;
  }
});
on("change", "form[data-merge] input[name^='choose.']", (_event, radio) => { radio.dataset.chosen = "1"; });

// Keyboard shortcuts. None fires while somebody types or composes; `data-keys="off"` on <html> turns them off.
// An element with data-key="e" is clicked by that key; navigation entries with data-go="c" by g then c.
import { $, $$, on, t, typing } from "./base.js";

let going = 0;

document.addEventListener("keydown", (event) => {
  if (document.documentElement.dataset.keys === "off" || event.defaultPrevented) return;
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event)) return;
  if ($("dialog[open]") || $(":popover-open:not(#toasts)")) return;
  const key = event.key;
  if (going && Date.now() - going < 1500) {
    going = 0;
    const link = $(`[data-go="${CSS.escape(key)}"]`);
    if (link) { event.preventDefault(); link.click(); }
    return;
  }
  if (key === "g") { going = Date.now(); return; }
  if (key === "?") { event.preventDefault(); help(); return; }
  const target = $$(`[data-key="${CSS.escape(key)}"]`).find((one) => one.getClientRects().length);
  if (!target) return;
  event.preventDefault();
  if (/^(INPUT|TEXTAREA)$/.test(target.tagName)) { target.focus(); target.select(); } else target.click();
});

function help() {
  const body = $("#dialog-body");
  const holder = document.createElement("div");
  holder.className = "gx-dialog-host";
  holder.dataset.size = "slim";
  holder.innerHTML = `<header><h2 id="dialog-title"></h2><button type="button" class="btn btn-quiet btn-icon" data-close>×</button></header><div class="gx-dialog-body"><dl class="gx-facts"></dl></div>`;
  $("h2", holder).textContent = t("shortcuts");
  $("[data-close]", holder).setAttribute("aria-label", t("close"));
  const list = $("dl", holder);
  for (const [keys, words] of Object.entries(JSON.parse(t("keys")))) {
    const term = document.createElement("dt");
    for (const key of keys.split(" ")) { const mark = document.createElement("kbd"); mark.textContent = key; term.append(mark, " "); }
    const text = document.createElement("dd");
    text.textContent = words;
    list.append(term, text);
  }
  body.replaceChildren(holder);
  const dialog = $("#dialog");
  dialog.className = "gx-dialog slim";
  if (!dialog.open) dialog.showModal();
}
on("click", "[data-shortcuts]", help);

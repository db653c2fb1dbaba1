// Menus, dialogs, side panel, navigation, folding.
import { $, $$, each, on, t } from "./base.js";
import { closeSide } from "./glue.js";
import { toast } from "./toast.js";

// Menus: popovers placed under their button; arrow keys move, typing a letter jumps.
const opener = (menu) => $(`[popovertarget="${menu.id}"]`);

function place(menu) {
  const button = opener(menu);
  if (!button) return;
  const at = button.getBoundingClientRect();
  const size = menu.getBoundingClientRect();
  const left = Math.min(at.left, innerWidth - size.width - 8);
  const below = at.bottom + 4 + size.height <= innerHeight - 4;
  menu.style.left = `${Math.max(8, left)}px`;
  menu.style.top = `${below || at.top < size.height ? Math.min(at.bottom + 4, Math.max(8, innerHeight - size.height - 8)) : at.top - size.height - 4}px`;
}

document.addEventListener("beforetoggle", (event) => {
  if (event.target.matches?.(".gx-menu") && event.newState === "open") {
    const at = opener(event.target)?.getBoundingClientRect();
    if (at) Object.assign(event.target.style, { left: `${at.left}px`, top: `${at.bottom + 4}px` });
  }
}, true);
document.addEventListener("toggle", (event) => {
  const menu = event.target;
  if (!menu.matches?.(".gx-menu")) return;
  opener(menu)?.setAttribute("aria-expanded", String(event.newState === "open"));
  if (event.newState !== "open") return;
  place(menu);
  (menu.querySelector("[autofocus]") ?? menu.querySelector("a, button, input, select"))?.focus();
}, true);
on("keydown", ".gx-menu[data-menu]", (event, menu) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step && event.key !== "Home" && event.key !== "End") return;
  event.preventDefault();
  const items = $$("a, button", menu);
  const at = items.indexOf(document.activeElement);
  const next = event.key === "Home" ? 0 : event.key === "End" ? items.length - 1 : (at + step + items.length) % items.length;
  items[next]?.focus();
});
on("click", ".gx-menu[data-menu] a, .gx-menu[data-menu] button", (_event, item) => item.closest(".gx-menu").hidePopover());
addEventListener("resize", () => $$(".gx-menu:popover-open").forEach(place));

// Dialogs: native; Esc and the cross close the top one, a changed form asks first.
export const dirty = (dialog) => $$("form[data-dirty]", dialog).length > 0;
function leave(dialog) {
  if (dirty(dialog) && !confirm(t("leave"))) return;
  dialog.close();
}
on("click", "dialog [data-close]", (_event, button) => leave(button.closest("dialog")));
on("click", "[data-close]:not(dialog *)", () => history.back());
document.addEventListener("cancel", (event) => {
  if (event.target.id !== "dialog" || !dirty(event.target)) return;
  event.preventDefault();
  leave(event.target);
}, true);
document.addEventListener("close", (event) => { if (event.target.id === "dialog") $("#dialog-body").replaceChildren(); }, true);
document.addEventListener("pointerdown", (event) => {
  if (event.target.matches?.("dialog.gx-palette")) event.target.close();
});

// Side panel
on("click", "[data-close-side]", () => closeSide());
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || event.isComposing) return;
  if ($("dialog[open]") || $(":popover-open:not(#toasts)") || $(".gx-editing")) return;
  if (document.documentElement.dataset.drawer === "open") return drawer(false);
  if (!/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) closeSide();
  return undefined;
});

// Navigation: folded on wide screens, a drawer on narrow ones.
on("click", "[data-nav-fold]", () => {
  const root = document.documentElement;
  const folded = root.dataset.nav !== "folded";
  if (folded) root.dataset.nav = "folded"; else delete root.dataset.nav;
  localStorage.setItem("gx-nav", folded ? "folded" : "");
});
on("click", "[data-nav-group]", (event, button) => {
  const closed = button.getAttribute("aria-expanded") === "true";
  button.setAttribute("aria-expanded", String(!closed));
  $(`#${button.getAttribute("aria-controls")}`).toggleAttribute("data-closed", closed);
  const folded = [...document.querySelectorAll("[data-nav-group][aria-expanded=false]")].map((one) => one.dataset.navGroup);
  document.cookie = `gx_folded=${folded.join(".")}; path=/; max-age=31536000; samesite=lax`;
});
function drawer(open) {
  document.documentElement.dataset.drawer = open ? "open" : "";
  $("[data-drawer-close]").hidden = !open;
  (open ? $("#nav a") : $("[data-drawer-open]"))?.focus();
}
on("click", "[data-drawer-open]", () => drawer(true));
on("click", "[data-drawer-close]", () => drawer(false));
on("click", "[data-back]", () => history.back());

// Panels remember whether they are folded.
each("details[data-fold]", (panel) => {
  const key = `gx-fold:${panel.dataset.fold}`;
  const kept = localStorage.getItem(key);
  if (kept !== null) panel.open = kept === "1";
  panel.addEventListener("toggle", () => localStorage.setItem(key, panel.open ? "1" : "0"));
});
on("click", "summary a, summary button", (event) => event.stopPropagation());

// A box that narrows what stands on the page, or in its dialog, by its words; what is folded away opens while one looks.
on("input", "[data-narrow]", (_event, box) => {
  const words = box.value.trim().toLowerCase();
  const place = box.closest("dialog") ?? document;
  for (const one of $$(box.dataset.narrow, place)) one.hidden = Boolean(words) && !one.textContent.toLowerCase().includes(words);
  if (place === document) return;
  for (const fold of $$("details", place)) {
    if (words && !fold.open) fold.dataset.shut = "";
    const fits = Boolean($$(box.dataset.narrow, fold).find((one) => !one.hidden));
    fold.open = words ? fits : fold.open && !("shut" in fold.dataset);
    fold.hidden = !fits;
    if (!words) delete fold.dataset.shut;
  }
});
on("keydown", "dialog [data-narrow]", (event) => { if (event.key === "Enter") event.preventDefault(); });

// What is shown once is copied.
on("click", "[data-copy]", async (_event, button) => {
  const field = $(button.dataset.copy);
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    document.execCommand("copy");
  }
  toast({ text: button.dataset.copied });
});

// Toasts: one line about what happened, with a link and an Undo that stays at least ten seconds.
import { $, $$, icon, on, request, t } from "./base.js";

const host = () => $("#toasts");

function raise() {
  const box = host();
  if (!box?.showPopover) return;
  if (box.matches(":popover-open")) box.hidePopover();
  if (box.children.length) box.showPopover();
}

function drop(element) {
  element.remove();
  raise();
}

function arm(element) {
  const seconds = Number(element.dataset.seconds || 6);
  if (!seconds) return;
  element.dataset.until = Date.now() + seconds * 1000;
  let timer = setTimeout(() => drop(element), seconds * 1000);
  element.addEventListener("pointerenter", () => clearTimeout(timer));
  element.addEventListener("focusin", () => clearTimeout(timer));
  element.addEventListener("pointerleave", () => { timer = setTimeout(() => drop(element), 4000); });
}

const KEPT = "gx-toasts";
function said(element) {
  const link = $("p a", element);
  const { until, seconds } = element.dataset;
  return {
    text: $("p", element).firstChild.textContent.trim(), url: link?.getAttribute("href"), link: link?.textContent,
    level: element.classList.contains("error") ? "error" : "", undo: $("[data-undo]", element)?.dataset.undo,
    seconds: Number(seconds) && Math.max(1, (until - Date.now()) / 1000),
  };
}
/** Load the page again; what is still being said is said there too. */
export function reload() {
  setTimeout(() => {
    sessionStorage.setItem(KEPT, JSON.stringify($$("#toasts [data-toast]").map(said)));
    location.reload();
  }, 0); // after the other events of the same answer
}

/** Show a toast: {text, level, url, link, undo, seconds}. */
export function toast(one) {
  const box = host();
  if (!box) return;
  const element = document.createElement("div");
  element.className = `gx-toast ${one.level ?? ""}`;
  element.dataset.toast = "";
  element.dataset.seconds = one.seconds ?? (one.undo ? 12 : one.level === "error" ? 10 : 6);
  const text = document.createElement("p");
  text.textContent = one.text;
  if (one.url) {
    const link = document.createElement("a");
    link.href = one.url;
    link.textContent = one.link || t("open");
    text.append(" ", link);
  }
  element.append(text);
  if (one.undo) {
    const undo = document.createElement("button");
    undo.type = "button";
    undo.dataset.undo = one.undo;
    undo.textContent = t("undo");
    element.append(undo);
  }
  const close = document.createElement("button");
  close.type = "button";
  close.dataset.dismiss = "";
  close.setAttribute("aria-label", t("close"));
  close.append(icon("x"));
  element.append(close);
  box.append(element);
  while (box.children.length > 4) box.firstElementChild.remove();
  arm(element);
  raise();
}

on("click", "[data-dismiss]", (_event, button) => drop(button.closest("[data-toast]")));
on("click", "[data-undo]", async (_event, button) => {
  button.disabled = true;
  const answer = await request(button.dataset.undo, { method: "POST", headers: { "HX-Request": "true" } });
  drop(button.closest("[data-toast]"));
  passOn(answer);
  if (answer.ok && !answer.headers.get("HX-Trigger")?.includes("gx:refresh")) reload();
});

/** Fire the events an answer fetched by hand carries in HX-Trigger, as htmx would. */
export function passOn(answer) {
  const header = answer.headers.get("HX-Trigger");
  if (!header) return false;
  const events = header.startsWith("{") ? JSON.parse(header) : { [header]: null };
  for (const [name, detail] of Object.entries(events)) {
    document.body.dispatchEvent(new CustomEvent(name, { detail: { ...detail, value: detail }, bubbles: true }));
  }
  return "toast" in events;
}

document.addEventListener("toast", (event) => {
  const many = event.detail?.list ?? [event.detail];
  many.forEach(toast);
});
$$("[data-toast]").forEach(arm);
const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
sessionStorage.removeItem(KEPT);
kept.forEach(toast);
raise();

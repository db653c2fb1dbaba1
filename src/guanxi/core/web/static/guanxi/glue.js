// htmx and the house: CSRF, busy bar, errors that keep what was typed, dialogs and side panel as targets.
import { $, csrf, meant, oneAtATime, t } from "./base.js";
import { passOn, reload, toast } from "./toast.js";

const root = document.documentElement;
let running = 0;

document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["X-CSRFToken"] = csrf();
});
document.addEventListener("htmx:beforeRequest", () => { running += 1; root.classList.add("gx-busy"); });
document.addEventListener("htmx:afterRequest", (event) => {
  running = Math.max(0, running - 1);
  if (!running) root.classList.remove("gx-busy");
  const { xhr, elt } = event.detail;
  if (xhr?.status === 409 && xhr.getResponseHeader("HX-Reswap") === "none") forget(elt.closest("form"));
});

/** Say what went wrong when the server did not say it itself. */
export function explain(status, answer) {
  if (answer?.("HX-Trigger")?.includes("toast")) return;
  if (status === 401) document.dispatchEvent(new CustomEvent("gx:signin"));
  else if (status === 0) toast({ text: t("offline"), level: "error" });
  else toast({ text: t("server_error", { id: answer?.("X-Request-ID") ?? "" }), level: "error" });
}
/** A form refused as a whole was read field by field first: what stood at its fields is mended. */
function forget(form) {
  form?.querySelectorAll(".gx-errors, .invalid-feedback, .gx-line-errors").forEach((one) => one.remove());
  form?.querySelectorAll(".is-invalid").forEach((one) => { one.classList.remove("is-invalid"); one.removeAttribute("aria-invalid"); });
}
// What the server doubts is asked, and sent again as meant.
function doubted({ xhr, requestConfig }, to) {
  const doubts = xhr.getResponseHeader("X-Doubts");
  if (!doubts) return false;
  const values = {};
  for (const name of new Set(requestConfig.formData.keys())) values[name] = requestConfig.formData.getAll(name);
  meant(doubts).then((yes) => {
    if (yes) window.htmx.ajax(requestConfig.verb, requestConfig.path, { ...to, values: { ...values, _sure: "1" } });
  });
  return true;
}
document.addEventListener("htmx:beforeOnLoad", (event) => {
  const { elt, target } = event.detail;
  if (doubted(event.detail, { source: elt, target })) event.preventDefault();
});
// Who asked may be gone when the answer comes, with what was drawn anew around him: nobody would hear what it says.
document.addEventListener("htmx:beforeSend", (event) => {
  const { xhr, elt } = event.detail;
  const headers = { get: (name) => xhr.getResponseHeader(name) };
  let gone = false;
  xhr.addEventListener("readystatechange", () => { if (xhr.readyState === XMLHttpRequest.DONE) gone = !elt.isConnected; });
  xhr.addEventListener("load", () => {
    if (!gone || doubted(event.detail, { target: "body", swap: "none" })) return;
    if (!passOn({ headers }) && xhr.status >= 400) explain(xhr.status, headers.get);
  });
});
document.addEventListener("htmx:responseError", (event) => {
  const xhr = event.detail.xhr;
  explain(xhr.status, (name) => xhr.getResponseHeader(name));
  if (event.detail.target?.id === "side" && !$("[data-peeked]")) closeSide(); // nothing to show there
});
document.addEventListener("htmx:sendError", () => explain(0));
document.addEventListener("htmx:timeout", () => explain(0));

// Content swapped into the dialog opens it; nothing left in it closes it.
document.addEventListener("htmx:afterSwap", (event) => {
  const target = event.detail.target;
  if (target.id === "dialog-body") openDialog();
  if (target.id === "side") openSide();
  $("[data-focus]", target)?.focus();
});

export function openDialog() {
  const dialog = $("#dialog");
  const body = $("#dialog-body");
  if (!body.textContent.trim()) { dialog.close(); return; }
  const size = $("[data-size]", body)?.dataset.size ?? "";
  dialog.className = `gx-dialog ${size}`;
  if (!dialog.open) dialog.showModal();
  ($("[autofocus]", body) ?? $("input:not([type=hidden]):not([type=radio]), select, textarea", body))?.focus();
}

export function openSide() {
  const side = $("#side");
  side.hidden = !side.textContent.trim();
}

export function closeSide() {
  const side = $("#side");
  if (side.hidden) return;
  side.hidden = true;
  side.replaceChildren();
  const url = new URL(location.href);
  if (url.searchParams.has("peek")) {
    url.searchParams.delete("peek");
    history.replaceState(history.state, "", url);
  }
  $("tr.gx-here a, tr.gx-here")?.focus();
}

// Emptied at once: the dialog's own close event comes too late for a swap that follows.
document.addEventListener("gx:close", () => {
  $("#dialog-body")?.replaceChildren();
  $("#dialog")?.close();
});
// Something must be asked before what was wished can be done: a small form.
document.addEventListener("gx:ask", (event) => {
  window.htmx.ajax("GET", event.detail.url, { source: "#dialog", target: "#dialog-body" });
});
/** Draw the list or the record anew from `url`. What lies around it asks, so that it waits for nothing else of the page. */
export function redraw(url, view = $("#list-view")) {
  return window.htmx.ajax("GET", url, { source: view.parentElement, target: `#${view.id}`, swap: "outerHTML" });
}
// A list drawn anew where it stands; its answer says the address.
document.addEventListener("gx:show", (event) => redraw(event.detail.url));
// What stands beside the list and carries its state (board, export, save as a view) follows its address.
const stateOf = () => {
  const query = new URLSearchParams(location.search);
  for (const name of ["at", "from", "peek"]) query.delete(name);
  return query.toString();
};
function carry() {
  for (const link of document.querySelectorAll("a[data-carry]")) link.search = stateOf();
}
document.addEventListener("htmx:pushedIntoHistory", carry);
document.addEventListener("htmx:replacedInHistory", carry);
document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.elt.dataset.carry !== undefined) event.detail.path = event.detail.elt.getAttribute("href");
});
const view = () => $("#list-view") ?? $("#record-view");
const refresh = oneAtATime(() => view() && redraw(location.href, view()).catch(() => null)); // said by htmx:sendError
let refreshing = Promise.resolve();
/** The whole view stands as it was last asked for: what is drawn anew in it now stays. */
export const settled = () => refreshing;
document.addEventListener("gx:refresh", () => {
  if (view() && window.htmx) refreshing = refresh();
  else reload();
});

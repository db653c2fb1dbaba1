// Small forms written while the server cannot be reached wait in the browser and are sent once, when it is back.
// What the server refuses stays, with its reason, until the person mends or discards it. Nothing is lost with the page.
import { $, $$, each, on, request, t } from "./base.js";
import { openDialog } from "./glue.js";
import { toast } from "./toast.js";

const SHELL = "gx-shell";
const PAGE = "/offline/";
const AGAIN = 30_000;
const me = () => Number(document.documentElement.dataset.user || 0);

// Keeping: one store, by the token that makes each of them arrive once.
const base = new Promise((resolve, reject) => {
  const asked = indexedDB.open("guanxi", 1);
  asked.onupgradeneeded = () => asked.result.createObjectStore("outbox", { keyPath: "id" });
  asked.onsuccess = () => resolve(asked.result);
  asked.onerror = () => reject(asked.error);
});
async function store(mode, act) {
  const place = (await base).transaction("outbox", mode).objectStore("outbox");
  const asked = act(place);
  return new Promise((resolve, reject) => {
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}
const mine = async () => (await store("readonly", (place) => place.getAll())).filter((one) => one.user === me()).sort((a, b) => a.at.localeCompare(b.at));
const keep = (one) => store("readwrite", (place) => place.put(one)).then(show);
const forget = (id) => store("readwrite", (place) => place.delete(id)).then(show);

function token() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((one) => one.toString(16).padStart(2, "0")).join("");
}

/** Put what stands in a small form into the outbox. */
async function put(form) {
  const data = new FormData(form);
  for (const name of ["csrfmiddlewaretoken", "composer"]) data.delete(name);
  const chosen = String(data.get("_subject") ?? "");
  if (chosen.includes("/")) {
    data.set("_entity", chosen.split("/")[0]);
    data.set("_subject", chosen.split("/")[1]);
  }
  const id = data.get("_token") || token();
  data.set("_token", id);
  const at = data.get("_written_at") || new Date().toISOString();
  data.set("_written_at", at);
  const select = form.elements._subject;
  const about = select?.selectedOptions?.[0]?.textContent ?? $(".gx-record-name")?.textContent ?? "";
  await keep({
    id, at, about, user: me(), url: form.getAttribute("action"), label: form.dataset.label ?? $("#dialog-title", form)?.textContent ?? "",
    body: new URLSearchParams(data).toString(), text: data.get("body") || data.get("subject") || "", state: "waiting", reason: "",
  });
}

// Sending: one tab at a time, in order, until the server is gone again.
let sending = false;
async function flush({ aloud = false } = {}) {
  if (sending || !me()) return;
  sending = true;
  try {
    const act = () => send(aloud);
    await (navigator.locks ? navigator.locks.request("gx-outbox", act) : act());
  } finally {
    sending = false;
    show();
  }
}
async function send(aloud) {
  const waiting = (await mine()).filter((one) => one.state === "waiting");
  if (!waiting.length) return;
  const state = await request("/offline/state/", { headers: { Accept: "application/json" } }).then((answer) => (answer.ok ? answer.json() : null)).catch(() => null);
  if (!state || state.user !== me()) return;
  let sent = 0;
  let refused = 0;
  for (const one of waiting) {
    const answer = await fetch(one.url, {
      method: "POST", credentials: "same-origin", body: new URLSearchParams(one.body),
      headers: { "X-CSRFToken": state.csrf, "X-Queued": "1", "HX-Request": "true", Accept: "application/json" },
    }).catch(() => null);
    if (!answer || answer.status >= 500 || [401, 408, 429].includes(answer.status)) break;
    if (answer.ok) { sent += 1; await forget(one.id); continue; }
    const said = await answer.json().catch(() => ({}));
    refused += 1;
    await keep({ ...one, state: "refused", reason: said.message || t("server_error", { id: answer.headers.get("X-Request-ID") ?? "" }) });
  }
  if (sent) {
    toast({ text: t("queued_sent", { count: sent }), url: aloud ? undefined : PAGE });
    document.body.dispatchEvent(new CustomEvent("gx:timeline", { bubbles: true }));
  }
  if (refused) toast({ text: t("queued_refused", { count: refused }), level: "error", url: PAGE });
}

// Showing: a mark at the top, and the lines of the page.
let gone = !navigator.onLine;
async function show() {
  const some = await mine().catch(() => []);
  const mark = $("#outbox-mark");
  if (mark) {
    const refused = some.filter((one) => one.state === "refused").length;
    mark.hidden = !some.length && !gone;
    mark.classList.toggle("gx-refused", refused > 0);
    const words = refused ? t("queued_refused", { count: refused }) : some.length ? t("queued_waiting", { count: some.length }) : t("offline_now");
    mark.setAttribute("aria-label", words);
    mark.title = words;
    $("[data-outbox-count]", mark).textContent = some.length || "";
    $("[data-outbox-gone]", mark).hidden = !gone;
    $("[data-outbox-way]", mark).hidden = gone;
  }
  const list = $("[data-outbox]");
  if (!list) return;
  $("[data-outbox-empty]").hidden = some.length > 0;
  $("[data-offline-now]").hidden = !gone;
  list.replaceChildren(...some.map(line));
}
function line(one) {
  const row = $("template[data-outbox-line]").content.firstElementChild.cloneNode(true);
  row.dataset.id = one.id;
  for (const [name, words] of Object.entries({ what: one.label, about: one.about, text: one.text, at: new Date(one.at).toLocaleString(document.documentElement.lang), reason: one.reason })) $(`[data-${name}]`, row).textContent = words;
  $("[data-reason]", row).hidden = !one.reason;
  return row;
}
const lineOf = async (button) => (await mine()).find((one) => one.id === button.closest("[data-id]").dataset.id);
on("click", "[data-outbox] [data-again]", async (_event, button) => {
  const one = await lineOf(button);
  if (one) await keep({ ...one, state: "waiting", reason: "" });
  flush({ aloud: true });
});
on("click", "[data-outbox] [data-drop]", async (_event, button) => {
  const one = await lineOf(button);
  if (one && confirm(t("queued_drop", { name: `${one.label} ${one.about}` }))) forget(one.id);
});
on("click", "[data-outbox] [data-edit]", async (_event, button) => {
  const one = await lineOf(button);
  if (one) write(one.url.split("/")[2], document, one);
});

/** Open a small form of the page (or of its kept copy) here or in the dialog, filled in if it was written before. */
function write(key, source, one = null, about = null) {
  const kept = $(`template[data-offline-form="${CSS.escape(key)}"]`, source);
  if (!kept) return false;
  const form = document.importNode(kept.content, true).firstElementChild;
  const here = $("[data-offline-here]");
  if (one) {
    for (const [name, value] of new URLSearchParams(one.body)) {
      const field = form.elements[name];
      if (name === "_subject") pick(form, new URLSearchParams(one.body).get("_entity"), value, one.about);
      else if (field && "value" in field) field.value = value;
      else if (name === "_written_at") form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
    }
  } else if (about) pick(form, about.entity, about.id, about.title);
  if (here) {
    here.replaceChildren(form);
    here.hidden = false;
  } else {
    const host = document.createElement("div");
    host.className = "gx-dialog-host";
    const title = document.createElement("header");
    title.innerHTML = '<h2 id="dialog-title"></h2>';
    $("h2", title).textContent = `${form.dataset.label} · ${t("offline_now")}`;
    host.append(title, form);
    $("#dialog-body").replaceChildren(host);
    openDialog();
  }
  form.dispatchEvent(new CustomEvent("gx:added", { bubbles: true }));
  $("textarea, input[type=text]", form)?.focus();
  return true;
}
function pick(form, entity, id, title) {
  const select = form.elements._subject;
  const value = `${entity}/${id}`;
  if (!$(`option[value="${CSS.escape(value)}"]`, select)) select.append(new Option(title || `#${id}`, value));
  select.value = value;
}
on("click", "[data-offline-open]", (_event, button) => write(button.dataset.offlineOpen, document));
on("submit", "form[data-offline]", async (event, form) => {
  event.preventDefault();
  event.stopImmediatePropagation();
  await put(form);
  const here = form.closest("[data-offline-here]");
  if (here) { here.replaceChildren(); here.hidden = true; } else $("#dialog").close();
  if (gone) toast({ text: t("queued_kept") });
  flush({ aloud: true });
});

// Small forms anywhere: one that cannot be sent is kept; one that cannot be fetched is taken from the kept page.
document.addEventListener("htmx:sendError", (event) => {
  const { elt, requestConfig } = event.detail;
  const path = requestConfig?.path ?? "";
  reach(false);
  if (!path.startsWith("/quick/")) return;
  event.stopImmediatePropagation();
  if (requestConfig.verb === "post" && elt.matches?.("form")) {
    put(elt).then(() => {
      toast({ text: t("queued_kept"), url: PAGE });
      if (elt.closest("dialog")) $("#dialog").close();
      else { elt.reset(); elt.elements._token.value = token(); }
      delete elt.dataset.dirty;
    });
    return;
  }
  const asked = new URL(path, location.href);
  const about = asked.searchParams.get("id") ? { entity: asked.searchParams.get("entity"), id: asked.searchParams.get("id"), title: $(".gx-record-name")?.textContent ?? "" } : null;
  caches.match(PAGE, { cacheName: SHELL }).then((answer) => answer?.text()).then((text) => {
    const source = text && new DOMParser().parseFromString(text, "text/html");
    if (!source || !write(asked.pathname.split("/")[2], source, null, about)) toast({ text: t("offline"), level: "error" });
  });
}, true);

function reach(now) {
  gone = !now;
  show();
  if (now) flush();
}
addEventListener("online", () => reach(true));
addEventListener("offline", () => reach(false));
document.addEventListener("htmx:afterRequest", (event) => { if (gone && event.detail.xhr?.status) reach(true); });
setInterval(async () => {
  if (document.hidden || !(gone || (await mine()).some((one) => one.state === "waiting"))) return;
  const there = await request("/healthz").then((answer) => answer.ok).catch(() => false);
  if (there) reach(true);
}, AGAIN);

// The app: its worker, its files, and a copy of the page for the time without a server.
async function prepare() {
  if (!("serviceWorker" in navigator) || !window.isSecureContext) return;
  await navigator.serviceWorker.register("/worker.js", { scope: "/" });
  const files = await caches.open("gx-files");
  const names = new Set(performance.getEntriesByType("resource").map((one) => new URL(one.name)).filter((one) => one.origin === location.origin && one.pathname.startsWith("/static/")).map((one) => one.pathname));
  for (const name of ["tom-select/tom-select.min.js", "tom-select/tom-select.min.css"]) names.add(new URL(`../vendor/${name}`, import.meta.url).pathname);
  await Promise.all([...names].map(async (name) => { if (!await files.match(name) || Math.random() < 0.05) await files.add(name).catch(() => null); }));
  const shell = await caches.open(SHELL);
  const kept = await shell.match(PAGE);
  const since = kept ? Date.now() - new Date(kept.headers.get("Date") ?? 0).getTime() : Infinity;
  if (since > 600_000 || kept.headers.get("Content-Language") !== document.documentElement.lang) await shell.add(PAGE).catch(() => null);
}
if (me()) {
  show();
  flush();
  const later = window.requestIdleCallback ?? ((act) => setTimeout(act, 500));
  later(() => prepare().catch(() => null), { timeout: 3000 });
} else if ("caches" in window) caches.delete(SHELL); // signed out: names of records do not stay

// Installing: browsers that offer it say so; the offer stands in the menu behind one's initials.
let offer = null;
addEventListener("beforeinstallprompt", (event) => {
  event.preventDefault();
  offer = event;
  for (const one of $$("[data-install]")) one.hidden = false;
});
on("click", "[data-install]", async () => {
  const asked = offer;
  offer = null;
  await asked?.prompt();
  for (const one of $$("[data-install]")) one.hidden = true;
});
each("[data-offline-page]", () => { show(); });

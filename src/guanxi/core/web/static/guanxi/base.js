// Shared by the other modules: translated words, small DOM helpers, requests with the CSRF header.

const block = document.getElementById("gx-strings");
const strings = block ? JSON.parse(block.textContent) : {};

/** The translated sentence of a key; `{name}` is filled from `values`. */
export function t(key, values = {}) {
  return (strings[key] ?? key).replace(/\{(\w+)\}/g, (_all, name) => values[name] ?? "");
}

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/** Listen on the document for events of elements that match, now and later. */
export function on(type, selector, handler, options) {
  document.addEventListener(type, (event) => {
    const found = event.target instanceof Element ? event.target.closest(selector) : null;
    if (found) handler(event, found);
  }, options);
}

/** Run now and after every swap for elements that match and were not seen before. */
export function each(selector, setup) {
  const seen = new WeakSet();
  const run = (root) => {
    const list = root instanceof Element && root.matches(selector) ? [root] : [];
    for (const element of [...list, ...$$(selector, root)]) {
      if (element.closest("template") || seen.has(element)) continue;
      seen.add(element);
      setup(element);
    }
  };
  const start = () => { run(document); document.addEventListener("htmx:load", (event) => run(event.target)); };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start); else start();
  document.addEventListener("gx:added", (event) => run(event.target));
}

export const csrf = () => $('meta[name="csrf"]')?.content ?? "";

/** `fetch` with our headers. What the server doubts is asked; sent again as meant, or the refusal. */
export async function request(url, options = {}) {
  const headers = { "X-CSRFToken": csrf(), "X-Requested-With": "fetch", ...(options.headers ?? {}) };
  const answer = await fetch(url, { credentials: "same-origin", ...options, headers });
  const doubts = answer.headers.get("X-Doubts");
  if (!doubts || !await meant(doubts)) return answer;
  const body = options.body instanceof FormData || options.body instanceof URLSearchParams ? options.body : new URLSearchParams(options.body ?? "");
  body.set("_sure", "1");
  return fetch(url, { credentials: "same-origin", ...options, headers, body });
}

/** Ask whether what the header `X-Doubts` names is meant; the answer as a promise. */
export function meant(header) {
  const dialog = document.createElement("dialog");
  dialog.className = "gx-dialog slim";
  dialog.setAttribute("aria-labelledby", "doubt-title");
  const part = (tag, name, text = "") => Object.assign(document.createElement(tag), { className: name, textContent: text });
  const head = part("header", "");
  head.append(Object.assign(part("h2", "", t("is_meant")), { id: "doubt-title" }));
  const list = part("ul", "");
  list.append(...JSON.parse(decodeURIComponent(header)).map((text) => part("li", "", text)));
  const body = part("div", "gx-dialog-body");
  body.append(list);
  const foot = part("footer", "");
  const [no, yes] = [part("button", "btn", t("not_meant")), part("button", "btn btn-primary", t("it_is_meant"))];
  foot.append(part("span", "gx-grow"), no, yes);
  dialog.append(head, body, foot);
  document.body.append(dialog);
  const before = document.activeElement;
  return new Promise((resolve) => {
    no.addEventListener("click", () => dialog.close());
    yes.addEventListener("click", () => dialog.close("yes"));
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (before?.isConnected) before.focus();
      resolve(dialog.returnValue === "yes");
    });
    dialog.addEventListener("keydown", (event) => event.stopPropagation()); // Esc closes this alone
    dialog.showModal();
    no.focus();
  });
}

/** `work`, never twice at the same time: asked for while it runs, it runs once more. The promise is of the last run. */
export function oneAtATime(work) {
  let running = null, wanted = false;
  const run = async () => {
    try { while (wanted) { wanted = false; await work(); } } finally { running = null; }
  };
  return () => { wanted = true; return running ??= run(); };
}

/** True while the person types or composes with an input method. */
export function typing(event) {
  const element = event.target;
  return event.isComposing || event.keyCode === 229 || (element instanceof HTMLElement
    && (element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName)) && !/^(checkbox|radio|button)$/.test(element.type));
}

/** Load a vendored script once; resolves when it has run. */
const loaded = new Map();
export function vendor(path) {
  if (!loaded.has(path)) {
    loaded.set(path, new Promise((resolve, reject) => {
      const url = new URL(`../vendor/${path}`, import.meta.url).href;
      const element = document.createElement(path.endsWith(".css") ? "link" : "script");
      if (path.endsWith(".css")) { element.rel = "stylesheet"; element.href = url; } else element.src = url;
      element.onload = resolve;
      element.onerror = reject;
      document.head.append(element);
    }));
  }
  return loaded.get(path);
}

/** An icon of the sprite as an element. */
export function icon(name) {
  const holder = document.createElement("template");
  const sprite = new URL("../vendor/tabler-icons/sprite.svg", import.meta.url).pathname;
  holder.innerHTML = `<svg class="icon" aria-hidden="true"><use href="${sprite}#${name}"/></svg>`;
  return holder.content.firstChild;
}

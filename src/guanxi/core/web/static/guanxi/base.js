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

/** `fetch` with our headers. */
export function request(url, options = {}) {
  const headers = { "X-CSRFToken": csrf(), "X-Requested-With": "fetch", ...(options.headers ?? {}) };
  return fetch(url, { credentials: "same-origin", ...options, headers });
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

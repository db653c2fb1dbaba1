// The command palette (Ctrl/⌘+K): records, views, create, settings; arrows, Enter, Esc. The server finds, we show.
import { $, $$, each, on, request } from "./base.js";

const dialog = $("#palette");
let run = 0;

function open() {
  if (!dialog || dialog.open) return;
  if (!dialog.dataset.ready) {
    dialog.dataset.ready = "1";
    const input = $("input", dialog);
    let timer;
    const later = () => { clearTimeout(timer); timer = setTimeout(() => find(input.value), 120); };
    input.addEventListener("input", (event) => { if (!event.isComposing) later(); });
    input.addEventListener("compositionend", later);
    input.addEventListener("keydown", keys);
  }
  dialog.showModal();
  const input = $("input", dialog);
  input.select();
  input.focus();
  find(input.value);
}

async function find(query) {
  const mine = (run += 1);
  const url = new URL($("[data-results]", dialog).dataset.results, location.href);
  url.searchParams.set("q", query);
  url.searchParams.set("at", location.pathname);
  const answer = await request(url);
  if (mine !== run || !answer.ok) return;
  $("[data-results]", dialog).innerHTML = await answer.text();
  choose($$("[role=option]", dialog)[0]);
}

function choose(option) {
  $$("[aria-selected=true]", dialog).forEach((one) => one.setAttribute("aria-selected", "false"));
  const input = $("input", dialog);
  if (!option) { input.removeAttribute("aria-activedescendant"); return; }
  option.setAttribute("aria-selected", "true");
  option.scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-activedescendant", option.id);
}

function keys(event) {
  if (event.isComposing || event.keyCode === 229) return;
  const options = $$("[role=option]", dialog);
  const at = options.findIndex((one) => one.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    const step = event.key === "ArrowDown" ? 1 : -1;
    choose(options[(at + step + options.length) % options.length]);
  } else if (event.key === "Enter" && options[at]) {
    event.preventDefault();
    follow(options[at], event.ctrlKey || event.metaKey);
  }
}

function follow(option, tab) {
  dialog.close();
  if (option.dataset.dialog !== undefined && window.htmx) window.htmx.ajax("GET", option.href, { source: "#dialog", target: "#dialog-body" });
  else if (option.dataset.click) $(option.dataset.click)?.click();
  else if (tab) window.open(option.href, "_blank", "noopener");
  else location.href = option.href;
}

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && !event.isComposing) { event.preventDefault(); open(); }
});
on("click", "[data-palette]", (event) => {
  if (event.ctrlKey || event.metaKey || event.button) return;
  event.preventDefault();
  open();
});
on("click", "#palette [role=option]", (event, option) => {
  if (event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  follow(option, false);
});
on("click", "#palette [data-close]", () => dialog.close());
each(".gx-search kbd", (mark) => { if (/Mac|iPhone|iPad/.test(navigator.platform)) mark.textContent = "⌘K"; });
export { open };

// Calendars: drag a record to another day with mouse, touch or keyboard; the server decides, a refusal puts it back.
import { $, $$, each, on, request, t, vendor } from "./base.js";
import { passOn } from "./toast.js";
import { explain } from "./glue.js";

async function move(entry, back) {
  const body = new URLSearchParams({ to: entry.parentElement.dataset.day, version: entry.dataset.version });
  entry.setAttribute("aria-busy", "true");
  const answer = await request(entry.dataset.move, { method: "POST", body, headers: { "HX-Request": "true" } }).catch(() => null);
  entry.removeAttribute("aria-busy");
  if (!answer?.ok) {
    back();
    if (!answer || !passOn(answer)) explain(answer?.status ?? 0, (name) => answer?.headers.get(name));
    return false;
  }
  entry.dataset.version = answer.headers.get("X-Record-Version") ?? entry.dataset.version;
  passOn(answer);
  await redraw(entry.dataset.move);
  return true;
}

// Counts and sums of the days follow; the moved record keeps the focus it had.
async function redraw(moved) {
  const month = $(".gx-month");
  const focused = month?.contains(document.activeElement);
  const answer = await request(location.href).catch(() => null);
  if (!month || !answer?.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(".gx-month");
  if (!fresh) return;
  month.replaceChildren(...fresh.children);
  window.htmx?.process(month);
  arrange(month);
  if (focused) $(`[data-move="${CSS.escape(moved)}"] > a`, month)?.focus();
}

async function arrange(month) {
  await vendor("sortable/sortable.min.js");
  for (const list of $$(".gx-month-list", month)) {
    window.Sortable.create(list, {
      group: "month", sort: false, animation: 120, delay: 150, delayOnTouchOnly: true, draggable: "[data-move]",
      onStart: () => setTimeout(() => month.classList.add("gx-lifted")), // on a phone the free days come out
      onEnd: (event) => {
        setTimeout(() => month.classList.remove("gx-lifted"));
        if (event.to === event.from) return;
        const place = event.from.children[event.oldIndex] ?? null;
        move(event.item, () => event.from.insertBefore(event.item, place));
      },
    });
  }
}
each(".gx-month[role=table]", arrange);

// Keyboard: Space lifts a record, arrows carry it by days and weeks, Space drops it, Esc returns it.
const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };
let held = null;
const live = (text) => { const box = $("#board-live"); if (box) box.textContent = text; };
function release() { held?.entry.classList.remove("gx-held"); held = null; }

on("keydown", ".gx-month-entry[data-move] > a", (event, link) => {
  if (event.isComposing) return;
  const entry = link.parentElement;
  const back = (from, next) => () => { from.insertBefore(entry, next); link.focus(); };
  if (event.key === " ") {
    event.preventDefault();
    if (!held) {
      held = { entry, from: entry.parentElement, next: entry.nextElementSibling };
      entry.classList.add("gx-held");
      live($("#month-keys").textContent);
      return;
    }
    const { from, next } = held;
    release();
    const lane = entry.parentElement.dataset.label;
    const said = (done) => live(t(done ? "dropped" : "put_back", { lane }));
    if (entry.parentElement === from) said(true); else move(entry, back(from, next)).then(said);
  } else if (event.key === "Escape" && held) {
    event.preventDefault();
    event.stopPropagation();
    back(held.from, held.next)();
    release();
  } else if (held && event.key in STEPS) {
    event.preventDefault();
    const days = $$(".gx-month-list", entry.closest(".gx-month"));
    const to = days[days.indexOf(entry.parentElement) + STEPS[event.key]];
    if (!to) return;
    to.prepend(entry);
    link.focus();
    live(to.dataset.label);
  }
});

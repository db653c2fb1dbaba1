// Who else has this record open: avatars beside its name, and a warning in its form while somebody else changes it.
// What changed meanwhile, by others or by a job, is fetched.
import { $, csrf, each, oneAtATime, request, t } from "./base.js";

const EVERY = 50_000;
let others = [], followed = "";

/** The box of the open record, and whether a form of it is open. */
const box = () => $("[data-presence]");
const editing = () => {
  const address = box()?.dataset.presence.replace("presence/", "edit/");
  return [...document.querySelectorAll("form[data-draft]")].some((form) => form.getAttribute("action")?.startsWith(address)) || $("#record-view dd form") !== null;
};

let saying = new AbortController();
const say = oneAtATime(async () => {
  const place = box();
  if (!place || document.hidden) return;
  const body = new URLSearchParams({ editing: editing() ? "1" : "" });
  const answer = await request(place.dataset.presence, { method: "POST", body, signal: saying.signal }).catch(() => null);
  const told = answer?.ok && await answer.json().catch(() => null);
  if (!told || place !== box()) return;
  others = told.others;
  draw(place);
  follow(place, told.stamp);
});

/** The record is another than the page shows: its head and panels are drawn anew, once nothing is open in them. */
function follow(place, stamp) {
  if (stamp === place.dataset.stamp || stamp === followed || editing() || $("dialog[open], [popover]:popover-open")) return;
  followed = stamp;
  document.dispatchEvent(new CustomEvent("gx:stale"));
}

function draw(place) {
  const held = JSON.stringify(others);
  if (place.dataset.shown !== held) {
    place.dataset.shown = held;
    place.replaceChildren(...others.slice(0, 5).map(avatar));
  }
  warn();
}

function avatar(one) {
  const element = document.createElement("span");
  const words = t(one.editing ? "is_editing" : "is_looking", one);
  element.className = `gx-avatar md gx-c-${one.color}${one.editing ? " gx-editing-now" : ""}`;
  element.title = words;
  const letters = document.createElement("span");
  letters.setAttribute("aria-hidden", "true");
  letters.textContent = one.initials;
  const read = document.createElement("span");
  read.className = "gx-only-sr";
  read.textContent = words;
  element.append(letters, read);
  return element;
}

/** In the form: who else is changing the record, so that one may wait or talk. */
function warn() {
  const busy = others.filter((one) => one.editing).map((one) => one.name).join(t("and"));
  for (const form of document.querySelectorAll("form[data-draft]")) {
    if (!form.getAttribute("action")?.startsWith(box()?.dataset.presence.replace("presence/", "edit/"))) continue;
    let note = $("[data-busy-note]", form);
    if (!busy) { note?.remove(); continue; }
    if (!note) {
      note = document.createElement("div");
      note.className = "gx-note gx-c-amber";
      note.dataset.busyNote = "";
      note.setAttribute("role", "status");
      ($(".gx-dialog-body", form) ?? form).prepend(note);
    }
    note.textContent = t("is_editing", { name: busy });
  }
}

function gone() {
  saying.abort(); // it would say that one is here, after this
  saying = new AbortController(); // the page may come back
  const place = box();
  if (place) navigator.sendBeacon(place.dataset.presence, new URLSearchParams({ gone: "1", csrfmiddlewaretoken: csrf() }));
}

let timer = 0;
const soon = () => { clearTimeout(timer); timer = setTimeout(say, 120); };
each("[data-presence]", soon);
each("form[data-draft]", soon);
document.addEventListener("close", (event) => { if (event.target.id === "dialog") soon(); }, true);
document.addEventListener("gx:told", say);
document.addEventListener("visibilitychange", say);
addEventListener("pagehide", gone);
setInterval(say, EVERY);

// Boards: drag a card with mouse, touch or keyboard; the server decides, a refusal puts the card back.
import { $, $$, each, on, request, t, vendor } from "./base.js";
import { passOn } from "./toast.js";
import { explain } from "./glue.js";

async function move(card, key, row, back) {
  const body = new URLSearchParams({ to: key, version: card.dataset.version });
  if (row !== undefined) body.set("row", row);
  card.setAttribute("aria-busy", "true");
  let answer;
  try {
    answer = await request(card.dataset.move, { method: "POST", body, headers: { "HX-Request": "true" } });
  } catch {
    answer = null;
  }
  card.removeAttribute("aria-busy");
  if (answer?.status === 409 && answer.headers.has("X-Record-Lane")) { // a colleague was faster: it goes to where it stands now
    back();
    put(card, answer, await answer.text());
    passOn(answer);
    $$(".gx-board").forEach(totals);
    return false;
  }
  if (!answer?.ok) {
    back();
    if (!answer || !passOn(answer)) explain(answer?.status ?? 0, (name) => answer?.headers.get(name));
    return false;
  }
  if (answer.headers.has("X-Gate")) { // something must be filled first: the card waits where it was while a form asks
    back();
    passOn(answer);
    return false;
  }
  card.dataset.version = answer.headers.get("X-Record-Version") ?? card.dataset.version;
  passOn(answer);
  $$(".gx-board").forEach(totals);
  return true;
}

// The card as the answer draws it, in the column and row it names; gone where the board has none such.
function put(card, answer, html) {
  const named = (name) => CSS.escape(decodeURIComponent(answer.headers.get(name) ?? ""));
  const row = answer.headers.has("X-Record-Row") ? `.gx-board[data-row="${named("X-Record-Row")}"] ` : "";
  const list = $(`${row}.gx-lane[data-key="${named("X-Record-Lane")}"] .gx-lane-cards`);
  const focused = card.contains(document.activeElement);
  const made = new DOMParser().parseFromString(html, "text/html").querySelector(".gx-card");
  if (!list || !made) { card.remove(); return; }
  if (card.parentElement === list) card.replaceWith(made);
  else { card.remove(); list.prepend(made); }
  window.htmx?.process(made);
  if (focused) made.focus();
}

async function totals(board) {
  const answer = await request(board.dataset.totals);
  if (!answer.ok) return;
  for (const [key, words] of Object.entries(await answer.json())) {
    const lane = $(`.gx-lane[data-key="${CSS.escape(key)}"]`, board);
    if (!lane) continue;
    $("[data-lane-count]", lane).textContent = words.count;
    const sum = $("[data-lane-sum]", lane);
    if (sum) sum.textContent = words.sum;
    const weighted = $("[data-lane-weighted]", lane);
    if (weighted) weighted.textContent = words.weighted;
  }
}

// While a card is in the hand, columns it cannot go to are dimmed and say why.
async function close(card) {
  if (!card.closest(".gx-board").hasAttribute("data-gated")) return;
  const answer = await request(card.dataset.move).catch(() => null);
  if (!answer?.ok) return;
  const reasons = await answer.json();
  if (!card.classList.contains("gx-held") && !$(".sortable-ghost")) return; // put down meanwhile
  for (const lane of $$(".gx-lane, .gx-end")) {
    const reason = reasons[lane.dataset.key];
    if (!reason) continue;
    lane.classList.add("barred");
    const line = document.createElement("p");
    line.className = "gx-barred-why";
    line.textContent = reason;
    ($("header", lane) ?? lane).append(line);
  }
}
function reopen() {
  for (const lane of $$(".barred")) lane.classList.remove("barred");
  for (const line of $$(".gx-barred-why")) line.remove();
}

// Won and lost stand at the foot while a card is in the hand; a card left there goes on to its column.
const ends = () => $(".gx-board-ends");
const placeOf = (card) => card.closest(".gx-lane, .gx-end");
function lift(card) {
  setTimeout(() => { if (ends() && (held || $(".sortable-ghost"))) ends().hidden = false; }); // a browser ends a drag whose page changes at its start
  close(card);
}
function putDown() {
  if (ends()) ends().hidden = true;
  reopen();
}
function settle(card, board, back) {
  const place = placeOf(card);
  const { key, label } = place.dataset;
  if (place.matches(".gx-end")) {
    const list = $(`.gx-lane[data-key="${CSS.escape(key)}"] .gx-lane-cards`, board);
    if (list) list.prepend(card); else card.remove();
  } else board = place.closest(".gx-board");
  move(card, key, board.dataset.row, back).then((done) => live(t(done ? "dropped" : "put_back", { lane: label })));
}

// A mouse on a link means the link; a finger held there lifts the card, for a finger is wider than the room beside links.
function gripless(event) {
  const part = event.target.closest("a, button");
  return Boolean(part) && (part.tagName === "BUTTON" || event.pointerType === "mouse");
}
document.addEventListener("contextmenu", (event) => { // nor does holding one open a link's menu
  if (event.pointerType === "touch" && event.target.closest(".gx-card") && $(".sortable-chosen")) event.preventDefault();
});

each(".gx-board", async (board) => {
  if (board.dataset.locked) return;
  await vendor("sortable/sortable.min.js");
  const foot = $$(".gx-end-cards").filter((list) => !window.Sortable.get(list));
  for (const list of [...$$(".gx-lane-cards", board), ...foot]) {
    window.Sortable.create(list, {
      group: "board", animation: 120, delay: 150, delayOnTouchOnly: true, draggable: "[data-move]", filter: gripless, preventOnFilter: false,
      onStart: (event) => lift(event.item),
      onEnd: (event) => {
        putDown();
        if (event.to === event.from) return;
        const place = event.from.children[event.oldIndex] ?? null;
        settle(event.item, event.from.closest(".gx-board"), () => event.from.insertBefore(event.item, place));
      },
    });
  }
});

// Keyboard: Space lifts a card, arrows carry it to the next column, Space drops it, Esc returns it.
let held = null;
const live = (text) => { const box = $("#board-live"); if (box) box.textContent = text; };
function release() { held?.card.classList.remove("gx-held"); held = null; putDown(); }
const say = (lane) => live([lane.dataset.label, $(".gx-barred-why", lane)?.textContent].filter(Boolean).join(". "));

on("keydown", ".gx-card", (event, card) => {
  if (event.target !== card || event.isComposing) return;
  if (event.key === " " || event.key === "Enter") {
    event.preventDefault();
    if (!held) {
      if (!card.dataset.move) return;
      held = { card, from: card.parentElement, next: card.nextElementSibling };
      card.classList.add("gx-held");
      live(t("lifted"));
      lift(card);
      return;
    }
    const { from, next } = held;
    const moved = card.parentElement !== from;
    const { label } = placeOf(card).dataset;
    release();
    if (moved) settle(card, from.closest(".gx-board"), () => { from.insertBefore(card, next); card.focus(); });
    else live(t("dropped", { lane: label }));
    card.focus();
  } else if (event.key === "Escape" && held) {
    event.preventDefault();
    event.stopPropagation();
    held.from.insertBefore(held.card, held.next);
    card.focus();
    release();
  } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
    event.preventDefault();
    const lanes = card.closest(".gx-board-ends") ? $$(".gx-end-cards") : $$(".gx-lane-cards", card.closest(".gx-board"));
    const at = lanes.indexOf(card.parentElement) + (event.key === "ArrowRight" ? 1 : -1);
    if (!lanes[at]) return;
    if (held) { lanes[at].prepend(card); say(placeOf(card)); }
    else { $(".gx-card", lanes[at])?.focus(); return; }
    card.focus();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (held) { // to the same column of the next or previous row, below the last to where it ends
      const boards = $$(".gx-board");
      const foot = Boolean(card.closest(".gx-board-ends"));
      const at = foot ? boards.length : boards.indexOf(card.closest(".gx-board"));
      const next = boards[at + (event.key === "ArrowDown" ? 1 : -1)];
      const key = foot ? held.from.closest(".gx-lane").dataset.key : placeOf(card).dataset.key;
      const lane = next ? $(`.gx-lane[data-key="${CSS.escape(key)}"] .gx-lane-cards`, next) : event.key === "ArrowDown" && !foot && $(".gx-end-cards");
      if (lane) { lane.prepend(card); card.focus(); say(placeOf(card)); }
      return;
    }
    (event.key === "ArrowDown" ? card.nextElementSibling : card.previousElementSibling)?.focus?.();
  }
});

// Folded columns are remembered.
each(".gx-lane", (lane) => {
  const key = `gx-lane:${lane.closest(".gx-board").dataset.name}:${lane.dataset.key}`;
  if (localStorage.getItem(key) === "1") lane.classList.add("folded");
  $("[data-fold-lane]", lane)?.addEventListener("click", () => {
    const folded = lane.classList.toggle("folded");
    localStorage.setItem(key, folded ? "1" : "");
  });
});

// Reports: a picture as PNG; a condition taken away draws the answer anew.
import { $, $$, each, on, request, vendor } from "./base.js";
import { reload } from "./toast.js";

/** A standing-alone SVG as a PNG file, twice as large for sharp print. */
async function png(link) {
  const answer = await request(link.href);
  if (!answer.ok) return;
  const url = URL.createObjectURL(new Blob([await answer.text()], { type: "image/svg+xml" }));
  const picture = new Image();
  await new Promise((resolve, reject) => { picture.onload = resolve; picture.onerror = reject; picture.src = url; });
  const canvas = document.createElement("canvas");
  canvas.width = picture.width * 2;
  canvas.height = picture.height * 2;
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(url);
  const file = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  const saved = document.createElement("a");
  saved.href = URL.createObjectURL(file);
  saved.download = `${link.dataset.png}.png`;
  saved.click();
  setTimeout(() => URL.revokeObjectURL(saved.href), 1000);
}
on("click", "[data-png]", (event, link) => { event.preventDefault(); png(link); });

on("click", "#report-builder [data-remove-condition]", (_event, button) => {
  const form = button.closest("form");
  setTimeout(() => form.dispatchEvent(new CustomEvent("gx:again")));
});

// An operator that asks for no value makes a condition whole at once.
document.addEventListener("htmx:load", (event) => {
  const row = event.target;
  const form = row.matches?.("[data-cond]") && row.closest("#report-builder form");
  if (form && row.querySelector('[name$=".op"]') && !row.querySelector(".gx-row [name]")) form.dispatchEvent(new CustomEvent("gx:again"));
});

// Boards. A tile's picture is drawn for the width the tile has here.
document.addEventListener("htmx:configRequest", (event) => {
  const tile = event.detail.elt;
  if (tile.matches?.("[data-tile]")) event.detail.parameters.w = Math.round(tile.clientWidth);
});
const keepOrder = (board) => {
  const order = $$("[data-place]", board).map((one) => one.dataset.place).join(",");
  request(board.dataset.tiles, { method: "POST", body: new URLSearchParams({ order }) }).then((answer) => {
    reload();
    return answer;
  });
};
each("[data-tiles]", async (board) => {
  await vendor("sortable/sortable.min.js");
  window.Sortable.create(board, { handle: ".gx-grip", animation: 120, onEnd: (event) => { if (event.oldIndex !== event.newIndex) keepOrder(board); } });
});
let moved;
on("keydown", "[data-tiles] .gx-grip", (event, grip) => {
  const tile = grip.closest("[data-place]");
  if (["ArrowUp", "ArrowLeft"].includes(event.key) && tile.previousElementSibling) tile.previousElementSibling.before(tile);
  else if (["ArrowDown", "ArrowRight"].includes(event.key) && tile.nextElementSibling) tile.nextElementSibling.after(tile);
  else return;
  event.preventDefault();
  grip.focus();
  clearTimeout(moved);
  moved = setTimeout(() => keepOrder(tile.closest("[data-tiles]")), 1200);
});
on("click", "[data-full]", (_event, button) => { button.closest(".gx-board-tile").requestFullscreen?.(); });
on("click", "[data-tile-list]", (event, link) => {
  const all = $(".gx-about[data-all]", link.closest(".gx-board-tile"));
  if (all) { event.preventDefault(); location.assign(all.dataset.all); }
});
on("click", "[data-remove-tile]", (_event, button) => button.closest(".gx-colrow").remove());

// The picture of a report is drawn anew where it would become too small to read.
each("[data-fit]", async (figure) => {
  if (figure.clientWidth >= 640) return;
  const answer = await request(`${figure.dataset.fit}&w=${Math.round(figure.clientWidth)}`);
  if (!answer.ok) return;
  const holder = document.createElement("template");
  holder.innerHTML = await answer.text();
  $("svg", figure)?.replaceWith(holder.content);
});

// Reports: a picture as PNG; a condition taken away draws the answer anew.
import { on, request } from "./base.js";

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

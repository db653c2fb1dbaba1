// Preview of an import: cells are changed in place, the row says at once what would become of it.
import { $, on, request, t } from "./base.js";
import { passOn } from "./toast.js";
import { explain } from "./glue.js";

// The place for a file: dropped or chosen, its name and size are said.
on("dragover", "[data-dropzone]", (event, zone) => { if (event.dataTransfer.types.includes("Files")) zone.classList.add("gx-over"); });
for (const sort of ["dragleave", "drop"]) on(sort, "[data-dropzone]", (_event, zone) => zone.classList.remove("gx-over"));
on("change", "[data-dropzone] input", (event, zone) => {
  const files = [...event.target.files];
  if (!files.length) return;
  const box = zone.closest("[data-dropzone]");
  const size = files.reduce((sum, file) => sum + file.size, 0);
  $("[data-chosen]", box).textContent = files.map((file) => file.name).join(", ");
  $("[data-size]", box).textContent = size < 1e6 ? `${Math.ceil(size / 1000)} KB` : `${(size / 1e6).toFixed(1)} MB`;
});

const COLORS = { created: "green", updated: "blue", skipped: "slate", failed: "red" };

// A changed row leaves one count above the table and joins another; the button counts those that are not refused.
function recount(before, after) {
  if (before === after) return;
  for (const [outcome, step] of [[before, -1], [after, 1], ["accepted", (before === "failed") - (after === "failed")]]) {
    const count = $(`[data-count="${outcome}"]`);
    const number = Number(count?.dataset.number) + step;
    if (!count || number < 0) continue;
    count.dataset.number = number;
    count.textContent = number.toLocaleString("en");
    count.classList.toggle("gx-count-hot", outcome === "failed" && number > 0);
  }
}

function open(cell) {
  if ($("input", cell)) return;
  const before = cell.textContent;
  const input = document.createElement("input");
  input.className = "form-control";
  input.value = before;
  input.setAttribute("aria-label", t("edit_hint"));
  cell.replaceChildren(input);
  input.focus();
  input.select();
  let over = false;
  const shut = (text) => { over = true; cell.textContent = text; cell.focus(); };
  async function save() {
    if (over) return;
    over = true;
    if (input.value === before) { shut(before); return; }
    const row = cell.closest("tr");
    const address = `${cell.closest("[data-cells]").dataset.cells}${row.dataset.position}/${cell.dataset.column}/`;
    const answer = await request(address, { method: "POST", body: new URLSearchParams({ value: input.value }) }).catch(() => null);
    if (!answer?.ok) {
      if (!answer || !passOn(answer)) explain(answer?.status ?? 0, (name) => answer?.headers.get(name));
      shut(before);
      return;
    }
    const found = await answer.json();
    shut(found.cell);
    recount(row.dataset.becomes, found.outcome);
    row.dataset.becomes = found.outcome;
    const box = $("[data-outcome]", row);
    const badge = $(".gx-badge", box);
    badge.className = `gx-badge gx-c-${COLORS[found.outcome]}`;
    badge.textContent = found.label;
    $(".gx-code", box).textContent = found.reasons;
    row.classList.toggle("gx-bad", found.outcome === "failed");
  }
  input.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Enter") { event.preventDefault(); event.stopPropagation(); save(); }
    if (event.key === "Escape") { event.stopPropagation(); shut(before); }
  });
  input.addEventListener("blur", save);
}
on("dblclick", "[data-cells] td[data-column]", (_event, cell) => open(cell));
on("keydown", "[data-cells] td[data-column]", (event, cell) => { if (event.target === cell && event.key === "Enter") { event.preventDefault(); open(cell); } });

// Pages about people: things shown once are copied, departments are dragged, a scope of chosen departments asks which.
import { $, $$, on } from "./base.js";

on("focusin", "[data-select-all]", (_event, field) => field.select());

on("change", "select[data-scope]", (_event, select) => {
  select.nextElementSibling.hidden = select.value !== "chosen";
  select.classList.toggle("gx-given", Boolean(select.value));
});

function moved(event) {
  if (event.from === event.to && event.oldIndex === event.newIndex) return;
  window.htmx.ajax("POST", `/people/departments/${event.item.dataset.id}/move/`, {
    source: event.item,
    values: { parent: event.to.dataset.parent, position: event.newIndex },
    swap: "none",
  });
}
if (window.Sortable) {
  for (const list of $$("ul[data-sortable]")) {
    window.Sortable.create(list, { group: "departments", handle: ".gx-tree-grip", fallbackOnBody: true, invertSwap: true, animation: 120, onEnd: moved });
  }
}

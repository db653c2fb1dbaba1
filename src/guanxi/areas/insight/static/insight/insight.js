// The tick box in a table's head ticks all boxes of that name in its form.
(() => {
  if (window.gxInsightTicks) return;
  window.gxInsightTicks = true;
  document.addEventListener("change", (event) => {
    const name = event.target.dataset ? event.target.dataset.tickAll : "";
    if (!name || !event.target.form) return;
    for (const box of event.target.form.querySelectorAll(`input[name="${name}"]`)) box.checked = event.target.checked;
  });
})();

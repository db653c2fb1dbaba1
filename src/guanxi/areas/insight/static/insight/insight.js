// The page one is on stands in sight where the pages scroll sideways. The tick box in a table's head ticks all boxes of that name in its form.
(() => {
  const bar = document.querySelector(".gx-insight-nav");
  const here = bar && bar.querySelector("[aria-current]");
  if (here) bar.scrollLeft = here.offsetLeft - bar.offsetLeft - 48;
  if (window.gxInsightTicks) return;
  window.gxInsightTicks = true;
  document.addEventListener("change", (event) => {
    const name = event.target.dataset ? event.target.dataset.tickAll : "";
    if (!name || !event.target.form) return;
    for (const box of event.target.form.querySelectorAll(`input[name="${name}"]`)) box.checked = event.target.checked;
  });
})();

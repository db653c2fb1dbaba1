// Going back: pages are kept nowhere, so the place within lists and boards is noted with the entry of the history and found again.

const PLACES = ".gx-main, .gx-list, .gx-board, .gx-board-rows, .gx-lane-cards, .gx-side-body";

addEventListener("pagehide", () => {
  const held = [...document.querySelectorAll(PLACES)].map((one) => [Math.round(one.scrollTop), Math.round(one.scrollLeft)]);
  if (held.some(([top, left]) => top || left)) history.replaceState({ ...history.state, place: held }, "");
});

addEventListener("pageshow", (event) => {
  const held = history.state?.place;
  if (event.persisted || !held || performance.getEntriesByType("navigation")[0]?.type !== "back_forward") return;
  document.querySelectorAll(PLACES).forEach((one, number) => { if (held[number]) one.scrollTo(held[number][1], held[number][0]); });
});

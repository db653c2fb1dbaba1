// The bell stays up to date: a stream where there is one, else a question a minute while the page is in sight.
import { $, each, request, t } from "./base.js";
import { reload, toast } from "./toast.js";

const bell = $("#bell");
let latest = null;

async function ask() {
  document.dispatchEvent(new CustomEvent("gx:told"));
  const answer = await request(bell.dataset.live).catch(() => null);
  if (answer?.status === 401) document.dispatchEvent(new CustomEvent("gx:signin"));
  if (!answer?.ok) return;
  const state = await answer.json();
  if (state.rights !== bell.dataset.rights) follow(state.rights);
  const count = $("#bell-count");
  count.textContent = state.unread > 99 ? "99+" : state.unread;
  count.hidden = !state.unread;
  if (latest !== null && state.latest > latest && state.unread) toast({ text: t("news"), url: bell.href });
  latest = state.latest;
}

// Other rights: the page is drawn anew, unless something typed would be lost.
function follow(rights) {
  bell.dataset.rights = rights;
  const busy = $("form[data-dirty], dialog[open]");
  if (busy) { toast({ text: t("rights_reload"), url: location.href, link: t("reload"), seconds: 0 }); return; }
  toast({ text: t("rights_changed") });
  reload();
}

function poll() {
  setInterval(() => { if (!document.hidden) ask(); }, 60_000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
}

if (bell) {
  let failures = 0;
  const stream = bell.dataset.stream && "EventSource" in window ? new EventSource(bell.dataset.stream, { withCredentials: true }) : null;
  if (stream) {
    stream.addEventListener("notifications", ask);
    stream.addEventListener("open", () => { failures = 0; });
    stream.addEventListener("error", () => {
      failures += 1;
      if (failures > 2 || stream.readyState === EventSource.CLOSED) { stream.close(); ask(); poll(); }
    });
    addEventListener("pagehide", () => stream.close());
  } else poll();
}

// Pages of running work draw themselves anew while they are in sight.
each("[data-again]", (box) => {
  const again = () => { if (document.hidden) setTimeout(again, 1000); else reload(); };
  setTimeout(again, Number(box.dataset.again) * 1000);
});

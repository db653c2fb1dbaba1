// Notifications while no page is open: this browser says where it can be reached, or that it wants no more.
import { $, each, request, t } from "./base.js";
import { toast } from "./toast.js";

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));

each("[data-push]", async (box) => {
  const [on, off, not] = ["on", "off", "not"].map((name) => $(`[data-push-${name}]`, box));
  if (!("serviceWorker" in navigator) || !("PushManager" in window) || !window.isSecureContext) { not.hidden = false; return; }
  const worker = await navigator.serviceWorker.register("/worker.js", { scope: "/" }).then(() => navigator.serviceWorker.ready).catch(() => null);
  if (!worker) { not.hidden = false; return; }
  const show = async () => {
    const held = await worker.pushManager.getSubscription();
    const shown = Boolean(held) && "pushKnown" in box.dataset; // else it was forgotten: signed out, another password
    off.hidden = !shown;
    on.hidden = shown || Notification.permission === "denied";
    not.hidden = Notification.permission !== "denied";
  };
  const tell = async (values) => {
    const answer = await request(box.dataset.pushUrl, { method: "POST", body: new URLSearchParams(values), headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(answer.statusText);
  };
  on.addEventListener("click", async () => {
    on.disabled = true;
    try {
      const made = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(box.dataset.push) });
      const { endpoint, keys } = made.toJSON();
      await tell({ endpoint, key: keys.p256dh, secret: keys.auth }).catch(async (error) => { await made.unsubscribe(); throw error; });
      box.dataset.pushKnown = "";
      toast({ text: t("saved") });
    } catch {
      if (Notification.permission !== "denied") toast({ text: t("push_failed"), level: "error" });
    }
    on.disabled = false;
    show();
  });
  off.addEventListener("click", async () => {
    const held = await worker.pushManager.getSubscription();
    if (held) { await tell({ endpoint: held.endpoint, off: "1" }).catch(() => null); await held.unsubscribe(); }
    toast({ text: t("saved") });
    show();
  });
  show();
});

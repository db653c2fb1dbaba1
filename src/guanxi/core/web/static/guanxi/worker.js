// The service worker: pages come from the server; while it cannot be reached, files and the page “Written offline” come
// from the browser's own keeping. It keeps no answer about records. It also shows what the server pushes.
const FILES = "gx-files";
const SHELL = "gx-shell";
const PAGE = "/offline/";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (url.pathname.startsWith("/static/")) event.respondWith(file(request));
  else if (request.mode === "navigate") event.respondWith(page(request));
});

async function file(request) {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await caches.match(request, { cacheName: FILES, ignoreSearch: true });
    if (kept) return kept;
    throw error;
  }
}

async function page(request) {
  try {
    return await fetch(request);
  } catch {
    const kept = await caches.match(PAGE, { cacheName: SHELL });
    return kept ?? new Response("离线，服务器暂时无法访问。 · Offline: the server cannot be reached.", {
      status: 503, headers: { "Content-Type": "text/plain; charset=utf-8" },
    });
  }
}

self.addEventListener("push", (event) => {
  const told = event.data?.json() ?? {};
  event.waitUntil(self.registration.showNotification(told.title ?? "Guanxi", {
    body: told.body, tag: told.tag, data: { url: told.url }, icon: "/static/guanxi/app-192.png", lang: told.lang,
  }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const url = new URL(event.notification.data?.url ?? "/", location.origin).href;
  event.waitUntil((async () => {
    const open = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    const same = open.find((one) => one.url === url);
    if (same) return same.focus();
    return self.clients.openWindow(url);
  })());
});

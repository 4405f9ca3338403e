// What a page cannot do by itself: live figures with a pause, panels that open and close, focus
// after a swap, and words for what went wrong. Everything works without it, only less smoothly.
"use strict";

(() => {
  const body = document.body;

  // The menu of a small screen.
  const menu = document.querySelector("[data-menu]");
  if (menu) {
    const set = (open) => {
      body.classList.toggle("folded", !open);
      menu.setAttribute("aria-expanded", String(open));
    };
    set(false);
    menu.addEventListener("click", () => set(body.classList.contains("folded")));
  }

  // Live figures.
  const live = document.querySelector("[data-live]");
  const toggle = document.querySelector("[data-live-toggle]");
  if (live && toggle && "EventSource" in window) {
    let stream = null;
    const say = (text) => { document.querySelector("[data-live-state]").textContent = text; };
    const begin = () => {
      stream = new EventSource(live.dataset.live);
      stream.addEventListener("figures", (event) => {
        live.innerHTML = event.data;
        say("Live");
      });
      stream.addEventListener("over", () => { stream.close(); say("Signed out: sign in again to see live figures"); });
      stream.addEventListener("error", () => say("Reconnecting…"));
    };
    const end = () => { if (stream) { stream.close(); stream = null; } };
    toggle.hidden = false;
    toggle.addEventListener("click", () => {
      const paused = stream !== null;
      if (paused) { end(); say("Paused"); } else { say("Connecting…"); begin(); }
      toggle.setAttribute("aria-pressed", String(paused));
    });
    window.addEventListener("pagehide", end);
    begin();
  }

  // A link with a panel: asked once, then opened and closed.
  const panelOf = (element) => document.getElementById(element.getAttribute("aria-controls"));
  body.addEventListener("htmx:beforeRequest", (event) => {
    const link = event.detail.elt;
    if (!link.hasAttribute("data-opens")) return;
    const panel = panelOf(link);
    if (!panel.firstElementChild) return;
    event.preventDefault();
    panel.hidden = !panel.hidden;
    link.setAttribute("aria-expanded", String(!panel.hidden));
  });
  body.addEventListener("htmx:afterSwap", (event) => {
    const link = event.detail.requestConfig && event.detail.requestConfig.elt;
    if (link && link.hasAttribute("data-opens")) {
      panelOf(link).hidden = false;
      link.setAttribute("aria-expanded", "true");
    }
    const target = event.detail.target;
    const focus = target && target.querySelector ? target.querySelector("[data-focus]") : null;
    if (focus) focus.focus();
    trouble("");
  });

  // Waiting and failing, said so that everybody notices.
  body.addEventListener("htmx:beforeSend", (event) => event.detail.target.setAttribute("aria-busy", "true"));
  body.addEventListener("htmx:afterRequest", (event) => event.detail.target.removeAttribute("aria-busy"));
  const trouble = (text) => {
    const place = document.getElementById("trouble");
    if (place) place.textContent = text;
  };
  body.addEventListener("htmx:sendError", () => trouble("The console does not answer. Is the api role running? Nothing was changed by this page; try again."));
  body.addEventListener("htmx:timeout", () => trouble("No answer in time. Try again."));
  body.addEventListener("htmx:responseError", (event) => {
    const said = event.detail.xhr.getResponseHeader("X-Console-Problem");
    trouble(said ? decodeURIComponent(said) : "That did not work (" + event.detail.xhr.status + "). Try again.");
  });

  // Copying an id.
  body.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button || !navigator.clipboard) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  });
})();

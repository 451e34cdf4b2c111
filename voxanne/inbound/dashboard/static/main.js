/* Started on every page: what the page has gets its script, and no more is loaded. */

import { listen } from "./live.js";
import { startNotifications } from "./notifications.js";
import { openSheet } from "./request.js";

/** Links that open the sheet, where no other key or button is meant. */
const OPENING = "#calendar .appt, #new-appointment, [data-panel], #panel a[href*='/appointments/new']";

if (document.body.dataset.root) {
  startNotifications();
  const calendar = document.getElementById("calendar");
  const shown = [
    calendar && import("./calendar.js").then(({ startCalendar }) => startCalendar(calendar)),
    document.querySelector("[data-live][id]") && import("./regions.js").then(({ startRegions }) => startRegions()),
  ];
  // What shows a change is there before the first is told.
  Promise.all(shown).finally(listen);
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
    if (!(link instanceof HTMLAnchorElement) || event.defaultPrevented || !link.matches(OPENING)) return;
    if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    openSheet(link.href, link);
  });
  for (const field of document.querySelectorAll("input[data-copy]")) {
    import("./copying.js").then(({ addCopying }) => addCopying(/** @type {HTMLInputElement} */ (field)));
  }
  for (const form of document.querySelectorAll("main form[data-action='book']")) {
    import("./search.js").then(({ startSearch }) => startSearch(form));
  }
}

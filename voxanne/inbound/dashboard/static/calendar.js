/* The calendar: keeps itself current, shows what time it is, and books where somebody points. */

import { startDragging } from "./dragging.js";
import { clockText, columnOf, fieldsOf, floating, frame, markOpen, minutePixels, placeAll, snapped } from "./grid.js";
import { addPicks, book, startKeyboard } from "./keyboard.js";
import { coalesced } from "./live.js";
import { isMoving, whenStill } from "./moving.js";
import { read, root } from "./request.js";
import { toast } from "./toasts.js";

const REFRESH_GAP_MS = 150;
const MINUTE_MS = 60_000;
const MINUTES_PER_DAY = 24 * 60;

/** @param {HTMLElement} calendar */
export function startCalendar(calendar) {
  placeAll(calendar);
  showNow(calendar);
  scrollToNow(calendar);
  startDragging(calendar);
  startKeyboard(calendar);
  if (calendar.dataset.mayEdit !== undefined) startPointing(calendar);
  const refresh = coalesced(() => renew(calendar), REFRESH_GAP_MS);
  document.addEventListener("voxanne:changed", (event) => {
    const { detail } = /** @type {CustomEvent<import("./live.js").Change | null>} */ (event);
    if (concerns(calendar, detail)) whenStill(refresh);
  });
}

/**
 * What tells of no day may be about hours or people, and so about any.
 * @param {HTMLElement} calendar
 * @param {import("./live.js").Change | null} change
 */
function concerns(calendar, change) {
  if (!change?.days.length) return !change?.appointment_id;
  return change.days.some((day) => calendar.querySelector(`.column[data-day="${day}"]`));
}

/**
 * Fetch what is inside, and put it there: the focus, what is open and how far it is scrolled stay.
 * @param {HTMLElement} calendar
 */
async function renew(calendar) {
  let text;
  try {
    text = await read(`${root}/calendar/grid${location.search || `?day=${calendar.dataset.day}`}`, false, true);
  } catch {
    return; // the next change tries again
  }
  if (isMoving()) return whenStill(() => renew(calendar));
  const active = document.activeElement;
  const focused = calendar.contains(active) ? active?.id : "";
  const pick = active instanceof HTMLElement && active.matches(".slot-pick") ? active.dataset.start : undefined;
  const top = calendar.scrollTop / minutePixels();
  const fresh = document.createElement("template");
  fresh.innerHTML = text;
  const now = fresh.content.querySelector(".frame");
  if (now instanceof HTMLElement) {
    if (now.dataset.scripts !== new URL(import.meta.url).pathname) return beginAnew();
    delete calendar.dataset.now;
    Object.assign(calendar.dataset, now.dataset);
  }
  placeAll(fresh.content);
  calendar.replaceChildren(fresh.content);
  setFrame(calendar);
  addPicks();
  calendar.scrollTop = top * minutePixels();
  const again = focused ? document.getElementById(focused) : null;
  if (again && pick !== undefined) {
    again.dataset.start = pick;
    again.style.setProperty("--start", pick);
  }
  again?.focus({ preventScroll: true });
  markOpen();
  showNow(calendar);
}

/** A newer release serves: its calendar wants its own scripts. What is being filled in stays. */
function beginAnew() {
  if (!document.querySelector("dialog[open]")) return location.reload();
  const link = { label: "Reload", href: location.href };
  toast("Voxanne was updated. Finish what you are at, then reload the page.", { name: "updated", seconds: 60, link });
}

/** @param {HTMLElement} calendar */
function setFrame(calendar) {
  for (const name of ["from", "until"]) calendar.style.setProperty(`--${name}`, calendar.dataset[name] ?? "");
}

let clockTimer = 0;

/**
 * The line that says what time it is, by the server's clock: the browser's tells only how long ago that was.
 * @param {HTMLElement} calendar
 */
function showNow(calendar) {
  clearInterval(clockTimer);
  if (calendar.dataset.now === undefined) return;
  const [then, began] = [frame("now"), Date.now()];
  const show = () => {
    const now = then + (Date.now() - began) / MINUTE_MS;
    if (now >= MINUTES_PER_DAY) return location.reload();  // today is yesterday
    calendar.style.setProperty("--now", String(Math.floor(now)));
  };
  show();
  clockTimer = window.setInterval(show, MINUTE_MS / 4);
}

/**
 * Begin where it is now, or where the first appointment is.
 * @param {HTMLElement} calendar
 */
function scrollToNow(calendar) {
  const starts = [...calendar.querySelectorAll(".appt")].map((appt) => Number(appt.getAttribute("data-start")));
  const minute = calendar.dataset.now === undefined ? Math.min(...starts) : frame("now") - 90;
  if (Number.isFinite(minute)) calendar.scrollTop = Math.max(0, minute - 30 - frame("from")) * minutePixels();
}

/**
 * A free time is shown under the pointer, and booked by a click.
 * @param {HTMLElement} calendar
 */
function startPointing(calendar) {
  const mark = floating("slot-mark");
  /** @param {MouseEvent} event */
  const placeAt = (event) => {
    const target = /** @type {Element} */ (event.target);
    if (!target.matches(".slots")) return null;
    const minute = frame("from") + (event.clientY - target.getBoundingClientRect().top) / minutePixels();
    const minutes = Math.max(frame("slot") || 15, 15);
    const column = columnOf(/** @type {HTMLElement} */ (target));
    return { column, start: snapped(minute, minutes, Math.floor), minutes };
  };
  calendar.addEventListener("pointermove", (event) => {
    const place = event.pointerType === "mouse" && !event.buttons ? placeAt(event) : null;
    if (place) mark.put(place, `+ ${clockText(place.start)}`);
    else mark.remove();
  });
  calendar.addEventListener("pointerleave", () => mark.remove());
  calendar.addEventListener("click", (event) => {
    const place = placeAt(event);
    if (!place) return;
    mark.remove();
    book(fieldsOf(place), place.column.querySelector(".slot-pick") ?? undefined);
  });
}

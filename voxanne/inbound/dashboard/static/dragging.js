/* Appointments are dragged: with a mouse at once, with a finger after holding it down. */

import { clockText, columns, floating, frame, minutePixels, placeOf, slots, snapped } from "./grid.js";
import { begin, canMove, end, move, nameOf } from "./moving.js";

/** @typedef {import("./grid.js").Place} Place */

const HOLD_MS = 380;
const STILL_PIXELS = 8;
const MOUSE_PIXELS = 4;
const EDGE_PIXELS = 56;
const SCROLL_PIXELS = 14;

/**
 * @typedef {object} Drag
 * @property {HTMLElement} appt
 * @property {number} pointer
 * @property {{x: number, y: number}} at where the pointer is
 * @property {{x: number, y: number}} from where it went down
 * @property {number} grip how far below the start it was taken, in minutes
 * @property {boolean} touch
 * @property {number} timer
 * @property {Place | null} to null until it moves
 * @property {ReturnType<typeof floating> | null} ghost
 */

/** @type {Drag | null} */
let drag = null;

/** @param {HTMLElement} calendar */
export function startDragging(calendar) {
  calendar.addEventListener("pointerdown", (event) => take(event));
  calendar.addEventListener("dragstart", (event) => event.preventDefault());
  addEventListener("pointermove", (event) => follow(event, calendar));
  addEventListener("pointerup", (event) => event.pointerId === drag?.pointer && drop(calendar));
  addEventListener("pointercancel", (event) => event.pointerId === drag?.pointer && leave(calendar));
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !drag?.to) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    leave(calendar);
  }, { capture: true });
  // Once it is held, a finger drags and doesn't scroll.
  calendar.addEventListener("touchmove", (event) => drag?.to && event.preventDefault(), { passive: false });
  calendar.addEventListener("contextmenu", (event) => drag?.touch && event.preventDefault());
}

/** @param {PointerEvent} event */
function take(event) {
  const appt = event.target instanceof Element ? event.target.closest(".appt") : null;
  if (drag || event.button || !(appt instanceof HTMLElement) || !canMove(appt)) return;
  const touch = event.pointerType !== "mouse";
  const at = { x: event.clientX, y: event.clientY };
  const grip = (event.clientY - appt.getBoundingClientRect().top) / minutePixels();
  drag = { appt, pointer: event.pointerId, at, from: at, grip, touch, timer: 0, to: null, ghost: null };
  if (touch) drag.timer = window.setTimeout(lift, HOLD_MS);
}

function lift() {
  if (!drag) return;
  const { appt } = drag;
  begin();
  drag.to = placeOf(appt);
  drag.ghost = floating(`ghost ${[...appt.classList].find((name) => /^c\d$/.test(name)) ?? "c0"}`);
  appt.classList.add("moving");
  document.getElementById("calendar")?.classList.add("dragging");
  if (drag.touch) navigator.vibrate?.(15);
  show();
  requestAnimationFrame(scroll);
}

/**
 * @param {PointerEvent} event
 * @param {HTMLElement} calendar
 */
function follow(event, calendar) {
  if (!drag || event.pointerId !== drag.pointer) return;
  drag.at = { x: event.clientX, y: event.clientY };
  const moved = Math.hypot(drag.at.x - drag.from.x, drag.at.y - drag.from.y);
  if (drag.to) show();
  else if (drag.touch && moved > STILL_PIXELS) leave(calendar);  // it scrolls
  else if (!drag.touch && moved > MOUSE_PIXELS) lift();
}

function show() {
  if (!drag?.to) return;
  const { x, y } = drag.at;
  const found = columns().find((each) => {
    const box = each.getBoundingClientRect();
    return x >= box.left && x < box.right;
  });
  const column = found ?? drag.to.column;
  const minute = frame("from") + (y - slots(column).getBoundingClientRect().top) / minutePixels() - drag.grip;
  drag.to = { column, start: snapped(minute, drag.to.minutes), minutes: drag.to.minutes };
  drag.ghost?.put(drag.to, `${clockText(drag.to.start)} ${nameOf(drag.appt)}`);
}

/** Near an edge the calendar goes on. */
function scroll() {
  const calendar = document.getElementById("calendar");
  if (!drag?.to || !calendar) return;
  const box = calendar.getBoundingClientRect();
  const { x, y } = drag.at;
  /** @type {(low: number, high: number, at: number) => number} */
  const pull = (low, high, at) => (at < low + EDGE_PIXELS ? -SCROLL_PIXELS : at > high - EDGE_PIXELS ? SCROLL_PIXELS : 0);
  const [left, top] = [pull(box.left, box.right, x), pull(box.top, box.bottom, y)];
  if (left || top) {
    calendar.scrollBy(left, top);
    show();
  }
  requestAnimationFrame(scroll);
}

/** @param {HTMLElement} calendar */
function drop(calendar) {
  const done = drag;
  if (done?.to) {
    // The click that follows opens nothing.
    const stop = (/** @type {Event} */ event) => {
      event.preventDefault();
      event.stopPropagation();
    };
    addEventListener("click", stop, { capture: true, once: true });
    setTimeout(() => removeEventListener("click", stop, { capture: true }), 0);
  }
  leave(calendar);
  if (done?.to) move(done.appt, done.to);
}

/** @param {HTMLElement} calendar */
function leave(calendar) {
  if (!drag) return;
  const { appt, timer, ghost, to } = drag;
  clearTimeout(timer);
  ghost?.remove();
  appt.classList.remove("moving");
  calendar.classList.remove("dragging");
  drag = null;
  if (to) end();
}

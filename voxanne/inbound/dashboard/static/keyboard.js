/* The calendar without a pointer: M moves an appointment, and each column has a way to its free times. */

import { announce, clockText, columnName, columnOf, columns, fieldsOf, floating, frame, placeOf, slots, snapped } from "./grid.js";
import { begin, canMove, end, move, nameOf, placeText } from "./moving.js";
import { openSheet, root } from "./request.js";

/** @typedef {import("./grid.js").Place} Place */

/** @type {{appt: HTMLElement, to: Place, ghost: ReturnType<typeof floating>} | null} */
let moving = null;

/** @param {HTMLElement} calendar */
export function startKeyboard(calendar) {
  calendar.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = /** @type {HTMLElement} */ (event.target);
    if (moving) steer(event);
    else if (target.matches(".slot-pick")) pick(event, target);
    else if (event.key.toLowerCase() === "m" && target.matches(".appt")) {
      event.preventDefault();
      if (canMove(target)) take(target);
      else announce("This one can't be moved.");
    }
  });
  calendar.addEventListener("focusout", () => moving && stop("Left where it was."));
  addPicks();
}

/** A button for each column, seen when it is reached: arrows choose a time, Enter books there. */
export function addPicks() {
  if (document.getElementById("calendar")?.dataset.mayEdit === undefined) return;
  for (const [index, column] of columns().entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.id = `pick-${index}`;
    button.className = "plain slot-pick";
    set(button, column, snapped(frame("now") || frame("from") + 60, 30, Math.ceil));
    button.addEventListener("click", () => book(fieldsOf({ column, start: Number(button.dataset.start), minutes: 30 }), button));
    slots(column).append(button);
  }
}

/**
 * The form that books, there.
 * @param {Record<string, string>} at
 * @param {Element} [from] where the focus goes afterwards
 */
export function book(at, from) {
  openSheet(`${root}/appointments/new?${new URLSearchParams(at)}`, from);
}

/**
 * @param {HTMLElement} button
 * @param {HTMLElement} column
 * @param {number} start
 */
function set(button, column, start) {
  button.dataset.start = String(start);
  button.style.setProperty("--start", String(start));
  button.textContent = `+ ${clockText(start)}`;
  button.setAttribute("aria-label", `Book at ${clockText(start)}, ${columnName(column)}. Arrow keys choose another time.`);
}

/**
 * @param {KeyboardEvent} event
 * @param {HTMLElement} button
 */
function pick(event, button) {
  const at = { column: columnOf(button), start: Number(button.dataset.start), minutes: frame("slot") || 15 };
  const to = stepped(at, event.key);
  if (!to) return;
  event.preventDefault();
  const next = /** @type {HTMLElement} */ (slots(to.column).querySelector(".slot-pick"));
  set(next, to.column, to.start);
  next.focus();
  next.scrollIntoView({ block: "nearest", inline: "nearest" });
  announce(placeText(to));
}

/** @param {HTMLElement} appt */
function take(appt) {
  begin();
  const to = placeOf(appt);
  moving = { appt, to, ghost: floating(`ghost ${[...appt.classList].find((name) => /^c\d$/.test(name)) ?? "c0"}`) };
  appt.classList.add("moving");
  show();
  announce(`Moving ${(appt.textContent ?? "").replace(/\s+/g, " ").trim()}. Up and down choose a time, left and right another column, Enter puts it there, Escape leaves it.`);
}

/** @param {KeyboardEvent} event */
function steer(event) {
  if (!moving) return;
  event.preventDefault();
  event.stopPropagation();
  const { appt, to } = moving;
  if (event.key === "Enter") {
    stop("");
    move(appt, to);
  } else if (event.key === "Escape") stop("Left where it was.");
  else {
    const next = stepped(to, event.key);
    if (!next) return;
    moving.to = next;
    show();
    announce(placeText(next));
  }
}

function show() {
  moving?.ghost.put(moving.to, `${clockText(moving.to.start)} ${nameOf(moving.appt)}`);
  moving?.ghost.item.scrollIntoView({ block: "nearest", inline: "nearest" });
}

/** @param {string} said */
function stop(said) {
  if (!moving) return;
  const { appt, ghost } = moving;
  moving = null;
  ghost.remove();
  appt.classList.remove("moving");
  end();
  if (said) announce(said);
}

/**
 * @param {Place} place
 * @param {string} key
 * @returns {Place | null} null: the key is none of those
 */
function stepped({ column, start, minutes }, key) {
  const slot = frame("slot") || 15;
  const all = columns();
  const beside = all.indexOf(column) + ({ ArrowLeft: -1, ArrowRight: 1 }[key] ?? 0);
  switch (key) {
    case "ArrowUp": return { column, start: snapped(start - slot, minutes, Math.ceil), minutes };
    case "ArrowDown": return { column, start: snapped(start + slot, minutes, Math.floor), minutes };
    case "ArrowLeft":
    case "ArrowRight": return { column: all[beside] ?? column, start, minutes };
    default: return null;
  }
}

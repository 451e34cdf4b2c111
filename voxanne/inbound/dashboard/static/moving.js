/* An appointment is put elsewhere: shown at once, asked of the server, put back where that says no. */

import { announce, clockText, columnName, columnOf, fieldsOf, placeOf, slots } from "./grid.js";
import { post, Refused, root } from "./request.js";
import { toast } from "./toasts.js";

/** @typedef {import("./grid.js").Place} Place */

/** Whether something is under way that a refresh must not disturb. */
let busy = 0;
/** @type {(() => void)[]} */
const waiting = [];

export const isMoving = () => busy > 0;

export function begin() {
  busy += 1;
}

export function end() {
  busy -= 1;
  if (!busy) for (const run of waiting.splice(0)) run();
}

/** @param {() => void} run when nothing is under way any more */
export function whenStill(run) {
  if (busy) waiting.push(run);
  else run();
}

/** @param {Element | null | undefined} appt */
export function canMove(appt) {
  const editable = document.getElementById("calendar")?.dataset.mayEdit !== undefined;
  return editable && !!appt?.matches(".appt.confirmed:not(.continued, .pending)");
}

/** @param {Place} place */
export function placeText({ column, start }) {
  return `${clockText(start)}, ${columnName(column)}`;
}

/** @param {HTMLElement} appt */
export const nameOf = (appt) => appt.querySelector("strong")?.textContent ?? "";

/**
 * Move it, and tell how it went.
 * @param {HTMLElement} appt
 * @param {Place} to
 */
export async function move(appt, to) {
  const from = placeOf(appt);
  if (to.column === from.column && to.start === from.start) return announce("It stays where it was.");
  const { lane = "0", lanes = "1", width = "1" } = appt.dataset;
  put(appt, to, ["0", "1", "1"]);
  appt.classList.add("pending");
  begin();
  try {
    const moved = await ask(appt, to);
    if (!moved) return put(appt, from, [lane, lanes, width]);
    appt.dataset.version = String(moved.version);
    const text = `${nameOf(appt)} moved to ${placeText(to)}.`;
    const undo = async () => (await import("./panel.js")).undo(pathOf(appt), moved.undo);
    toast(text, { seconds: 10, action: { label: "Undo", run: undo } });
  } catch (error) {
    put(appt, from, [lane, lanes, width]);
    if (!(error instanceof Refused)) throw error;
    if (error.problem.status !== 401) toast(`${error.message} It was put back.`, { problem: true });
  } finally {
    appt.classList.remove("pending");
    end();
    document.dispatchEvent(new CustomEvent("voxanne:changed", { detail: null }));
  }
}

/** @param {HTMLElement} appt */
const pathOf = (appt) => `${root}/${appt.getAttribute("href")}/move`;

/**
 * Ask the server, and once more with a reason where it is over another. Null: it was left. Throws Refused.
 * @param {HTMLElement} appt
 * @param {Place} to
 */
async function ask(appt, to) {
  const fields = { practitioner: appt.dataset.practitioner, ...fieldsOf(to), version: appt.dataset.version ?? "1" };
  try {
    return await post(pathOf(appt), fields);
  } catch (error) {
    if (!(error instanceof Refused) || !("may_overbook" in error.problem)) throw error;
    const { askWhy } = await import("./panel.js");
    const reason = await askWhy(error);
    return reason === null ? null : post(pathOf(appt), { ...fields, reason });
  }
}

/**
 * @param {HTMLElement} appt
 * @param {Place} to
 * @param {string[]} lane
 */
function put(appt, to, [lane, lanes, width]) {
  Object.assign(appt.dataset, { start: to.start, lane, lanes, width });
  for (const name of ["start", "lane", "lanes", "width"]) appt.style.setProperty(`--${name}`, appt.dataset[name] ?? "");
  if (columnOf(appt) === to.column) return;
  const focused = document.activeElement === appt;
  slots(to.column).append(appt);
  if (focused) appt.focus();
}

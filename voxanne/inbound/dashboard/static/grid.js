/* Where things stand on the calendar: minutes of the clinic's day, and columns. No time zones. */

/**
 * A place on it: `practitioner` empty in a week, where a column is everybody's.
 * @typedef {{column: HTMLElement, start: number, minutes: number}} Place
 */

const calendar = () => /** @type {HTMLElement} */ (document.getElementById("calendar"));

/** @param {string} name of a number on #calendar */
export const frame = (name) => Number(calendar().dataset[name]);

export const columns = () => /** @type {HTMLElement[]} */ ([...calendar().querySelectorAll(".column")]);

/** @param {HTMLElement} column */
export const slots = (column) => /** @type {HTMLElement} */ (column.querySelector(".slots"));

/** @param {HTMLElement} appt */
export const columnOf = (appt) => /** @type {HTMLElement} */ (appt.closest(".column"));

/** @param {HTMLElement} appt @returns {Place} */
export function placeOf(appt) {
  return { column: columnOf(appt), start: Number(appt.dataset.start), minutes: Number(appt.dataset.minutes) };
}

/**
 * Set where an element stands from what its attributes say; a style's nonce is good for a first paint alone.
 * An appointment gets an id, by which the focus comes back to it: one of its own on each day.
 * @param {ParentNode} within
 */
export function placeAll(within) {
  for (const item of /** @type {NodeListOf<HTMLElement>} */ (within.querySelectorAll("[data-start]"))) {
    for (const name of ["start", "minutes", "lane", "lanes", "width"]) {
      const value = item.dataset[name];
      if (value !== undefined) item.style.setProperty(`--${name}`, value);
    }
    if (item.matches(".appt")) item.id = `${item.getAttribute("href")}${item.matches(".continued") ? "+" : ""}`;
  }
}

/** How many pixels a minute is. */
export function minutePixels() {
  const [first] = columns();
  return slots(first).getBoundingClientRect().height / (frame("until") - frame("from"));
}

/**
 * The start on the clinic's grid that is nearest, with room for so many minutes.
 * @param {number} minute
 * @param {number} minutes
 * @param {(value: number) => number} [round]
 */
export function snapped(minute, minutes, round = Math.round) {
  const slot = frame("slot") || 15;
  const last = Math.max(frame("from"), frame("until") - minutes);
  return Math.min(Math.max(round(minute / slot) * slot, frame("from")), Math.floor(last / slot) * slot);
}

/** @param {number} minute as a form sends it: 09:45 */
export const clock = (minute) =>
  `${String(Math.floor(minute / 60) % 24).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;

/** @param {number} minute as the clinic writes it, which the hours beside the calendar show */
export function clockText(minute) {
  const hour = Math.floor(minute / 60) % 24;
  if (!/[ap]\.?\s?m/i.test(calendar().querySelector(".hour")?.textContent ?? "")) return clock(minute);
  return `${hour % 12 || 12}:${String(minute % 60).padStart(2, "0")} ${hour < 12 ? "AM" : "PM"}`;
}

/** @param {HTMLElement} column its name, without how many appointments it has */
export function columnName(column) {
  return column.querySelector("h2")?.textContent?.replace(/\s+/g, " ").trim() ?? "";
}

/**
 * What a form that books or moves is told.
 * @param {Place} place
 */
export function fieldsOf({ column, start }) {
  const at = { day: column.dataset.day ?? "", time: clock(start) };
  return column.dataset.practitioner ? { ...at, practitioner: column.dataset.practitioner } : at;
}

/**
 * Something that stands on the calendar for as long as it's needed: a ghost, a mark.
 * @param {string} name its class
 */
export function floating(name) {
  const item = document.createElement("div");
  item.className = name;
  item.setAttribute("aria-hidden", "true");
  return {
    item,
    /** @param {Place} place @param {string} text */
    put({ column, start, minutes }, text) {
      item.style.setProperty("--start", String(start));
      item.style.setProperty("--minutes", String(minutes));
      if (item.textContent !== text) item.textContent = text;
      if (item.parentElement !== slots(column)) slots(column).append(item);
    },
    remove: () => item.remove(),
  };
}

/** Mark the appointment whose panel is open, which a refresh forgets. */
export function markOpen() {
  for (const marked of document.querySelectorAll(".appt.open")) marked.classList.remove("open");
  const id = document.querySelector("#panel[open] [data-appointment]")?.getAttribute("data-appointment");
  if (id) document.querySelector(`.appt[href$="${id}"]`)?.classList.add("open");
}

/** @type {HTMLElement | null} */
let announcer = null;

/** @param {string} text said to who can't see it */
export function announce(text) {
  if (!announcer) {
    announcer = document.createElement("div");
    announcer.className = "visually-hidden";
    announcer.setAttribute("aria-live", "assertive");
    document.body.append(announcer);
  }
  announcer.textContent = text;
}

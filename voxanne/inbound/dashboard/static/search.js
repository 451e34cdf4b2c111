/* Whom an appointment is for: found while their name or number is typed. */

import { readJson, root } from "./request.js";

const WAIT_MS = 180;
const LETTERS_MIN = 2;

/** @param {Element} form the one that books */
export function startSearch(form) {
  const asked = /** @type {HTMLInputElement | null} */ (form.querySelector("input[name='q']"));
  const list = form.querySelector("ul.people");
  if (!asked || !list) return;
  const told = document.createElement("p");
  told.className = "hint";
  told.setAttribute("role", "status");
  list.before(told);
  let timer = 0;
  let turn = 0;
  asked.addEventListener("input", () => {
    clearTimeout(timer);
    timer = window.setTimeout(async () => {
      const mine = ++turn;
      const said = asked.value.trim();
      if (said.length < LETTERS_MIN) return;
      const found = await readJson(`${root}/leads/search?q=${encodeURIComponent(said)}`).catch(() => null);
      if (!found || mine !== turn) return;  // the button finds them too
      show(list, found);
      told.textContent = found.length ? `${found.length} found` : `Nobody fits “${said}”.`;
    }, WAIT_MS);
  });
  // Enter looks for them, as the first button does, and books nothing.
  asked.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown") return;
    event.preventDefault();
    /** @type {HTMLElement | null} */ (list.querySelector("input"))?.focus();
  });
}

/**
 * @param {Element} list
 * @param {{lead_id: string, name: string, phone: string}[]} found
 */
function show(list, found) {
  const chosen = /** @type {HTMLInputElement | null} */ (list.querySelector(":checked"));
  const kept = [...list.children].filter((item) => {
    const radio = item.querySelector("input");
    return radio && (!radio.value || (radio === chosen && !found.some((each) => each.lead_id === radio.value)));
  });
  list.replaceChildren(...found.map((each) => person(each, chosen?.value === each.lead_id)), ...kept);
}

/**
 * @param {{lead_id: string, name: string, phone: string}} each
 * @param {boolean} checked
 */
function person({ lead_id, name, phone }, checked) {
  const item = document.createElement("li");
  item.innerHTML = `<label><input type="radio" name="lead"> <strong></strong> <span class="muted"></span></label>`;
  const radio = /** @type {HTMLInputElement} */ (item.querySelector("input"));
  radio.value = lead_id;
  radio.checked = checked;
  /** @type {HTMLElement} */ (item.querySelector("strong")).textContent = name;
  /** @type {HTMLElement} */ (item.querySelector("span")).textContent = phone;
  return item;
}

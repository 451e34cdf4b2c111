/* Short news in the corner: three at most, and the oldest makes room. */

const MOST = 3;

/**
 * @typedef {object} Options
 * @property {boolean} [problem] stays until it is closed
 * @property {string} [name] of this name there is one at a time
 * @property {number} [seconds]
 * @property {{label: string, run: () => void}} [action]
 * @property {{label: string, href: string}} [link]
 */

/**
 * @param {string} text
 * @param {Options} [options]
 */
export function toast(text, { problem = false, name, seconds = 6, action, link } = {}) {
  const list = document.getElementById("toasts");
  if (!list) return;
  if (name) list.querySelector(`[data-name="${name}"]`)?.remove();
  const item = document.createElement("div");
  item.className = problem ? "toast problem" : "toast";
  if (name) item.dataset.name = name;
  const said = document.createElement("span");
  said.textContent = text;
  item.append(said);
  if (action) {
    item.append(button(action.label, () => {
      item.remove();
      action.run();
    }));
  }
  if (link) {
    const anchor = document.createElement("a");
    anchor.className = "button";
    anchor.href = link.href;
    anchor.textContent = link.label;
    item.append(anchor);
  }
  const close = button("×", () => item.remove());
  close.className = "close";
  close.setAttribute("aria-label", "Close");
  item.append(close);
  while (list.childElementCount >= MOST) list.firstElementChild?.remove();
  // A dialog lies above all else, and so would hide it.
  (document.querySelector("dialog:modal") ?? document.body).append(list);
  list.append(item);
  if (!problem) leave(item, seconds);
}

/**
 * It goes by itself, but not while somebody points at it.
 * @param {HTMLElement} item
 * @param {number} seconds
 */
function leave(item, seconds) {
  let timer = 0;
  const start = () => (timer = window.setTimeout(() => item.remove(), seconds * 1000));
  for (const begin of ["pointerenter", "focusin"]) item.addEventListener(begin, () => clearTimeout(timer));
  for (const end of ["pointerleave", "focusout"]) item.addEventListener(end, start);
  start();
}

/**
 * @param {string} label
 * @param {() => void} run
 */
function button(label, run) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = label;
  made.addEventListener("click", run);
  return made;
}

/* The sheet beside a page: an appointment, or the form that books one. Its forms are the server's own, sent
   as they are; what comes back of a refused one says why beside the field, and takes its place. */

import { markOpen } from "./grid.js";
import { post, read, Refused, say, sayItIsOver } from "./request.js";
import { startSearch } from "./search.js";
import { toast } from "./toasts.js";

// What is done with an appointment once and for all closes the sheet; all else is shown in it.
const CLOSING = new Set(["book", "move", "cancel"]);

// The calendar is without the pages' stylesheet until then: whoever imports this waits for it.
if (!document.querySelector("link[href$='/pages.css']")) {
  const style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = new URL("pages.css", import.meta.url).href;
  const fetched = new Promise((resolve) => (style.onload = style.onerror = resolve));
  document.head.append(style);
  await fetched;
}

/** @type {HTMLDialogElement | null} */
let sheet = null;
/** What is open, and what it was opened from. */
let address = "";
/** @type {string} */
let opener = "";

/**
 * Open what is at this address. Without an answer, go there.
 * @param {string} href
 * @param {Element} [from] where the focus goes afterwards
 */
export async function openPanel(href, from) {
  let text;
  try {
    text = await read(href, true);
  } catch (error) {
    return say(error);
  }
  address = href;
  if (from?.id) opener = from.id;
  show(text);
  markOpen();
}

/** @param {string} text the fragment */
function show(text) {
  const parsed = new DOMParser().parseFromString(text, "text/html").querySelector("article.panel");
  if (!parsed) return void (location.href = address);
  const dialog = sheet ?? create();
  dialog.querySelector(".panel")?.remove();
  dialog.append(document.importNode(parsed, true));
  const title = dialog.querySelector(".panel-head h2");
  dialog.setAttribute("aria-labelledby", title?.id ?? "");
  if (!dialog.open) dialog.showModal();
  for (const form of dialog.querySelectorAll("form[data-action='book']")) startSearch(form);
  const first = dialog.querySelector("[aria-invalid='true'], [role='alert'], .panel.new #new-q");
  const target = /** @type {HTMLElement | null} */ (first ?? title);
  if (target && !target.matches("input, select, textarea")) target.tabIndex = -1;
  target?.focus();
  dialog.scrollTop = 0;
}

function create() {
  sheet = document.createElement("dialog");
  sheet.id = "panel";
  sheet.className = "panel-sheet";
  const close = document.createElement("button");
  close.type = "button";
  close.className = "square panel-close";
  close.textContent = "✕";
  close.setAttribute("aria-label", "Close");
  close.addEventListener("click", () => sheet?.close());
  sheet.append(close);
  sheet.addEventListener("click", (event) => event.target === sheet && sheet?.close());
  sheet.addEventListener("close", () => {
    const toasts = document.getElementById("toasts");
    if (toasts) document.body.append(toasts);
    sheet?.querySelector(".panel")?.remove();
    markOpen();
    document.getElementById(opener)?.focus();
  });
  sheet.addEventListener("submit", (event) => {
    const form = /** @type {HTMLFormElement} */ (event.target);
    if (form.method !== "post" || form.action.endsWith("/sign-out")) return;
    event.preventDefault();
    send(form, event.submitter);
  });
  document.body.append(sheet);
  return sheet;
}

/**
 * Send a form as the browser would, but for the page around it.
 * @param {HTMLFormElement} form
 * @param {HTMLElement | null} submitter
 */
async function send(form, submitter) {
  if (form.getAttribute("aria-busy")) return;
  form.setAttribute("aria-busy", "true");
  const fields = /** @type {any} */ (new FormData(form, submitter));
  let answer;
  try {
    answer = await fetch(form.action, {
      method: "POST", body: new URLSearchParams(fields), cache: "no-store",
      headers: { "x-fragment": "1", "x-csrf-token": document.body.dataset.csrf ?? "" },
    });
  } catch {
    return toast("The server can't be reached. Nothing was changed.", { problem: true });
  } finally {
    form.removeAttribute("aria-busy");
  }
  const text = await answer.text();
  if (answer.status === 401 || new URL(answer.url).pathname === "/sign-in") return sayItIsOver();
  if (!answer.redirected) return text.includes("article") ? show(text) : refuse(text);
  const action = form.dataset.action ?? "";
  const done = new URL(answer.url).searchParams.get("done") ?? action;
  tellDone(done, text);
  document.dispatchEvent(new CustomEvent("voxanne:changed", { detail: null }));
  if (CLOSING.has(action)) sheet?.close();
  else if (text.includes('class="panel"')) show(text);
  else await openPanel(address);
}

/** @param {string} text a problem, or a page that tells of one */
function refuse(text) {
  let sentence = "That didn't work.";
  try {
    sentence = JSON.parse(text).detail;
  } catch {
    const page = new DOMParser().parseFromString(text, "text/html");
    sentence = page.querySelector("[role='alert']")?.textContent?.trim() || sentence;
  }
  toast(sentence, { problem: true });
}

/**
 * What was done, and how a move is undone: the panel it leads to has a form for that.
 * @param {string} done
 * @param {string} text
 */
function tellDone(done, text) {
  const said = done.replace("_", " ");
  const sentence = `${said.charAt(0).toUpperCase()}${said.slice(1)}.`;
  const panel = new DOMParser().parseFromString(text, "text/html");
  const back = done === "moved" ? panel.querySelector("form[data-action='move']:has([name='day'][type='hidden'])") : null;
  if (!(back instanceof HTMLFormElement)) return toast(sentence);
  const fields = new FormData(back);
  const path = new URL(back.getAttribute("action") ?? "", location.href).pathname;
  toast(sentence, { seconds: 10, action: { label: "Undo", run: () => undo(path, fields) } });
}

/**
 * Put an appointment back to where it was.
 * @param {string} path of its move
 * @param {Record<string, unknown> | FormData} fields
 */
export async function undo(path, fields) {
  try {
    await post(path, fields);
    toast("Put back.");
  } catch (error) {
    say(error);
  }
  document.dispatchEvent(new CustomEvent("voxanne:changed", { detail: null }));
}

/**
 * Ask for the reason why one appointment is put over another; null: it isn't.
 * @param {Refused} refused
 * @returns {Promise<string | null>}
 */
export function askWhy(refused) {
  const dialog = document.createElement("dialog");
  dialog.className = "ask";
  dialog.setAttribute("aria-labelledby", "ask-title");
  dialog.innerHTML = `
    <form method="dialog">
      <h2 id="ask-title"></h2>
      <p>Two patients will be there at the same time. Whoever overbooks says why; it is written down with the appointment.</p>
      <div class="field"><label for="ask-why">Reason</label><input id="ask-why" required maxlength="500" autocomplete="off"></div>
      <div class="actions"><button class="danger" value="yes">Overbook</button><button value="" formnovalidate>Leave it where it was</button></div>
    </form>`;
  const [title, why] = [dialog.querySelector("h2"), dialog.querySelector("input")];
  if (title) title.textContent = refused.message;
  document.body.append(dialog);
  dialog.showModal();
  why?.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve((dialog.returnValue && why?.value.trim()) || null);
    });
  });
}

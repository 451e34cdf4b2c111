/* What happens, as it happens. A browser has one stream for each clinic, however many tabs: whoever holds
   the lock has it, and repeats to the others what it is told. */

import { root, sayItIsOver } from "./request.js";

const WAIT_MS_MAX = 30_000;

/**
 * @typedef {object} Change
 * @property {string} kind
 * @property {string | null} appointment_id
 * @property {string | null} lead_id
 * @property {string | null} call_id
 * @property {string[]} days the clinic's own
 */

/** How far it is known what happened, from when the page was made: who has the stream goes on from there. */
let place = document.body.dataset.place ?? "";
let failures = 0;
/** Whether the place is that of an event that was told. */
let told = false;
/** @type {EventSource | null} */
let source = null;
/** @type {BroadcastChannel | null} */
let others = null;
/** Has the stream. */
let leads = false;
/** @type {() => void} */
let release = () => {};

/** Is this the tab that has the stream? */
export const isLeader = () => leads;

/** Begin, in whichever part. */
export function listen() {
  const name = `voxanne-live${root}`;
  others = new BroadcastChannel(name);
  others.onmessage = ({ data }) => {
    if (data.ask) return void (leads && tellState(source?.readyState === EventSource.OPEN));
    // What was told before this page listened, or while it was away.
    const late = "on" in data && isAfter(data.place, place);
    if (isAfter(data.place, place)) place = data.place;
    if ("on" in data) show(data.on);
    if (late || "change" in data) happened(data.change ?? null);
  };
  ask();
  document.addEventListener("visibilitychange", ask);
  if (!navigator.locks) lead();  // a page without TLS: each tab for itself
  else {
    navigator.locks.request(name, () => {
      lead();
      return new Promise((resolve) => (release = () => resolve(undefined)));
    }).catch(() => {});
  }
  // A page that is kept for the way back must not hold what the others wait for.
  addEventListener("pagehide", stop, { once: true });
  addEventListener("pageshow", (event) => event.persisted && listen(), { once: true });
}

/** How far the others are: when this page begins, and when somebody looks at it again. */
function ask() {
  others?.postMessage({ ask: true });
}

/**
 * Does one place of the log lie after another?
 * @param {string | undefined} one
 * @param {string} other
 */
function isAfter(one, other) {
  if (!one || !other) return !!one;
  const [[transaction, event], [before, id]] = [one, other].map((each) => each.split("-").map(BigInt));
  return transaction > before || (transaction === before && event > id);
}

function stop() {
  document.removeEventListener("visibilitychange", ask);
  source?.close();
  others?.close();
  release();
  source = others = null;
  leads = false;
}

function lead() {
  if (!others) return;
  leads = true;
  open();
}

function open() {
  source = new EventSource(`${root}/stream${place ? `?after=${place}` : ""}`);
  source.addEventListener("open", () => {
    failures = 0;
    tellState(true);
  });
  source.addEventListener("changed", (event) => {
    place = event.lastEventId || place;
    told = true;
    tell({ place, change: JSON.parse(event.data) });
  });
  source.addEventListener("error", () => {
    tellState(false);
    failures += 1;
    // While it is CONNECTING the browser tries again by itself, from the last id.
    if (source?.readyState === EventSource.CLOSED) {
      const wait = Math.min(WAIT_MS_MAX, 1000 * 2 ** Math.min(failures, 5));
      setTimeout(reopen, wait * (0.5 + Math.random() / 2));
    }
  });
}

/** It was refused: because nobody is signed in any more, or for now. */
async function reopen() {
  if (!leads) return;
  const asked = new AbortController();
  try {
    const answer = await fetch(`${root}/stream`, {
      headers: { accept: "application/json", "x-renewed": "1" }, cache: "no-store", signal: asked.signal,
    });
    asked.abort();
    if (answer.status === 401 || answer.status === 404) return sayItIsOver();
  } catch { /* as before */ }
  if (leads) open();
}

/** @param {{place?: string, change: Change | null}} news */
function tell(news) {
  others?.postMessage(news);
  happened(news.change);
}

/** @param {boolean} on */
function tellState(on) {
  others?.postMessage(told ? { on, place } : { on });
  show(on);
}

/**
 * Whoever shows something that changed, fetches it anew. Null: who knows what.
 * @param {Change | null} change
 */
function happened(change) {
  document.dispatchEvent(new CustomEvent("voxanne:changed", { detail: change }));
}

/**
 * Runs at once, and again when it was wanted meanwhile; never two at a time, nor too often.
 * @param {() => Promise<void>} run
 * @param {number} gap
 */
export function coalesced(run, gap) {
  let busy = false;
  let wanted = false;
  return async () => {
    wanted = true;
    if (busy) return;
    busy = true;
    try {
      while (wanted) {
        wanted = false;
        await seen();
        await run();
        await new Promise((resolve) => setTimeout(resolve, gap));
      }
    } finally {
      busy = false;
    }
  };
}

/** A page that nobody looks at waits until somebody does. */
function seen() {
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden) return document.addEventListener("visibilitychange", look, { once: true });
      resolve(undefined);
    };
    look();
  });
}

/** @param {boolean} on */
function show(on) {
  const sign = document.getElementById("live");
  if (!sign) return;
  sign.dataset.state = on ? "on" : "off";
  sign.textContent = on ? "Live" : "Not live";
  sign.title = on ? "What happens is shown at once" : "Changes aren't coming in. Trying again.";
}

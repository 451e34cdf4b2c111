/* Asking the server, as the page's forms and links would. */

import { toast } from "./toasts.js";

/**
 * A refusal, as RFC 9457 has it.
 * @typedef {object} Problem
 * @property {number} status
 * @property {string} code the outcome
 * @property {string} detail a sentence for people
 * @property {string} [where] the field it is about
 * @property {Moment & {status: string}} [current] where an appointment is by now
 */

/**
 * A time at the clinic, as it is sent: its own day and time of day.
 * @typedef {{day: string, time: string, practitioner: string, version: number}} Moment
 */

/** Where the clinic's pages begin. */
export const root = document.body.dataset.root ?? "";

export class Refused extends Error {
  /** @param {Problem} problem */
  constructor(problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

/**
 * Send a form's fields. Throws Refused; of a server that can't be reached, too.
 * @param {string} address
 * @param {Record<string, unknown> | FormData} fields
 * @returns {Promise<Record<string, any>>}
 */
export async function post(address, fields) {
  const body = new URLSearchParams();
  for (const [name, value] of fields instanceof FormData ? fields : Object.entries(fields)) {
    if (value !== undefined && value !== null) body.append(name, String(value));
  }
  const answer = await reach(address, {
    method: "POST",
    body,
    headers: { accept: "application/json", "x-csrf-token": document.body.dataset.csrf ?? "" },
  });
  return answer.json();
}

/**
 * A part of a page, or a whole one. Throws Refused.
 * @param {string} address
 * @param {boolean} [part] of a page that can be had alone
 * @param {boolean} [renewed] by the page itself, which doesn't keep a session alive
 */
export async function read(address, part = false, renewed = false) {
  const headers = { ...(part && { "x-fragment": "1" }), ...(renewed && { "x-renewed": "1" }) };
  const answer = await reach(address, { headers });
  return answer.text();
}

/**
 * What a script alone asks for. Throws Refused.
 * @param {string} address
 */
export async function readJson(address) {
  return (await reach(address, { headers: { accept: "application/json" } })).json();
}

/**
 * @param {string} address
 * @param {RequestInit} request
 */
async function reach(address, request) {
  let answer;
  try {
    answer = await fetch(address, { ...request, redirect: "manual", cache: "no-store" });
  } catch {
    throw new Refused({ status: 0, code: "BUSY", detail: "The server can't be reached. Nothing was changed." });
  }
  if (answer.type === "opaqueredirect" || answer.status === 401) {
    sayItIsOver();
    throw new Refused({ status: 401, code: "UNAUTHORIZED", detail: "" });
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => null);
  throw new Refused(told ?? { status: answer.status, code: "INTERNAL_ERROR", detail: "That didn't work." });
}

/** The session ended, here or elsewhere: nothing more is done before somebody signs in. */
export function sayItIsOver() {
  const next = encodeURIComponent(location.pathname + location.search);
  toast("You are not signed in any more. What you did last was not saved.", {
    problem: true,
    name: "over",
    link: { label: "Sign in", href: `/sign-in?next=${next}` },
  });
}

/**
 * Show a page of the clinic's in the sheet. The sheet's script is gone once a newer release serves: then the page itself.
 * @param {string} address
 * @param {Element} [from] where the focus goes afterwards
 */
export async function openSheet(address, from) {
  const panel = await import("./panel.js").catch(() => null);
  if (panel) panel.openPanel(address, from);
  else location.assign(address);
}

/**
 * Say a refusal, unless it is said already.
 * @param {unknown} error
 */
export function say(error) {
  if (!(error instanceof Refused)) throw error;
  if (error.problem.status !== 401) toast(error.message, { problem: true });
}

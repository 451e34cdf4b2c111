/* Parts of a page that keep themselves current: elements with `data-live` and an id. */

import { coalesced } from "./live.js";
import { read } from "./request.js";

const GAP_MS = 700;

export function startRegions() {
  document.addEventListener("voxanne:changed", coalesced(renew, GAP_MS));
}

async function renew() {
  let text;
  try {
    text = await read(location.pathname + location.search, false, true);
  } catch {
    return; // it is shown as it was; the next change tries again
  }
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const region of document.querySelectorAll("[data-live][id]")) {
    const replacement = fresh.getElementById(region.id);
    if (!replacement || isBeingFilledIn(region) || region.isEqualNode(replacement)) continue;
    keepOpen(region, replacement);
    const focused = region.contains(document.activeElement) ? document.activeElement?.id : "";
    region.replaceWith(replacement);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }
}

/** @param {Element} region */
function isBeingFilledIn(region) {
  const active = document.activeElement;
  return region.contains(active) && !!active?.matches("input, select, textarea, form button");
}

/**
 * What somebody has opened stays so.
 * @param {Element} region
 * @param {Element} replacement
 */
function keepOpen(region, replacement) {
  for (const opened of region.querySelectorAll("details[id][open]")) {
    replacement.querySelector(`#${CSS.escape(opened.id)}`)?.setAttribute("open", "");
  }
}

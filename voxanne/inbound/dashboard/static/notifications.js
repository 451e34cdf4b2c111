/* The browser's own notifications, for who has asked for them: that something happened, never to whom. */

import { isLeader } from "./live.js";
import { root } from "./request.js";
import { toast } from "./toasts.js";

const CHOICE = "voxanne-notifications";

export function startNotifications() {
  document.addEventListener("voxanne:changed", (event) => {
    const { detail } = /** @type {CustomEvent<import("./live.js").Change | null>} */ (event);
    if (detail?.kind === "booked" && detail.call_id && detail.days.length) tell(detail.days[0]);
  });
  const button = document.querySelector("[data-notifications]");
  if (!(button instanceof HTMLButtonElement) || !("Notification" in window)) return;
  button.parentElement?.removeAttribute("hidden");
  show(button);
  button.addEventListener("click", async () => {
    const on = !isOn() && (await Notification.requestPermission()) === "granted";
    localStorage.setItem(CHOICE, on ? "on" : "off");
    if (!on && Notification.permission === "denied") {
      toast("Your browser doesn't allow notifications of this page.", { problem: true });
    }
    show(button);
  });
}

/** @param {string} day the clinic's, as in 2026-11-25 */
function tell(day) {
  const [year, month, date] = day.split("-").map(Number);
  // A day has no time zone: it is written in the one it is made in.
  const said = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long", timeZone: "UTC" })
    .format(Date.UTC(year, month - 1, date)).replace(",", "");
  const text = `New booking by phone, ${said}`;
  const href = `${root}/calendar?day=${day}`;
  if (document.visibilityState === "visible") toast(text, { link: { label: "Show", href } });
  else if (isOn() && isLeader()) {
    const shown = new Notification(text, { tag: `voxanne-${day}` });
    shown.onclick = () => {
      window.focus();
      location.href = href;
    };
  }
}

const isOn = () => Notification.permission === "granted" && localStorage.getItem(CHOICE) === "on";

/** @param {HTMLButtonElement} button */
function show(button) {
  button.setAttribute("aria-pressed", String(isOn()));
  button.textContent = isOn() ? "Don't notify me any more" : "Notify me of phone bookings";
}

/* What is shown to be pasted elsewhere has a button that copies it. */

import { toast } from "./toasts.js";

/** @param {HTMLInputElement} field */
export function addCopying(field) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(field.value);
      toast("Copied.", { name: "copied" });
    } catch {
      field.select();  // the browser doesn't let us: by hand, then
    }
  });
  field.after(button);
}

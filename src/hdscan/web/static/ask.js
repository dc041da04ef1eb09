// Asks for one value, or for a confirmation, in a dialog.

import { put } from "./dom.js";

const dialog = document.getElementById("ask");
const form = dialog.querySelector("form");
const input = form.elements.value;

let act = null;

/**
 * Ask; `work(value)` does it, and its error stays in the dialog. Without a `label` there is nothing to type.
 * `value` is what stands there at first.
 */
export function ask({ title, text = "", label = "", value = "", action, work }) {
  act = work;
  put(dialog, { title, text, label, action, error: "" });
  input.closest("label").hidden = !label;
  input.value = value;
  dialog.showModal();
  if (label) input.select();
  else form.querySelector("[data-close]").focus(); // Enter must not confirm by chance
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (dialog.hasAttribute("aria-busy")) return; // its button keeps its focus
  dialog.setAttribute("aria-busy", "true");
  try {
    await act(input.value.trim());
    dialog.close();
  } catch (error) {
    put(dialog, { error: error.message });
  } finally {
    dialog.removeAttribute("aria-busy");
  }
});

form.querySelector("[data-close]").addEventListener("click", () => dialog.close());

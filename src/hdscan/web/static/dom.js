// Builds and updates elements in place, so that scroll, focus and selection stay. Text is never parsed as markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children; children that are not nodes become text. */
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** An SVG element with attributes and children. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** A copy of the first element of a template. */
export function stamp(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

/** Put values (text, nodes or lists of them) into the elements with that `data-f`: changes only what differs, hides what is empty. */
export function put(root, values) {
  for (const [name, value] of Object.entries(values)) {
    const place = root.querySelector(`[data-f="${name}"]`);
    const parts = [value].flat().filter((part) => part !== null && part !== "");
    const wanted = place.cloneNode(false);
    wanted.append(...parts.map((part) => (part instanceof Node ? part : String(part))));
    wanted.normalize();
    place.hidden = wanted.hidden = parts.length === 0;
    if (!place.isEqualNode(wanted)) place.replaceChildren(...wanted.childNodes);
  }
}

/** Give `parent` one child per item, matched by key: made once, moved only if necessary, and updated. */
export function keyed(parent, items, keyOf, make, update) {
  const had = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const wanted = items.map((item) => {
    const key = String(keyOf(item));
    const child = had.get(key) ?? make(item);
    had.delete(key);
    child.dataset.key = key;
    return child;
  });
  for (const gone of had.values()) gone.remove();
  wanted.forEach((child, at) => {
    if (parent.children[at] !== child) parent.insertBefore(child, parent.children[at] ?? null);
    update(child, items[at]);
  });
}

/** Fill a select with names, keeping the choice; `all` is the text of a first option without a value. */
export function options(select, names, all = null) {
  const wanted = all === null ? names : ["", ...names];
  if (wanted.join("\n") === [...select.options].map((each) => each.value).join("\n")) return;
  const chosen = select.value;
  select.replaceChildren(...wanted.map((name) => h("option", { value: name }, name || all)));
  if (wanted.includes(chosen)) select.value = chosen;
}

/** Announce something to screen readers. */
export function announce(text) {
  document.getElementById("announce").textContent = text;
}

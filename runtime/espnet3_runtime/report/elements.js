// What the other scripts make pages of.
const elements = (() => {
  "use strict";

  function element(name, attributes, ...inside) {
    const made = document.createElement(name);
    Object.entries(attributes || {}).forEach(([key, value]) => made.setAttribute(key, value));
    made.append(...inside);
    return made;
  }

  function button(text, attributes, act) {
    const made = element("button", { type: "button", ...attributes }, text);
    made.addEventListener("click", act);
    return made;
  }

  // A row of a list: a label, a bar as long as a share (0 to 1), and a value.
  function drawBar(label, value, share, pressed, act) {
    const bar = element("span", { class: "bar" }, element("i", { style: `width: ${(100 * Math.min(Math.max(share, 0), 1)).toFixed(2)}%` }));
    const shown = button("", { "aria-pressed": String(pressed) }, act);
    shown.append(element("span", { class: "label" }, ...label), bar, element("span", { class: "value" }, value));
    return element("li", {}, shown);
  }

  const shortNumber = (value) => (Number.isInteger(value) ? String(value) : String(+value.toPrecision(4)));

  return { element, button, drawBar, shortNumber };
})();

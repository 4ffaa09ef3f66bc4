// Search in the configs: lines that have all words, below the keys that they stand under.
(() => {
  "use strict";
  const field = document.getElementById("search-settings");
  if (!field) return;
  const configs = [...document.querySelectorAll("details.setting")].map((box) => {
    const pre = box.querySelector("pre"), text = pre.textContent;
    return { box, pre, text, wasOpen: box.open, name: box.querySelector("summary").textContent.toLowerCase(), lines: text.split("\n") };
  });
  const depth = (line) => line.search(/\S|$/);

  // Numbers of the lines that match, and of the keys above each.
  function matchingLines({ lines, name }, words) {
    const shown = new Set(), hits = new Set(), above = [];
    lines.forEach((line, number) => {
      if (!line.trim()) return;
      while (above.length && depth(lines[above[above.length - 1]]) >= depth(line)) above.pop();
      const path = `${name} ${above.map((one) => lines[one]).join(" ")} ${line}`.toLowerCase();
      if (words.every((word) => path.includes(word)) && words.some((word) => line.toLowerCase().includes(word))) {
        above.forEach((one) => shown.add(one));
        shown.add(number);
        hits.add(number);
      }
      above.push(number);
    });
    return [shown, hits];
  }

  function apply() {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let total = 0;
    configs.forEach((config) => {
      const [shown, hits] = words.length ? matchingLines(config, words) : [new Set(), new Set()];
      total += hits.size;
      config.box.hidden = words.length > 0 && !hits.size;
      config.box.open = words.length ? hits.size > 0 : config.wasOpen;
      if (!words.length) { config.pre.textContent = config.text; return; }
      config.pre.replaceChildren(...[...shown].sort((a, b) => a - b).flatMap((number) => {
        const line = document.createElement(hits.has(number) ? "mark" : "span");
        line.textContent = config.lines[number];
        return [line, "\n"];
      }));
    });
    document.getElementById("found-settings").textContent = words.length ? `${total} line${total === 1 ? "" : "s"}` : "";
  }
  field.addEventListener("input", apply);
})();

"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const body = document.querySelector("#runs tbody");
const rows = [...body.rows];

// Sort by a column: numbers as such, rows without a value last.
document.querySelectorAll("#runs thead th").forEach((head, column) => {
  const button = head.querySelector("button");
  if (!button) return;
  button.addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    document.querySelectorAll("#runs [aria-sort]").forEach((one) => one.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const keyed = rows.map((row) => [row.cells[column].dataset.value, row]);
    keyed.sort(([a], [b]) => {
      if (a === "" || b === "") return (a === "") - (b === "");
      const apart = a - b;
      const order = Number.isNaN(apart) ? a.localeCompare(b, undefined, { numeric: true }) : apart;
      return up ? order : -order;
    });
    body.append(...keyed.map(([, row]) => row));
  });
});

// Every word of the filter is somewhere in the row.
const texts = rows.map((row) => row.textContent.replace(/\s+/g, " ").toLowerCase());
const filter = document.getElementById("filter");
function applyFilter() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  rows.forEach((row, index) => {
    row.hidden = !words.every((word) => texts[index].includes(word));
    count += !row.hidden;
  });
  document.getElementById("shown").textContent = words.length ? `${count} of ${rows.length}` : "";
}
filter.addEventListener("input", applyFilter);

// Curves of the ticked runs, in the colours of their order.
const boxes = rows.map((row) => row.querySelector("input[type=checkbox]")).filter(Boolean);
const lines = new Map();
document.querySelectorAll(".chart g[data-key]").forEach((line) => {
  lines.set(line.dataset.key, [...(lines.get(line.dataset.key) || []), line]);
});
let ticked = boxes.slice(0, 6);
function drawCurves() {
  const legend = document.getElementById("legend");
  if (!legend) return;
  legend.replaceChildren();
  boxes.forEach((box) => {
    const place = ticked.indexOf(box);
    const style = place < 0 ? "" : `drawn s${place % 6}${place >= 6 ? " dashed" : ""}`;
    box.checked = place >= 0;
    box.parentElement.className = style;
    (lines.get(box.value) || []).forEach((line) => { line.setAttribute("class", style); });
  });
  ticked.forEach((box, place) => {
    const colour = document.createElement("i");
    colour.className = `s${place % 6}${place >= 6 ? " dashed" : ""}`;
    const entry = element("span");
    entry.append(colour, data.runs[box.value].name);
    legend.append(entry, " ");
  });
}
boxes.forEach((box) => box.addEventListener("change", () => {
  ticked = box.checked ? [...ticked, box] : ticked.filter((one) => one !== box);
  drawCurves();
}));
drawCurves();

// Two runs side by side.
function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function table(head, lines) {
  const made = element("table");
  const top = made.createTHead().insertRow();
  head.forEach((text) => top.append(element("th", text)));
  const inside = made.createTBody();
  lines.forEach((cells) => {
    const row = inside.insertRow();
    cells.forEach((cell) => {
      if (cell instanceof Node) row.insertCell().append(cell);
      else row.insertCell().textContent = cell;
    });
  });
  const box = element("div", undefined, "scroll");
  box.append(made);
  return box;
}

function scoreLines(first, second) {
  return Object.keys(first.scores).filter((name) => name in second.scores).map((name) => {
    const [[before, shown], [after, shownAfter]] = [first.scores[name], second.scores[name]];
    const apart = after - before;
    const worse = data.higher[name] === null || !apart ? "" : (apart < 0) === data.higher[name] ? "up" : "down";
    const text = `${apart > 0 ? "+" : ""}${+apart.toPrecision(3)}`;
    return [name, shown, shownAfter, element("span", text, worse)];
  });
}

// What changed on a test set; perfect utterances are left out of a run where a score has such a value.
function changes(first, second, key) {
  const { references, perfect, higher_is_better: higher } = data.tests[key];
  const before = first.utterances[key], after = second.utterances[key];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].map((name) => {
    const said = references[name], other = perfect === null ? null : [perfect, said];
    const [a, b] = [before[name] || other, after[name] || other];
    return { name, said, a, b, change: a && b ? (higher ? a[0] - b[0] : b[0] - a[0]) : 0 };
  }).filter((one) => one.change).sort((x, y) => x.change - y.change || (x.name < y.name ? -1 : 1));
}

// What was heard, with the words marked that are in no longest common sequence with what was said.
function markWords(said, heard) {
  const marked = element("dd");
  sentences.differingWords(said, heard)[1].forEach((one) => marked.append(one.edit ? element("ins", one.edit) : one, " "));
  return marked;
}

function utteranceBlock(title, score, found) {
  const box = element("div", undefined, "examples");
  found.slice(0, 40).forEach((one) => {
    const article = element("article");
    const head = element("h3", one.name);
    head.append(element("span", `${score.name} ${one.a[0]} → ${one.b[0]} ${score.unit}`.trim()));
    const list = element("dl");
    [[score.said, one.said], ["A", one.a[1]], ["B", one.b[1]]].forEach(([term, text]) => {
      if (text !== null) list.append(element("dt", term), markWords(one.said ?? text, text));
    });
    article.append(head, list);
    box.append(article);
  });
  const more = found.length > 40 ? ", the first 40" : "";
  return [element("h3", `${found.length} ${title}${more}`), ...(found.length ? [box] : [])];
}

function utteranceParts(first, second) {
  if (!first.utterances || !second.utterances) {
    const command = `python -m espnet3_runtime.compare ${first.place} ${second.place}`;
    const about = element("p", "Their utterances are not in this page; this shows them: ", "about");
    about.append(element("code", command));
    return [about];
  }
  return Object.keys(first.utterances).filter((key) => key in second.utterances).flatMap((key) => {
    const found = changes(first, second, key), score = data.tests[key];
    return [
      ...utteranceBlock(`utterances of ${score.test} got better in B`, score, found.filter((one) => one.change < 0)),
      ...utteranceBlock(`utterances of ${score.test} got worse in B`, score, found.filter((one) => one.change > 0).reverse()),
    ];
  });
}

function showPair() {
  const [a, b] = ["first", "second"].map((name) => document.querySelector(`input[name=${name}]:checked`));
  if (!a || !b) return;
  const [first, second] = [data.runs[a.value], data.runs[b.value]];
  document.getElementById("chosen").textContent = `A ${first.name} · B ${second.name}`;
  const differing = data.keys.map((key, place) => [key, first.settings[place], second.settings[place]])
    .filter(([, one, other]) => one !== other)
    .map(([key, one, other]) => [element("code", key, "key"), one ?? "-", other ?? "-"]);
  const parts = [];
  const scores = scoreLines(first, second);
  if (scores.length) parts.push(element("h3", "Scores"), table(["score", "A", "B", "B − A"], scores));
  parts.push(element("h3", differing.length ? "Settings that differ" : "No setting differs"));
  if (differing.length) parts.push(table(["setting", "A", "B"], differing));
  document.getElementById("sides").replaceChildren(...parts, ...utteranceParts(first, second));
}
document.querySelectorAll("#runs input[type=radio]").forEach((one) => one.addEventListener("change", showPair));
if (rows.length > 1) {
  rows[0].querySelector("input[name=first]").checked = true;
  rows[1].querySelector("input[name=second]").checked = true;
  showPair();
}

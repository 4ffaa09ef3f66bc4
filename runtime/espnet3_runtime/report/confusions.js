// What was taken for what: lists of edits, or the confusion matrix of classes.
const confusions = (() => {
  "use strict";
  const { element, button, drawBar } = elements;
  const MOST_SHOWN = 12, MOST_MORE = 500, MOST_CLASSES = 24, LONGEST_LABEL = 30;

  // Each edit that occurs gets a number; of a row there are those of its edits.
  function numberEdits(rows) {
    const numbers = new Map(), edits = [];
    const ofRows = rows.map((row) => {
      const found = [];
      row.forEach((edit) => {
        if (typeof edit === "string") return;
        let after = numbers.get(edit[0]);
        if (after === undefined) numbers.set(edit[0], after = new Map());
        let number = after.get(edit[1]);
        if (number === undefined) after.set(edit[1], number = edits.push(edit) - 1);
        found.push(number);
      });
      return found;
    });
    return [edits, ofRows];
  }

  // The classes between which items are told apart; none where texts are no labels of classes.
  function classesOf(edits, items) {
    const labels = [...new Set(edits.flat())];
    if (labels.some((one) => one.length > LONGEST_LABEL) || 2 * labels.length > items) return [];
    return labels.sort((a, b) => a - b || (a < b ? -1 : Number(a > b)));
  }

  // `shown` has edits, times (how often each occurs), pressed (the number that is chosen, or null),
  // and act, which is called with a number, or null for none.
  function draw(shown, classes) {
    if (classes.length && classes.length <= MOST_CLASSES) return [drawMatrix(shown, classes)];
    const kinds = { substituted: [], deleted: [], inserted: [] };
    shown.edits.forEach(([said, heard], number) => {
      if (shown.times[number] && said !== heard) kinds[!heard ? "deleted" : !said ? "inserted" : "substituted"].push(number);
    });
    return Object.entries(kinds).filter(([kind, found]) => found.length || !classes.length).map(([kind, found]) => drawKind(kind, found, shown));
  }

  function drawKind(kind, found, { edits, times, pressed, act }) {
    const total = found.reduce((sum, number) => sum + times[number], 0);
    const sorted = found.sort((a, b) => times[b] - times[a] || a - b);
    const list = element("ol", { class: "bars" });
    const add = (part) => list.append(...part.map((number) => {
      const [said, heard] = edits[number];
      const label = said && heard ? [element("del", {}, said), " → ", element("ins", {}, heard)] : [said ? element("del", {}, said) : element("ins", {}, heard)];
      return drawBar(label, String(times[number]), times[number] / times[sorted[0]], pressed === number, () => act(pressed === number ? null : number));
    }));
    add(sorted.slice(0, MOST_SHOWN));
    const box = element("div", {}, element("h4", {}, `${kind} `, element("span", {}, String(total))), list);
    if (sorted.length > MOST_SHOWN) {
      const rest = sorted.slice(MOST_SHOWN, MOST_SHOWN + MOST_MORE);
      const more = button(`${sorted.length - MOST_SHOWN} more`, {}, () => { add(rest); more.remove(); });
      box.append(more);
    }
    return box;
  }

  function drawMatrix({ edits, times, pressed, act }, classes) {
    const cells = new Map(edits.map(([said, heard], number) => [`${said}\u0000${heard}`, number]));
    const head = element("tr", {}, element("th", { scope: "col" }, "ref \\ hyp"), ...classes.map((one) => element("th", { scope: "col" }, one || "(empty)")), element("th", { scope: "col" }, "right"));
    const rows = classes.map((said) => {
      const numbers = classes.map((heard) => cells.get(`${said}\u0000${heard}`));
      const total = numbers.reduce((sum, number) => sum + (times[number] || 0), 0);
      const right = times[cells.get(`${said}\u0000${said}`)] || 0;
      const drawn = numbers.map((number, place) => {
        const found = times[number] || 0, same = classes[place] === said;
        if (!found) return element("td", {}, element("span", {}, "·"));
        const title = `${said || "(empty)"} → ${classes[place] || "(empty)"}: ${found}`;
        const shown = button(String(found), { title, "aria-label": title, "aria-pressed": String(pressed === number) }, () => act(pressed === number ? null : number));
        return element("td", { class: same ? "same" : "wrong", style: `--share: ${Math.round(100 * found / total)}%` }, shown);
      });
      return element("tr", {}, element("th", { scope: "row" }, said || "(empty)"), ...drawn, element("td", { class: "number" }, total ? `${(100 * right / total).toFixed(1)} %` : ""));
    });
    const table = element("table", { class: "matrix" }, element("thead", {}, head), element("tbody", {}, ...rows));
    return element("div", { class: "scroll whole" }, table);
  }

  return { numberEdits, classesOf, draw };
})();

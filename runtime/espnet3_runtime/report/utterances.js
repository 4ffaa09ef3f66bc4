// The table of utterances with what follows from it: confusions, and the error rate of groups.
(() => {
  "use strict";
  const section = document.getElementById("utterances");
  if (!section) return;
  const FIRST = 20, MORE = 50; // rows that are drawn, and those that "more" adds
  const MOST_GROUPS = 24, MOST_CONFUSIONS = 12, BINS = 8, FEW = 12;
  const OURS = ["utterance", "errors", "rate", "length"]; // columns that the data may have too
  const find = (name) => section.querySelector(`[data-part=${name}]`);
  const tools = { table: find("table"), search: find("search"), wrong: find("wrong"), group: find("group") };
  const scripts = [...section.querySelectorAll("script.table")];
  const media = new Map([...section.querySelectorAll("script.media")].map((one) => [
    `${one.dataset.stage}/${one.dataset.test}`, new Map(Object.entries(JSON.parse(one.textContent)))]));
  const tables = new Map(); // those that were looked at
  let table; // that which is shown
  let sorting, descending, count, filters;

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

  const percent = (errors, length) => (length ? 100 * errors / length : errors ? Infinity : 0);
  const shortNumber = (value) => (Number.isInteger(value) ? String(value) : String(+value.toPrecision(4)));
  const showRate = (value) => (Number.isFinite(value) ? `${value.toFixed(1)} %` : "-");

  // One table of the page.

  function openTable(number) {
    if (!tables.has(number)) {
      const { stage, test, gap, metric } = scripts[number].dataset;
      const data = JSON.parse(scripts[number].textContent);
      const columns = [
        { name: "length", numbers: data.lengths, isNumber: true },
        ...data.columns.map((one) => ({ ...one, name: OURS.includes(one.name) ? `${one.name} of the data` : one.name, isNumber: Boolean(one.numbers) })),
      ];
      const [edits, editsOfRows] = numberEdits(data.steps);
      tables.set(number, {
        ...data, gap, metric, columns, edits, editsOfRows, texts: null, media: media.get(`${stage}/${test}`) || new Map(),
        rates: data.errors.map((errors, row) => percent(errors, data.lengths[row])),
      });
    }
    return tables.get(number);
  }

  // Each edit that occurs gets a number; of a row there are those of its edits.
  function numberEdits(steps) {
    const numbers = new Map(), edits = [];
    const ofRows = steps.map((row) => {
      const found = [];
      row.forEach((one) => {
        if (typeof one === "string") return;
        const key = `${one[0]}\u0000${one[1]}`;
        let number = numbers.get(key);
        if (number === undefined) { number = edits.push(one) - 1; numbers.set(key, number); }
        found.push(number);
      });
      return found;
    });
    return [edits, ofRows];
  }

  function texts() { // what is searched, in lower case, made at the first search
    table.texts = table.texts || table.steps.map((steps, row) => {
      const [said, heard] = [0, 1].map((side) => steps.map((one) => (typeof one === "string" ? one : one[side])));
      return `${table.ids[row]} ${said.filter(Boolean).join(table.gap)} ${heard.filter(Boolean).join(table.gap)}`.toLowerCase();
    });
    return table.texts;
  }

  // The labels of a column's groups, and the group of each row, -1 for none: texts, few numbers, or
  // ranges that have about as many items each.  Made when it is first asked for.
  function groupsOf(column) {
    if (column.groups) return column.groups;
    if (column.texts) {
      column.groups = { labels: column.texts.map((text) => text || "(empty)"), places: column.of.map((place) => (place === null ? -1 : place)) };
      return column.groups;
    }
    const sorted = Float64Array.from(column.numbers.filter((value) => value !== null)).sort();
    let starts = [...new Set(sorted)];
    const isFew = starts.length <= FEW;
    if (!isFew) starts = [...new Set(Array.from({ length: BINS }, (_, bin) => sorted[Math.floor(bin * sorted.length / BINS)]))];
    const labels = starts.map((from, place) => {
      if (isFew) return shortNumber(from);
      return place === starts.length - 1 ? `${shortNumber(from)} and more` : `${shortNumber(from)} to below ${shortNumber(starts[place + 1])}`;
    });
    const places = column.numbers.map((value) => {
      let place = value === null ? -1 : starts.length - 1;
      while (place > 0 && value < starts[place]) place--;
      return place;
    });
    column.groups = { labels, places };
    return column.groups;
  }

  // What is shown of it.

  function rowsThatPass(without) {
    const words = tools.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const { confusion, group } = filters;
    const places = group && without !== "group" ? groupsOf(group.column).places : null;
    const searched = words.length ? texts() : null;
    const found = [];
    for (let row = 0; row < table.errors.length; row++) {
      if (tools.wrong.checked && !table.errors[row]) continue;
      if (places && places[row] !== group.place) continue;
      if (searched && !(row < searched.length && words.every((word) => searched[row].includes(word)))) continue;
      if (confusion !== null && without !== "confusion" && !(row < table.editsOfRows.length && table.editsOfRows[row].includes(confusion))) continue;
      found.push(row);
    }
    return found;
  }

  const keyOf = {
    utterance: (row) => table.ids[row],
    errors: (row) => table.errors[row],
    rate: (row) => table.rates[row],
  };

  function sortRows(rows) {
    if (sorting === "rate" && descending) return rows; // as they come
    const column = table.columns.find((one) => one.name === sorting && !keyOf[sorting]);
    const value = keyOf[sorting] || ((row) => (column.numbers ? column.numbers[row] : column.of[row]));
    const sign = descending ? -1 : 1;
    const keyed = rows.map((row) => [value(row), row]);
    const compare = sorting === "utterance" ? (a, b) => (a < b ? -1 : Number(a > b)) : (a, b) => a - b;
    keyed.sort(([a, one], [b, other]) => {
      if (a === null || b === null) return (a === null) - (b === null) || one - other;
      return (a === b ? 0 : sign * compare(a, b)) || one - other;
    });
    return keyed.map(([, row]) => row);
  }

  function drawHead() {
    const names = [["utterance", ""], ["errors", "number"], ["rate", "number"], ...table.columns.map((one) => [one.name, one.isNumber ? "number" : ""])];
    const cells = names.map(([name, kind]) => {
      const cell = element("th", { scope: "col", class: kind }, button(name, {}, () => {
        descending = sorting === name ? !descending : name === "errors" || name === "rate";
        sorting = name;
        count = FIRST;
        draw();
      }));
      if (name === sorting) cell.setAttribute("aria-sort", descending ? "descending" : "ascending");
      return cell;
    });
    tools.table.tHead.replaceChildren(element("tr", {}, cells[0], element("th", { scope: "col" }, "said and heard"), ...cells.slice(1)));
  }

  function drawRows(rows) {
    const searchable = rows.filter((row) => row < table.ids.length);
    const shown = searchable.slice(0, count);
    tools.table.tBodies[0].replaceChildren(...shown.flatMap(drawRow));
    const total = table.errors.length, most = table.ids.length;
    find("shown").textContent = (rows.length === total ? `${total} utterances` : `${rows.length} of ${total} utterances`)
      + (most < total ? `; the texts of the worst ${most} are in this page` : "");
    const more = find("more");
    more.hidden = shown.length === searchable.length;
    more.textContent = `Show ${Math.min(MORE, searchable.length - shown.length)} more of ${searchable.length - shown.length}`;
  }

  function drawRow(row) {
    const cells = table.columns.map((column) => {
      const value = column.numbers ? column.numbers[row] : column.texts[column.of[row]];
      const text = value === null || value === undefined ? "" : typeof value === "number" ? shortNumber(value) : value;
      return element("td", { class: column.isNumber ? "number" : "", "data-name": column.name }, text);
    });
    const [more, extra] = drawMedia(row);
    const line = element("tr", {},
      element("th", { scope: "row" }, element("code", {}, table.ids[row]), ...more),
      element("td", { class: "texts" }, drawTexts(table.steps[row])),
      element("td", { class: "number", "data-name": "errors" }, String(table.errors[row])),
      element("td", { class: "number", "data-name": "rate" }, showRate(table.rates[row])), ...cells);
    return [line, ...extra];
  }

  function drawTexts(steps) {
    const sides = [0, 1].map((side) => {
      const parts = steps.map((one) => (typeof one === "string" ? one : one[side] && element(side ? "ins" : "del", {}, one[side]))).filter(Boolean);
      return element("dd", {}, ...parts.flatMap((part, place) => (place && table.gap ? [table.gap, part] : [part])));
    });
    return element("dl", {}, element("dt", {}, "said"), sides[0], element("dt", {}, "heard"), sides[1]);
  }

  // Sound and pictures are made when they are asked for.
  function drawMedia(row) {
    const found = table.media.get(table.ids[row]);
    if (!found) return [[], []];
    const name = table.ids[row], more = [], extra = [];
    if (found.audio) {
      const play = button("▶ play", { "aria-label": `play ${name}` }, () => {
        const player = element("audio", { controls: "", src: found.audio, "aria-label": name });
        play.replaceWith(player);
        player.focus();
        player.play().catch(() => {});
      });
      more.push(play);
    }
    if (found.pictures && found.pictures.length) {
      const line = element("tr", { class: "pictures" }, element("td", { colspan: String(4 + table.columns.length) }));
      line.hidden = true;
      const show = button(found.pictures.map((one) => one.name).join(", "), { "aria-expanded": "false" }, () => {
        line.hidden = !line.hidden;
        show.setAttribute("aria-expanded", String(!line.hidden));
        if (!line.hidden && !line.cells[0].firstChild) line.cells[0].append(...found.pictures.map((one) => drawPicture(one, secondsOf(row))));
      });
      more.push(show);
      extra.push(line);
    }
    return [more, extra];
  }

  function secondsOf(row) {
    const column = table.columns.find((one) => one.name === "seconds" && one.numbers);
    return (column && column.numbers[row]) || 0;
  }

  function drawPicture(picture, seconds) {
    const figure = element("figure", {}, element("figcaption", {}, picture.name));
    figure.append(picture.segments ? drawSegments(picture.segments, seconds) : drawMatrix(picture));
    return figure;
  }

  function drawSegments(segments, seconds) {
    const end = Math.max(seconds, ...segments.map((one) => one[1])) || 1;
    const lane = element("div", { class: "lane", style: `min-width: ${segments.length * 56}px` });
    segments.forEach(([from, to, label]) => {
      const title = `${label} ${from.toFixed(2)} to ${to.toFixed(2)} s`;
      lane.append(element("span", { title, style: `left: ${100 * from / end}%; width: ${100 * (to - from) / end}%` }, label));
    });
    const ruler = element("div", { class: "ruler" }, element("span", {}, "0 s"), element("span", {}, `${(end / 2).toFixed(2)} s`), element("span", {}, `${end.toFixed(2)} s`));
    return element("div", { class: "scroll", tabindex: "0" }, lane, ruler);
  }

  function drawMatrix({ shape: [rows, columns], values, range, name }) {
    const bytes = atob(values);
    const canvas = element("canvas", { width: columns, height: rows, role: "img", "aria-label": `${name}, ${rows} × ${columns}` });
    const context = canvas.getContext("2d"), image = context.createImageData(columns, rows);
    for (let cell = 0; cell < rows * columns; cell++) {
      const share = bytes.charCodeAt(cell) / 255;
      image.data.set([255 - 208 * share, 255 - 160 * share, 255 - 47 * share, 255], 4 * cell);
    }
    context.putImageData(image, 0, 0);
    canvas.style.height = `${Math.min(Math.max(rows * 6, 60), 320)}px`;
    const about = element("p", { class: "about" }, `${rows} rows, ${columns} columns; white is ${shortNumber(range[0])}, blue ${shortNumber(range[1])}`);
    return element("div", {}, canvas, about);
  }

  // Confusions and groups, of the rows that pass the other filters.

  function drawConfusions(rows) {
    const times = new Int32Array(table.edits.length);
    rows.forEach((row) => (table.editsOfRows[row] || []).forEach((number) => { times[number] += 1; }));
    const kinds = { substituted: [], deleted: [], inserted: [] };
    table.edits.forEach(([said, heard], number) => {
      if (times[number]) kinds[!heard ? "deleted" : !said ? "inserted" : "substituted"].push(number);
    });
    find("confusions").replaceChildren(...Object.entries(kinds).map(([kind, found]) => drawKind(kind, found, times)));
  }

  function drawKind(kind, found, times) {
    const total = found.reduce((sum, number) => sum + times[number], 0);
    const sorted = found.sort((a, b) => times[b] - times[a] || a - b);
    const list = element("ol", { class: "bars" });
    const add = (part) => list.append(...part.map((number) => {
      const [said, heard] = table.edits[number];
      const label = said && heard ? [element("del", {}, said), " → ", element("ins", {}, heard)] : [said ? element("del", {}, said) : element("ins", {}, heard)];
      const pressed = filters.confusion === number;
      return drawBar(label, String(times[number]), times[number] / times[sorted[0]], pressed, () => toggle("confusion", pressed ? null : number, find("confusions")));
    }));
    add(sorted.slice(0, MOST_CONFUSIONS));
    const box = element("div", {}, element("h4", {}, `${kind} `, element("span", {}, String(total))), list);
    if (sorted.length > MOST_CONFUSIONS) {
      const rest = sorted.slice(MOST_CONFUSIONS, MOST_CONFUSIONS + 500);
      const more = button(`${sorted.length - MOST_CONFUSIONS} more`, {}, () => { add(rest); more.remove(); });
      box.append(more);
    }
    return box;
  }

  function drawBar(label, value, share, pressed, act) {
    const bar = element("span", { class: "bar" }, element("i", { style: `width: ${(100 * Math.min(share, 1)).toFixed(2)}%` }));
    const shown = button("", { "aria-pressed": String(pressed) }, act);
    shown.append(element("span", { class: "label" }, ...label), bar, element("span", { class: "value" }, value));
    return element("li", {}, shown);
  }

  function drawGroups(rows) {
    const column = table.columns[tools.group.value];
    const { labels, places } = groupsOf(column);
    const sums = labels.map(() => [0, 0, 0]);
    rows.forEach((row) => {
      const sum = sums[places[row]];
      if (sum) { sum[0] += table.errors[row]; sum[1] += table.lengths[row]; sum[2] += 1; }
    });
    let groups = labels.map((label, place) => ({ label, place, errors: sums[place][0], length: sums[place][1], items: sums[place][2] })).filter((one) => one.items);
    groups.forEach((one) => { one.rate = percent(one.errors, one.length); });
    if (!column.isNumber) groups = groups.sort((a, b) => b.rate - a.rate || b.items - a.items);
    const largest = Math.max(...groups.map((one) => one.rate).filter(Number.isFinite), 1e-9);
    const list = element("ol", { class: "bars wide" });
    const add = (part) => list.append(...part.map((one) => {
      const pressed = Boolean(filters.group) && filters.group.column === column && filters.group.place === one.place;
      const text = `${showRate(one.rate)} of ${one.length}, ${one.items} utterance${one.items === 1 ? "" : "s"}`;
      const chosen = { column, place: one.place, label: one.label };
      return drawBar([one.label], text, one.rate / largest, pressed, () => toggle("group", pressed ? null : chosen, find("groups")));
    }));
    add(groups.slice(0, MOST_GROUPS));
    find("groups").replaceChildren(list);
    if (groups.length > MOST_GROUPS) {
      const more = button(`${groups.length - MOST_GROUPS} more`, {}, () => { add(groups.slice(MOST_GROUPS)); more.remove(); });
      find("groups").append(more);
    }
  }

  function toggle(name, value, box) {
    const buttons = [...box.querySelectorAll("button")], place = buttons.indexOf(document.activeElement);
    filters[name] = value;
    count = FIRST;
    draw();
    const again = box.querySelectorAll("button")[place]; // the focus stays where it was
    if (again) again.focus();
  }

  function drawFilters() {
    const chips = [];
    const add = (name, text) => chips.push(button(`${text} ×`, { "aria-label": `no longer only ${text}` }, () => { filters[name] = null; count = FIRST; draw(); tools.search.focus(); }));
    if (filters.confusion !== null) add("confusion", table.edits[filters.confusion].map((one) => one || "nothing").join(" → "));
    if (filters.group) add("group", `${filters.group.column.name} ${filters.group.label}`);
    find("filters").replaceChildren(...chips);
  }

  function draw() {
    const place = [...tools.table.tHead.querySelectorAll("button")].indexOf(document.activeElement);
    drawHead();
    const heads = tools.table.tHead.querySelectorAll("button");
    if (heads[place]) heads[place].focus();
    const rows = rowsThatPass();
    drawRows(sortRows(rows.slice()));
    drawFilters();
    drawConfusions(filters.confusion === null ? rows : rowsThatPass("confusion"));
    drawGroups(filters.group === null ? rows : rowsThatPass("group"));
  }

  function choose(number) {
    table = openTable(number);
    filters = { confusion: null, group: null };
    [sorting, descending, count] = ["rate", true, FIRST];
    tools.group.replaceChildren(...table.columns.map((one, place) => element("option", { value: place }, one.name)));
    const speaker = table.columns.findIndex((one) => one.texts);
    tools.group.value = String(Math.max(speaker, 0));
    draw();
  }

  const view = find("view");
  view.addEventListener("change", () => choose(Number(view.value)));
  tools.group.addEventListener("change", draw);
  tools.wrong.addEventListener("change", () => { count = FIRST; draw(); });
  let waiting = 0;
  tools.search.addEventListener("input", () => { // at most once a frame
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => { count = FIRST; draw(); });
  });
  find("more").addEventListener("click", () => {
    const before = tools.table.tBodies[0].rows.length;
    count += MORE;
    drawRows(sortRows(rowsThatPass()));
    const next = tools.table.tBodies[0].rows[before];
    if (next) { next.tabIndex = -1; next.focus({ preventScroll: true }); }
  });
  choose(0);
})();

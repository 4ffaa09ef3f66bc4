// The table of utterances with what follows from it: confusions, and the scores of groups.
(() => {
  "use strict";
  const { element, button, drawBar, shortNumber } = elements;
  const section = document.getElementById("utterances");
  if (!section) return;
  const FIRST = 20, MORE = 50; // rows that are drawn, and those that "more" adds
  const MOST_GROUPS = 24, BINS = 8, FEW = 12;
  const find = (name) => section.querySelector(`[data-part=${name}]`);
  const tools = { table: find("table"), search: find("search"), wrong: find("wrong"), group: find("group") };
  const scripts = [...section.querySelectorAll("script.table")];
  const media = new Map([...section.querySelectorAll("script.media")].map((one) => [
    `${one.dataset.stage}/${one.dataset.test}`, new Map(Object.entries(JSON.parse(one.textContent)))]));
  const tables = new Map(); // those that were looked at
  let table; // that which is shown
  let sorting, descending, count, filters;

  const percent = (errors, length) => (length ? 100 * errors / length : errors ? Infinity : 0);
  const showRate = (value) => (Number.isFinite(value) ? `${value.toFixed(1)} %` : "-");
  const isKnown = (value) => value !== null && value !== undefined;
  const countItems = (number) => `${number} utterance${number === 1 ? "" : "s"}`;

  // One table of the page.

  function openTable(number) {
    if (!tables.has(number)) {
      const { stage, test, gap, metric } = scripts[number].dataset;
      const data = JSON.parse(scripts[number].textContent);
      const made = { ...(data.scores ? openScored(data) : openAligned(data, gap)), gap, metric, ids: data.ids, searched: null, media: media.get(`${stage}/${test}`) || new Map() };
      const ours = ["utterance", ...[...made.scores, ...made.columns].map((one) => one.name)]; // the data may have them too
      made.columns.push(...data.columns.map((one) => ({ ...one, name: ours.includes(one.name) ? `${one.name} of the data` : one.name, isNumber: Boolean(one.numbers) })));
      made.total = made.main.numbers.length;
      tables.set(number, made);
    }
    return tables.get(number);
  }

  // Of a metric that aligned what was said and heard: errors, and the rate as the main score.
  function openAligned({ steps, errors, lengths }, gap) {
    const [edits, editsOfRows] = confusions.numberEdits(steps);
    const main = { name: "rate", numbers: errors.map((one, row) => percent(one, lengths[row])), higher: false, show: showRate };
    const scores = [{ name: "errors", numbers: errors, higher: false, show: String }, main];
    return {
      main, scores, edits, editsOfRows, classes: [], isWrong: (row) => errors[row] > 0, wrong: "only with errors", confused: true,
      columns: [{ name: "length", numbers: lengths, isNumber: true }], by: "Error rate by", head: "said and heard",
      share: (row) => [errors[row], lengths[row]], inGroup: percent, showGroup: (value, length) => `${showRate(value)} of ${length}`,
      textOf: (row) => [0, 1].map((side) => steps[row].map((one) => (typeof one === "string" ? one : one[side])).filter(Boolean).join(gap)).join(" "),
      parts: (row) => [0, 1].map((side) => [["said", "heard"][side], steps[row].map((one) => (typeof one === "string" ? one : one[side] && { edit: one[side] }))]),
    };
  }

  // Of a metric that gave each item a score; its texts are a pair where it compared labels or sentences.
  function openScored({ scores: given, texts, pair, ids }) {
    const scores = given.map((one) => ({ ...one, show: (value) => `${shortNumber(value)} ${one.unit}`.trim() }));
    const main = scores[0];
    const [said, heard] = (pair || []).map((name) => texts.find((one) => one.name === name).values);
    const [edits, editsOfRows] = confusions.numberEdits(pair ? said.map((one, row) => [[one, heard[row]]]) : []);
    const classes = confusions.classesOf(edits, ids.length);
    const isWrong = pair ? (row) => said[row] !== heard[row] : null;
    return {
      main, scores, edits, editsOfRows, classes, isWrong, wrong: "only wrong ones", confused: classes.length > 0,
      columns: [], by: `${main.name} (mean) by`, head: texts.map((one) => one.name).join(", "),
      share: (row) => (isKnown(main.numbers[row]) ? [main.numbers[row], 1] : [0, 0]), inGroup: (sum, known) => sum / known,
      showGroup: (value, known) => (known ? main.show(value) : "-"),
      textOf: (row) => texts.map((one) => one.values[row]).join(" "),
      parts: (row) => {
        const differing = pair && isWrong(row) ? sentences.differingWords(said[row], heard[row]) : [];
        return texts.map((one) => [one.name, (pair && differing[pair.indexOf(one.name)]) || [one.values[row]]]);
      },
    };
  }

  function searchedTexts() { // what is searched, in lower case, made at the first search
    table.searched = table.searched || table.ids.map((utt_id, row) => `${utt_id} ${table.textOf(row)}`.toLowerCase());
    return table.searched;
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
    const searched = words.length ? searchedTexts() : null;
    const found = [];
    for (let row = 0; row < table.total; row++) {
      if (tools.wrong.checked && table.isWrong && !table.isWrong(row)) continue;
      if (places && places[row] !== group.place) continue;
      if (searched && !(row < searched.length && words.every((word) => searched[row].includes(word)))) continue;
      if (confusion !== null && without !== "confusion" && !(row < table.editsOfRows.length && table.editsOfRows[row].includes(confusion))) continue;
      found.push(row);
    }
    return found;
  }

  function sortRows(rows) {
    if (sorting === table.main.name && descending === worstDescends(table.main)) return rows; // as they come
    if (sorting === "") return rows;
    const column = [...table.scores, ...table.columns].find((one) => one.name === sorting);
    const value = (row) => (!column ? table.ids[row] : column.numbers ? column.numbers[row] : column.of[row]);
    const sign = descending ? -1 : 1;
    const keyed = rows.map((row) => [value(row), row]);
    const compare = !column ? (a, b) => (a < b ? -1 : Number(a > b)) : (a, b) => a - b;
    keyed.sort(([a, one], [b, other]) => {
      if (!isKnown(a) || !isKnown(b)) return isKnown(b) - isKnown(a) || one - other;
      return (a === b ? 0 : sign * compare(a, b)) || one - other;
    });
    return keyed.map(([, row]) => row);
  }

  const worstDescends = (score) => score.higher === false;

  function drawHead() {
    const names = [["utterance", ""], ...table.scores.map((one) => [one.name, "number"]), ...table.columns.map((one) => [one.name, one.isNumber ? "number" : ""])];
    const cells = names.map(([name, kind]) => {
      const cell = element("th", { scope: "col", class: kind }, button(name, {}, () => {
        descending = sorting === name ? !descending : table.scores.some((one) => one.name === name && worstDescends(one));
        sorting = name;
        count = FIRST;
        draw();
      }));
      if (name === sorting) cell.setAttribute("aria-sort", descending ? "descending" : "ascending");
      return cell;
    });
    tools.table.tHead.replaceChildren(element("tr", {}, cells[0], ...(table.head ? [element("th", { scope: "col", class: "texts" }, table.head)] : []), ...cells.slice(1)));
  }

  function drawRows(rows) {
    const searchable = rows.filter((row) => row < table.ids.length);
    const shown = searchable.slice(0, count);
    tools.table.tBodies[0].replaceChildren(...shown.flatMap(drawRow));
    const total = table.total, most = table.ids.length;
    find("shown").textContent = (rows.length === total ? countItems(total) : `${rows.length} of ${total} utterances`)
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
    const scores = table.scores.map((one) => element("td", { class: "number", "data-name": one.name }, isKnown(one.numbers[row]) ? one.show(one.numbers[row]) : ""));
    const line = element("tr", {},
      element("th", { scope: "row" }, element("code", {}, table.ids[row]), ...more),
      ...(table.head ? [element("td", { class: "texts" }, drawTexts(table.parts(row)))] : []), ...scores, ...cells);
    return [line, ...extra];
  }

  function drawTexts(sides) {
    return element("dl", { class: sides.length > 1 ? "" : "single" }, ...sides.flatMap(([name, all]) => {
      const parts = all.filter(Boolean).map((one) => (typeof one === "string" ? one : element(["said", "ref"].includes(name) ? "del" : "ins", {}, one.edit)));
      const said = element("dd", {}, ...parts.flatMap((part, place) => (place && table.gap ? [table.gap, part] : [part])));
      return sides.length > 1 ? [element("dt", {}, name), said] : [said]; // the head says what a single one is
    }));
  }

  function drawMedia(row) {
    const found = table.media.get(table.ids[row]);
    if (!found) return [[], []];
    const name = table.ids[row], more = [], extra = [];
    more.push(...found.sounds.map(([label, source]) => pictures.drawSound(label, name, source)));
    if (found.pictures && found.pictures.length) {
      const line = element("tr", { class: "pictures" }, element("td", { colspan: String(2 + table.scores.length + table.columns.length) }));
      line.hidden = true;
      const show = button(found.pictures.map((one) => one.name).join(", "), { "aria-expanded": "false" }, () => {
        line.hidden = !line.hidden;
        show.setAttribute("aria-expanded", String(!line.hidden));
        if (!line.hidden && !line.cells[0].firstChild) line.cells[0].append(...found.pictures.map((one) => pictures.drawPicture(one, secondsOf(row))));
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

  // Confusions and groups, of the rows that pass the other filters.

  function drawConfusions(rows) {
    find("confused").hidden = !table.confused;
    if (!table.confused) return;
    const times = new Int32Array(table.edits.length);
    rows.forEach((row) => (table.editsOfRows[row] || []).forEach((number) => { times[number] += 1; }));
    const act = (number) => toggle("confusion", number, find("confusions"));
    find("confusions").replaceChildren(...confusions.draw({ edits: table.edits, times, pressed: filters.confusion, act }, table.classes));
  }

  function drawGroups(rows) {
    const column = table.columns[tools.group.value];
    if (!column) return;
    const { labels, places } = groupsOf(column);
    const sums = labels.map(() => [0, 0, 0]);
    rows.forEach((row) => {
      const sum = sums[places[row]];
      if (!sum) return;
      const [part, weight] = table.share(row);
      sum[0] += part; sum[1] += weight; sum[2] += 1;
    });
    const groups = labels.map((label, place) => {
      const [part, weight, items] = sums[place], value = table.inGroup(part, weight);
      return { label, place, items, value, text: `${table.showGroup(value, weight)}, ${countItems(items)}` };
    }).filter((one) => one.items);
    const sign = worstDescends(table.main) ? -1 : 1, known = groups.map((one) => one.value).filter(Number.isFinite);
    const last = (one) => (Number.isNaN(one.value) ? 1 : 0); // groups without a score
    if (!column.isNumber) groups.sort((a, b) => last(a) - last(b) || (a.value === b.value ? 0 : sign * (a.value - b.value)) || b.items - a.items);
    const lowest = Math.min(0, ...known), largest = Math.max(...known, lowest + 1e-9);
    const list = element("ol", { class: "bars wide" });
    const add = (part) => list.append(...part.map((one) => {
      const pressed = Boolean(filters.group) && filters.group.column === column && filters.group.place === one.place;
      const chosen = { column, place: one.place, label: one.label };
      return drawBar([one.label], one.text, (one.value - lowest) / (largest - lowest), pressed, () => toggle("group", pressed ? null : chosen, find("groups")));
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
    const { main } = table;
    [sorting, descending, count] = [isKnown(main.higher) ? main.name : "", worstDescends(main), FIRST];
    tools.wrong.parentElement.hidden = !table.isWrong;
    find("only").textContent = table.wrong;
    find("by").textContent = table.by;
    find("grouped").hidden = !table.columns.length;
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

// The values of a chart under the pointer, or where the arrow keys go.
(() => {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";
  const shape = (name, attributes) => {
    const made = document.createElementNS(SVG, name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    return made;
  };

  function lastAtOrBefore(values, wanted) {
    let [low, high] = [0, values.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (values[middle] <= wanted) low = middle + 1; else high = middle;
    }
    return low - 1;
  }

  function makeReadable(svg) {
    const { frame, x, y, lines } = JSON.parse(svg.dataset.values);
    const times = JSON.parse(svg.closest("[data-times]").dataset.times);
    const steps = times.map((one) => one[0]);
    const places = [...new Set(lines.flatMap((line) => line.x))].sort((a, b) => a - b);
    const output = svg.parentElement.querySelector("output");
    const across = (value) => frame[0] + (frame[1] - frame[0]) * (value - x[0]) / ((x[1] - x[0]) || 1);
    const scaled = (value) => (y[2] ? Math.log10(value) : value);
    const up = (value) => frame[2] + (frame[3] - frame[2]) * (scaled(value) - scaled(y[0])) / ((scaled(y[1]) - scaled(y[0])) || 1);
    const cursor = shape("g", { class: "cursor" });
    let place = -1;

    function show(next) {
      if (next === place) return;
      place = next;
      const at = places[place];
      cursor.replaceChildren(shape("path", { d: `M${across(at)} ${frame[3]}V${frame[2]}` }));
      const time = times[lastAtOrBefore(steps, at)];
      const about = time && time[0] === at ? [`epoch ${time[1]}`, ...(time[2] === null ? [] : [`${time[2]} s`])] : [];
      const values = lines.map((line, number) => {
        const found = lastAtOrBefore(line.x, at);
        if (found < 0) return null;
        cursor.append(shape("circle", { class: `s${number % 6}`, cx: across(line.x[found]), cy: up(line.y[found]), r: 4 }));
        const late = line.x[found] === at ? "" : ` (at ${line.x[found]})`;
        return `${line.name} ${+line.y[found].toPrecision(5)}${late}`;
      });
      output.textContent = [`step ${at}`, ...about, ...values.filter(Boolean)].join(" · ");
      svg.append(cursor);
    }

    function hide() {
      place = -1;
      cursor.remove();
      output.textContent = "";
    }

    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const along = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
      const wanted = x[0] + (x[1] - x[0]) * (along - frame[0]) / (frame[1] - frame[0]);
      const before = Math.max(lastAtOrBefore(places, wanted), 0), after = Math.min(before + 1, places.length - 1);
      show(wanted - places[before] <= places[after] - wanted ? before : after);
    });
    svg.addEventListener("pointerleave", () => { if (document.activeElement !== svg) hide(); });
    svg.addEventListener("blur", hide);
    svg.addEventListener("keydown", (event) => {
      const last = places.length - 1;
      const next = { ArrowLeft: Math.max(place - 1, 0), ArrowRight: Math.min(place + 1, last), Home: 0, End: last }[event.key];
      if (next === undefined) return;
      event.preventDefault();
      show(next);
    });
  }

  document.querySelectorAll("svg[data-values]").forEach(makeReadable);
})();

// Sound and pictures of an utterance, which are made when they are asked for.
const pictures = (() => {
  "use strict";
  const { element, button, shortNumber } = elements;

  function drawSound(label, name, source) {
    const play = button(`▶ ${label || "play"}`, { "aria-label": `play ${[label, name].filter(Boolean).join(" of ")}` }, () => {
      const player = element("audio", { controls: "", src: source, "aria-label": `${label} ${name}`.trim() });
      play.replaceWith(...(label ? [element("span", { class: "heard" }, label, player)] : [player]));
      player.focus();
      player.play().catch(() => {});
    });
    return play;
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

  return { drawSound, drawPicture };
})();

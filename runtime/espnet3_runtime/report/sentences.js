// Which words of two sentences differ.
const sentences = (() => {
  "use strict";
  const MOST_PAIRS = 1e5;

  // The words of two sentences: texts that both have in this order, and edits {edit: word} of each.
  function differingWords(one, other) {
    const [a, b] = [one, other].map((text) => text.split(/\s+/).filter(Boolean));
    if (a.length * b.length > MOST_PAIRS) return [[{ edit: one }], [{ edit: other }]];
    const common = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1)); // words from there on
    for (let i = a.length - 1; i >= 0; i--) {
      for (let j = b.length - 1; j >= 0; j--) common[i][j] = a[i] === b[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
    }
    const sides = [[], []];
    let [i, j] = [0, 0];
    while (i < a.length || j < b.length) {
      if (i < a.length && j < b.length && a[i] === b[j]) { sides[0].push(a[i++]); sides[1].push(b[j++]); }
      else if (j === b.length || (i < a.length && common[i + 1][j] >= common[i][j + 1])) sides[0].push({ edit: a[i++] });
      else sides[1].push({ edit: b[j++] });
    }
    return sides;
  }

  return { differingWords };
})();

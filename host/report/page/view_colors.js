// Colours: of values, of kinds of layers.
"use strict";

const ViewColors = (() => {
  const kSteps = 255;
  const themes = {
    dark: {
      zero: [22, 26, 36], negative: [[46, 128, 255], [178, 224, 255]],
      positive: [[242, 110, 34], [255, 232, 170]], link: 0x6b7690, line: 0xffd27a, frame: 0.75,
    },
    light: {
      zero: [225, 229, 239], negative: [[84, 150, 236], [12, 52, 128]],
      positive: [[244, 148, 62], [128, 40, 4]], link: 0x9aa3b5, line: 0xb3470b, frame: 0.85,
    },
  };
  const kinds = [
    [/^Input/, 0x8b95a9], [/Conv/, 0x4c8dff], [/Pool/, 0x2fb67c], [/^(Dense|Maxout)/, 0xf0803c],
    [/Norm|Rescaling/, 0xa775e8], [/^(Add|Multiply|Concat|Stack)/, 0xe0559a], [/./, 0xc9a227],
  ];

  const mix = (a, b, t) => a.map((value, i) => value + (b[i] - value) * t);

  /// 2 kSteps + 1 colours, from -1 to 1.
  function table(theme) {
    const colors = new Uint8Array(3 * (2 * kSteps + 1));
    for (let i = -kSteps; i <= kSteps; ++i) {
      const t = Math.abs(i) / kSteps;
      const [middle, end] = i < 0 ? theme.negative : theme.positive;
      const color = t < 0.6 ? mix(theme.zero, middle, t / 0.6) : mix(middle, end, (t - 0.6) / 0.4);
      colors.set(color.map(Math.round), 3 * (i + kSteps));
    }
    return colors;
  }
  for (const theme of Object.values(themes)) theme.table = table(theme);

  const query = matchMedia("(prefers-color-scheme: dark)");
  const current = () => query.matches ? themes.dark : themes.light;

  /// Where the colour of a value stands in current().table: 0 is the middle, +-largest the ends.
  function index(value, largest) {
    const t = largest > 0 ? Math.max(-1, Math.min(1, value / largest)) : 0;
    return 3 * (Math.round(t * kSteps) + kSteps);
  }

  function largestOf(data) {
    let largest = 0;
    for (let i = 0; i < data.length; ++i) largest = Math.max(largest, Math.abs(data[i]));
    return largest;
  }

  const css = (color) => "#" + color.toString(16).padStart(6, "0");
  const ofKind = (kind) => kinds.find(([pattern]) => pattern.test(kind))[1];

  return {current, index, largestOf, ofKind, css,
    whenChanged: (action) => query.addEventListener("change", action)};
})();

// What stands around the scene: samples, outputs, one layer in detail, the list of all.
"use strict";

const ViewPanels = (() => {
  const kListed = 64;   // maps of a layer in the list and in the details
  const kFilters = 64;

  function element(name, properties, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  }

  const number = (value) => Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3) ?
      value.toExponential(2) : Number(value.toPrecision(4)).toString();

  /// A canvas of height x width cells, each `rgb(y, x)` = [r, g, b], or nothing.
  function picture(height, width, rgb, label) {
    const canvas = element("canvas", {width, height, className: "map"});
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", label);
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    for (let y = 0; y < height; ++y) {
      for (let x = 0; x < width; ++x) {
        const color = rgb(y, x);
        if (color) image.data.set([...color, 255], 4 * (y * width + x));
      }
    }
    context.putImageData(image, 0, 0);
    return canvas;
  }

  /// Numbers as a picture in the colours of values; `at(y, x)` is the index of a cell in `data`.
  function valuePicture(data, height, width, at, largest, label) {
    const {table} = ViewColors.current();
    return picture(height, width, (y, x) => {
      if (at(y, x) >= data.length) return null;
      const color = ViewColors.index(data[at(y, x)], largest);
      return [table[color], table[color + 1], table[color + 2]];
    }, label);
  }

  /// A network's input as people see it, where it is a picture; else null.
  function inputPicture(value, white, label) {
    const shape = value.shape.slice(1);
    if (shape.length < 2 || shape.length > 3) return null;
    const channels = shape.length === 3 ? shape[2] : 1;
    if (channels !== 1 && channels !== 3) return null;
    const level = (v) => 255 * Math.max(0, Math.min(1, v / white));
    return picture(shape[0], shape[1], (y, x) => [0, 1, 2].map((c) =>
      level(value.data[(y * shape[1] + x) * channels + (channels === 3 ? c : 0)])), label);
  }

  /// Says a canvas's value under the pointer into `target`.
  function readOut(canvas, target, textAt) {
    canvas.addEventListener("pointermove", (event) => {
      const box = canvas.getBoundingClientRect();
      const y = Math.floor((event.clientY - box.top) / box.height * canvas.height);
      const x = Math.floor((event.clientX - box.left) / box.width * canvas.width);
      if (y >= 0 && x >= 0 && y < canvas.height && x < canvas.width) {
        target.textContent = textAt(y, x);
      }
    });
  }

  /// The pictures of a value's maps, side by side.
  function mapGrid(value, target) {
    const [, height, width] = value.shape;
    const depth = value.shape[3] || 1;
    const largest = ViewColors.largestOf(value.data);
    const grid = element("div", {className: "maps"});
    grid.style.setProperty("--side", `${Math.max(34, Math.min(104, 1.2 * width + 30))}px`);
    for (let c = 0; c < Math.min(depth, kListed); ++c) {
      const at = (y, x) => (y * width + x) * depth + c;
      const map = valuePicture(value.data, height, width, at, largest, `map ${c}`);
      readOut(map, target, (y, x) => `map ${c}, row ${y}, column ${x}: ` +
          number(value.data[at(y, x)]));
      grid.append(map);
    }
    return grid;
  }

  /// The units of a flat value as cells, 16 or 32 to a row.
  function unitGrid(value, target) {
    const units = value.data.length;
    const width = Math.min(units, units > 256 ? 32 : 16);
    const height = Math.ceil(units / width);
    const map = valuePicture(value.data, height, width, (y, x) => y * width + x,
        ViewColors.largestOf(value.data), `${units} units`);
    map.classList.add("units");
    map.style.setProperty("--columns", width);
    readOut(map, target, (y, x) => y * width + x < units ?
        `unit ${y * width + x}: ${number(value.data[y * width + x])}` : "");
    return map;
  }

  function valuesOf(value, target) {
    return value.shape.length >= 3 ? mapGrid(value, target) : unitGrid(value, target);
  }

  // ---- Filters ----

  /// A convolution's filters: in their colours where they read three channels, else one picture for
  /// each filter of its mean over the channels.
  function filterGrid(weight, target) {
    const [filters, height, width, depth] = weight.shape;
    const largest = ViewColors.largestOf(weight.data);
    const grid = element("div", {className: "maps filters"});
    grid.style.setProperty("--side", "44px");
    for (let f = 0; f < Math.min(filters, kFilters); ++f) {
      const at = (y, x, c) => weight.data[((f * height + y) * width + x) * depth + c];
      const channels = Array.from({length: depth}, (_, c) => c);
      const mean = (y, x) => channels.reduce((sum, c) => sum + at(y, x, c), 0) / depth;
      const means = Float32Array.from({length: height * width}, (_, i) =>
        mean(Math.floor(i / width), i % width));
      const scale = depth === 1 ? largest : ViewColors.largestOf(means);
      const map = depth === 3 ?
        picture(height, width, (y, x) => channels.map((c) => 127.5 * (1 + at(y, x, c) / largest)),
            `filter ${f}`) :
        valuePicture(means, height, width, (y, x) => y * width + x, scale, `filter ${f}`);
      readOut(map, target, (y, x) => `filter ${f}, row ${y}, column ${x}: ` +
          (depth <= 4 ? channels.map((c) => number(at(y, x, c))).join(", ") :
            `mean ${number(mean(y, x))}`));
      grid.append(map);
    }
    return grid;
  }

  function weightMatrix(weight, target) {
    const [inputs, units] = weight.shape;
    const map = valuePicture(weight.data, inputs, units, (y, x) => y * units + x,
        ViewColors.largestOf(weight.data), "weights");
    map.classList.add("matrix");
    readOut(map, target, (y, x) => `from ${y} to unit ${x}: ${number(weight.data[y * units + x])}`);
    return map;
  }

  // ---- A layer in detail ----

  function statistics(data) {
    let low = Infinity, high = -Infinity, sum = 0, zeros = 0;
    for (const value of data) {
      low = Math.min(low, value);
      high = Math.max(high, value);
      sum += value;
      zeros += value === 0;
    }
    return `from ${number(low)} to ${number(high)}, mean ${number(sum / data.length)}, ` +
        `${Math.round(100 * zeros / data.length)} % zero`;
  }

  function histogram(data) {
    const bins = 32;
    let low = Infinity, high = -Infinity;
    for (const value of data) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    const counts = new Array(bins).fill(0);
    for (const value of data) {
      ++counts[Math.min(bins - 1, Math.floor((value - low) / (high - low || 1) * bins))];
    }
    const most = Math.max(...counts);
    const bars = counts.map((n, i) => {
      const bar = element("i", {title: `${n} of ${data.length} near ` +
          number(low + (i + 0.5) / bins * (high - low))});
      bar.style.height = `${n > 0 ? Math.max(4, 100 * n / most) : 0}%`;
      return bar;
    });
    return element("div", {className: "histogram"}, ...bars);
  }

  function countText(shape, n, what) {
    return n > kListed && shape === 3 ? `the first ${kListed} of ${n} ${what}` : `${n} ${what}`;
  }

  /// Fills the panel with a group's values and weights; `tensors` by path may lack some.
  function showDetail(panel, group, value, tensors, close) {
    panel.textContent = "";
    const target = element("output", {className: "read-out", textContent: "Point at a value."});
    const closing = element("button", {type: "button", className: "close", title: "Close (Esc)",
      textContent: "×", onclick: close});
    closing.setAttribute("aria-label", "Close");
    panel.append(element("header", {}, element("h2", {textContent: group.name}), closing));
    panel.append(element("p", {className: "kind", textContent:
      `${group.layers.map((layer) => layer.kind).join(", ")} · ${ViewLayout.shapeText(group.shape)}`}));
    panel.append(target);
    const isMaps = value && value.shape.length >= 3;
    if (value) {
      const n = isMaps ? group.shape[2] || 1 : value.data.length;
      panel.append(
          element("h3", {textContent: countText(group.shape.length, n, isMaps ? "maps" : "units")}),
          valuesOf(value, target), histogram(value.data),
          element("p", {className: "statistics", textContent: statistics(value.data)}));
    }
    for (const {path, shape} of group.layers.flatMap((layer) => layer.parameters)) {
      const text = `${path} ${ViewLayout.shapeText(shape)}`;
      panel.append(element("h3", {className: "weights", textContent: text}));
      const weight = tensors[path];
      if (!weight) continue;
      if (shape.length === 4) {
        if (shape[3] > 3) panel.append(element("p", {textContent: "each filter's mean over " +
          `${shape[3]} channels`}));
        panel.append(filterGrid(weight, target));
      } else if (shape.length === 2 && shape[0] * shape[1] <= 2e6) {
        panel.append(weightMatrix(weight, target));
      }
      panel.append(element("p", {className: "statistics", textContent: statistics(weight.data)}));
    }
    panel.hidden = false;
  }

  // ---- Samples and outputs ----

  function className(names, i) {
    return names[i] || `${i}`;
  }

  /// A button for each sample; `chosen(i)` is called.
  function showSamples(host, samples, description, chosen) {
    samples.forEach((sample, i) => {
      const label = sample.label === null || sample.label === undefined ? `sample ${i + 1}` :
        className(description.class_names, sample.label);
      const seen = inputPicture(sample.inputs[0], description.white, label);
      const button = element("button", {type: "button", className: "sample", title: label,
        onclick: () => chosen(i)}, seen || element("span", {textContent: label}));
      button.setAttribute("role", "option");
      button.setAttribute("aria-label", label);
      host.append(button);
    });
  }

  function markSample(host, chosen) {
    Array.from(host.children).forEach((button, i) => {
      button.setAttribute("aria-selected", String(i === chosen));
    });
  }

  /// One output as bars: of probabilities from 0 to 1, of other numbers from their smallest (or 0)
  /// to their largest. Of more than `most`, the largest.
  function showOutput(host, name, value, names) {
    const most = 10;
    const numbers = Array.from(value.data, (v, i) => ({v, i}));
    const chosen = numbers.length <= most ? numbers :
      numbers.slice().sort((a, b) => b.v - a.v).slice(0, most);
    const low = Math.min(0, ...chosen.map(({v}) => v));
    const isShares = numbers.every(({v}) => v >= 0 && v <= 1);
    const high = isShares ? 1 : Math.max(...chosen.map(({v}) => v), low + 1e-9);
    const largest = numbers.reduce((best, entry) => entry.v > best.v ? entry : best).i;
    const rows = chosen.map(({v, i}) => {
      const bar = element("i", {});
      bar.style.width = `${Math.max(0, Math.min(1, (v - low) / (high - low))) * 100}%`;
      return element("div", {className: i === largest ? "bar largest" : "bar"},
          element("span", {className: "name", textContent: className(names, i),
            title: className(names, i)}),
          element("span", {className: "track"}, bar),
          element("span", {className: "value",
            textContent: isShares ? `${(100 * v).toFixed(1)} %` : number(v)}));
    });
    if (name) host.append(element("h3", {textContent: name}));
    host.append(...rows);
    if (numbers.length > most) {
      host.append(element("p", {textContent: `the largest ${most} of ${numbers.length}`}));
    }
  }

  /// Every group with its maps, for those who see no 3-D.
  function showList(host, groups, values, white, chosen) {
    host.textContent = "";
    for (const group of groups) {
      const value = values(group);
      const target = element("output", {className: "read-out"});
      const seen = value && group.isInput ? inputPicture(value, white, group.name) : null;
      if (seen) seen.classList.add("input");
      const open = element("button", {type: "button", textContent: group.name,
        onclick: () => chosen(group)});
      open.style.setProperty("--kind", ViewColors.css(ViewColors.ofKind(group.kind)));
      host.append(element("section", {className: "listed"},
          element("h2", {}, open),
          element("p", {textContent: `${group.layers.map((layer) => layer.kind).join(", ")} · ` +
              ViewLayout.shapeText(group.shape)}),
          ...(value ? [seen || valuesOf(value, target)] : []), target));
    }
  }

  return {showDetail, showSamples, markSample, showOutput, showList, number};
})();

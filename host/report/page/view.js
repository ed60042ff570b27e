// Puts the page together: the network, what flows through it, and what people do.
"use strict";

(() => {
  const find = (id) => document.getElementById(id);
  const description = JSON.parse(find("description").textContent);
  const {layers} = description;

  // ---- The network ----

  description.producers = {};
  for (const op of description.ops) description.producers[op.output] = op;

  /// Parameters by path, from the page's one text of all of them.
  function readTensors() {
    const numbers = ViewForward.decodeFloats(find("weights").textContent.trim());
    const tensors = {};
    let first = 0;
    for (const {path, shape} of description.tensors) {
      const size = shape.reduce((product, n) => product * n, 1);
      tensors[path] = {shape, data: numbers.subarray(first, first + size)};
      first += size;
    }
    return tensors;
  }

  function readInput({dtype, data}, index) {
    const shape = description.shapes[index];
    return {shape, data: dtype === "u8" ? Float32Array.from(ViewForward.decodeBytes(data)) :
      ViewForward.decodeFloats(data)};
  }

  const tensors = readTensors();
  const samples = description.samples.map(({label, inputs}) =>
    ({label, inputs: inputs.map(readInput)}));
  const computes = description.lacking === "";

  // ---- What flows through it ----

  let groups = [];
  let values = [];  // by number, where the page computes; else by layer in `stored`
  let stored = null;
  let scene = null;
  let opened = null;

  function storedValue({shape, low, high, data}) {
    const bytes = ViewForward.decodeBytes(data);
    return {shape, data: Float32Array.from(bytes, (byte) => low + (high - low) * byte / 255)};
  }

  /// What a group shows: {shape, data}, or nothing.
  function valueOf(group) {
    if (computes || group.isInput) return values[group.value];
    return stored && group.layers.map((layer) => stored[layer.name]).reverse()
        .find((value, i, all) => value && (value.shape.length === group.shape.length + 1 ||
            i === all.length - 1));
  }

  function outputValue({value}) {
    if (computes) return values[value];
    const layer = layers.find((candidate) => candidate.value === value);
    return layer && stored && stored[layer.name];
  }

  function showFlow() {
    if (scene) scene.paint(valueOf, description.white);
    if (!find("list").hidden) ViewPanels.showList(find("list"), groups, valueOf, description.white, open);
    if (opened) showDetail();
    find("outputs").textContent = "";
    for (const output of description.outputs) {
      const value = outputValue(output);
      const name = description.outputs.length > 1 ? output.name : "";
      if (value) ViewPanels.showOutput(find("outputs"), name, value, description.class_names);
    }
  }

  /// Computes the network for inputs [{shape, data}].
  function feed(inputs) {
    values = computes ? ViewForward.run(description, tensors, inputs.map(({data}) => data)) : inputs;
    showFlow();
  }

  function choose(sample) {
    if (!computes && description.stored) {
      stored = {};
      for (const [name, value] of Object.entries(description.stored[sample])) {
        stored[name] = storedValue(value);
      }
    }
    ViewPanels.markSample(find("samples"), sample);
    feed(samples[sample].inputs);
  }

  // ---- Layers ----

  function showDetail() {
    ViewPanels.showDetail(find("detail"), opened, valueOf(opened), tensors, () => open(null));
  }

  function open(group) {
    opened = group;
    find("tip").hidden = true;
    document.body.classList.toggle("with-detail", group !== null);
    find("detail").hidden = group === null;
    if (scene) {
      scene.resize();
      scene.open(group);
    }
    if (group) {
      showDetail();
      find("detail").scrollTop = 0;
    }
  }

  function openNext(step) {
    const index = opened ? opened.index + step : step > 0 ? 0 : groups.length - 1;
    open(groups[(index + groups.length) % groups.length]);
  }

  function buildGroups() {
    const every = find("every").getAttribute("aria-pressed") === "true";
    open(null);
    groups = ViewLayout.groups(description, every);
    showGroups();
    showFlow();
  }

  function showGroups() {
    if (!scene) return;
    const {clientWidth, clientHeight} = find("stage");
    const outputs = description.outputs.map(({value}) => value);
    const named = groups.find((group) => outputs.includes(group.value));
    scene.show(groups, clientWidth / clientHeight, named, description.class_names);
  }

  /// The unit's index in its value.
  function indexOf(group, {c, y, x}) {
    if (!group.maps) return c;
    return (y * group.maps.width + x) * group.maps.channels + c;
  }

  function cellOf(group, index) {
    if (!group.maps) return {c: index, y: 0, x: 0};
    const {channels, width} = group.maps;
    const cell = Math.floor(index / channels);
    return {c: index % channels, y: Math.floor(cell / width), x: cell % width};
  }

  /// The numbers that add most to a unit of a dense layer: [{group, cell, weight}], -1 to 1.
  function strongest(group, cell, byValue) {
    if (!computes || group.maps) return [];
    const found = ViewForward.terms(description, values, group.value, cell.c,
        (value) => byValue.has(value));
    if (!found) return [];
    const source = byValue.get(found.value) || group.sources[0];
    const total = source.shape.reduce((product, n) => product * n, 1);
    if (total !== found.terms.length) return [];
    const order = Array.from(found.terms.keys())
        .sort((a, b) => Math.abs(found.terms[b]) - Math.abs(found.terms[a])).slice(0, 48);
    const largest = Math.abs(found.terms[order[0]]) || 1;
    return order.map((i) => ({group: source, cell: cellOf(source, i),
      weight: found.terms[i] / largest}));
  }

  /// The parts of other groups that a unit is computed from.
  function partsOf(group, {c, y, x}, byValue) {
    const box = group.maps && group.maps.color ?
      {y: [y, y + 1], x: [x, x + 1], c: [0, 3]} : {y: [y, y + 1], x: [x, x + 1], c: [c, c + 1]};
    return ViewForward.reads(description, group.value, box, (value) => byValue.has(value))
        .map((part) => ({group: byValue.get(part.value), box: part.box}))
        .filter((part) => part.group !== group);
  }

  function rangeText([from, to], size, what) {
    if (to - from === size) return size === 1 ? "" : `all ${size} ${what}`;
    return to - from === 1 ? `${what.slice(0, -1)} ${from}` : `${what} ${from}–${to - 1}`;
  }

  function readsText({group, box}) {
    if (!group.maps) return `${group.name}: ${rangeText(box.c, group.cells.total, "units")}`;
    const {height, width, channels} = group.maps;
    const ranges = [rangeText(box.y, height, "rows"), rangeText(box.x, width, "columns"),
      rangeText(box.c, channels, "maps")];
    return `${group.name}: ${ranges.filter((text) => text !== "").join(", ")}`;
  }

  function tipText(group, cell, parts) {
    const value = valueOf(group);
    const whole = value && value.data.length === group.shape.reduce((a, b) => a * b, 1);
    const names = group.isInput || !group.maps && group.cells.total === description.class_names.length;
    const place = group.maps ?
      `${group.maps.color ? "" : `map ${cell.c}, `}row ${cell.y}, column ${cell.x}` :
      `unit ${cell.c}` + (names ? ` (${description.class_names[cell.c]})` : "");
    const index = indexOf(group, cell);
    const numbers = !whole ? "" : ": " + (group.maps && group.maps.color ?
      [0, 1, 2].map((c) => ViewPanels.number(value.data[index - cell.c + c])).join(", ") :
      ViewPanels.number(value.data[index]));
    return [`${group.layers.map((layer) => layer.kind).join(", ")} · ` +
        ViewLayout.shapeText(group.shape), place + numbers,
    ...parts.slice(0, 3).map((part) => "reads " + readsText(part))];
  }

  function pointed(group, cell, event) {
    const tip = find("tip");
    tip.hidden = !group;
    if (!group) {
      scene.relate(null);
      return;
    }
    const byValue = new Map(groups.map((other) => [other.value, other]));
    const parts = partsOf(group, cell, byValue);
    const points = strongest(group, cell, byValue);
    scene.relate(opened ? null : group, cell, points.length > 0 ? [] : parts, points);
    tip.textContent = "";
    tip.append(Object.assign(document.createElement("b"), {textContent: group.name}));
    for (const line of tipText(group, cell, parts)) {
      tip.append(Object.assign(document.createElement("div"), {textContent: line}));
    }
    const box = find("stage").getBoundingClientRect();
    const left = Math.min(event.clientX - box.left + 16, box.width - tip.offsetWidth - 8);
    const top = Math.min(event.clientY - box.top + 16, box.height - tip.offsetHeight - 8);
    tip.style.transform = `translate(${Math.max(left, 4)}px, ${Math.max(top, 4)}px)`;
  }

  // ---- Beginning ----

  function summarize() {
    const count = layers.flatMap((layer) => layer.parameters)
        .reduce((sum, {shape}) => sum + shape.reduce((product, n) => product * n, 1), 0);
    const inputs = description.inputs.map(({shape}) => ViewLayout.shapeText(shape)).join(", ");
    find("summary").textContent =
        `${layers.length} layers · ${count.toLocaleString("en")} parameters · reads ${inputs}`;
  }

  function notify(text) {
    find("notice").hidden = false;
    find("notice").append(Object.assign(document.createElement("span"), {textContent: text + " "}));
  }

  function setPressed(button, pressed) {
    find(button).setAttribute("aria-pressed", String(pressed));
    return pressed;
  }

  function showAsList(asList) {
    setPressed("as-list", asList);
    find("list").hidden = !asList;
    find("scene").hidden = find("labels").hidden = asList;
    if (asList) ViewPanels.showList(find("list"), groups, valueOf, description.white, open);
  }

  function startScene() {
    const context = ViewScene.contextOf(find("scene"));
    if (!context) {
      notify("This browser offers no WebGL, so the network is shown as a list of its maps.");
      find("as-list").hidden = find("reset").hidden = true;
      showAsList(true);
      return;
    }
    scene = new ViewScene.Scene(find("scene"), find("labels"), context, {pointed, chosen: open});
    addEventListener("resize", () => scene.resize());
  }

  function startPad() {
    const shape = description.inputs[0].shape.join();
    if (!computes || description.inputs.length !== 1 || (shape !== "28,28,1" && shape !== "28,28")) {
      return;
    }
    find("pad-panel").hidden = false;
    const seen = find("seen").querySelector("canvas").getContext("2d");
    const pad = ViewPad.attach(find("pad"), (picture) => {
      const image = seen.createImageData(28, 28);
      picture.forEach((ink, i) => image.data.set([255 * ink, 255 * ink, 255 * ink, 255], 4 * i));
      seen.putImageData(image, 0, 0);
      ViewPanels.markSample(find("samples"), -1);
      feed([{shape: description.shapes[0], data: picture.map((ink) => ink * description.white)}]);
    });
    find("clear").addEventListener("click", pad.clear);
  }

  function toggleHelp() {
    const shown = find("help-text").hidden;
    find("help-text").hidden = !shown;
    find("help").setAttribute("aria-expanded", String(shown));
  }

  function toggleEvery() {
    setPressed("every", find("every").getAttribute("aria-pressed") !== "true");
    buildGroups();
  }

  function reset() {
    open(null);
    if (scene) scene.orbit.reset();
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const actions = {Escape: () => open(null), n: () => openNext(1), p: () => openNext(-1),
      e: toggleEvery, l: () => scene && showAsList(find("list").hidden), "?": toggleHelp,
      "0": reset};
    const action = actions[event.key];
    if (action) action();
    else if (!scene || !scene.orbit.key(event)) return;
    event.preventDefault();
  }

  function start() {
    summarize();
    if (!computes) {
      notify(`This page does not compute the network: ${description.lacking}. It shows what the ` +
          "library computed for the samples, in 8 bits.");
    }
    if (description.samples_made_up) find("samples-title").textContent = "Noise, for want of samples";
    ViewPanels.showSamples(find("samples"), samples, description, choose);
    startScene();
    groups = ViewLayout.groups(description, false);
    showGroups();
    startPad();
    choose(0);
    find("reset").addEventListener("click", reset);
    find("every").addEventListener("click", toggleEvery);
    find("as-list").addEventListener("click", () => showAsList(find("list").hidden));
    find("help").addEventListener("click", toggleHelp);
    addEventListener("keydown", onKey);
    ViewColors.whenChanged(() => {
      if (scene) scene.recolor();
      showFlow();
    });
  }

  start();

  /// For programs that look at the page: the network's outputs for inputs as arrays of numbers, the
  /// outputs and a layer's values that are shown, and where a layer's unit is drawn.
  window.foveaView = {
    compute: (inputs) => {
      const all = ViewForward.run(description, tensors, inputs.map((x) => Float32Array.from(x)));
      return description.outputs.map(({value}) => Array.from(all[value].data));
    },
    samples: () => samples.map(({inputs}) => inputs.map(({data}) => Array.from(data))),
    outputs: () => description.outputs.map((output) => Array.from(outputValue(output).data)),
    values: (name) => Array.from(values[layers.find((layer) => layer.name === name).value].data),
    place: (name, c = 0, y = 0, x = 0) =>
      scene.screenPosition(groups.find((group) => group.name === name), {c, y, x}),
    layers: () => groups.map(({name}) => name),
    isStill: () => !scene || scene.isStill(),
  };
})();

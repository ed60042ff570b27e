// Which layers are drawn, how large, and where: no graphics here.
"use strict";

const ViewLayout = (() => {
  const kMaps = 64;     // of a layer, drawn in space
  const kCells = 1024;  // likewise
  /// Layers that are drawn as part of the one before them.
  const minor = new Set(["BatchNormalization", "ReLU", "LeakyReLU", "ELU", "Sigmoid", "Tanh",
    "Gelu", "Silu", "Softmax", "Activation", "ActivityRegularization", "Dropout", "Flatten",
    "Reshape", "Rescaling", "Normalization", "ZeroPadding2D"]);

  const last = (array) => array[array.length - 1];

  function newGroup(layer, sources) {
    const value = layer.value === null && sources.length > 0 ? sources[0].value : layer.value;
    return {layers: [layer], name: layer.name, kind: layer.kind, shape: layer.output, value,
      sources, isInput: layer.kind === "InputLayer"};
  }

  /// Layers as they are drawn: {layers, name, kind, shape, value, sources, isInput}, in order. A
  /// minor layer joins the one before it, which then shows its values where the shapes agree.
  function groups(network, every) {
    const readers = {};
    for (const layer of network.layers) {
      for (const name of layer.connected_to) readers[name] = (readers[name] || 0) + 1;
    }
    const groupOf = {};
    const all = [];
    for (const layer of network.layers) {
      const sources = Array.from(new Set(layer.connected_to.map((name) => groupOf[name])));
      const into = sources.length === 1 ? sources[0] : null;
      const before = layer.connected_to[0];
      if (!every && into && minor.has(layer.kind) && last(into.layers).name === before &&
          readers[before] === 1) {
        into.layers.push(layer);
        const same = layer.output.join() === into.shape.join();
        if (same && layer.value !== null && !into.isInput) into.value = layer.value;
        groupOf[layer.name] = into;
      } else {
        const group = newGroup(layer, sources);
        all.push(group);
        groupOf[layer.name] = group;
      }
    }
    all.forEach((group, i) => { group.index = i; });
    return all;
  }

  /// "(28, 28, 6)".
  const shapeText = (shape) => `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;

  /// A side's length in space for so many cells: large ones are compressed.
  const side = (cells) => 1.1 * Math.pow(cells, 0.45);

  /// A value's picture planes: {planes, height, width, color}; null for a row of numbers. A picture
  /// with three channels as a network's input is one plane in its own colours.
  function planes(group) {
    const shape = group.shape.length === 2 ? group.shape.concat(1) : group.shape;
    if (shape.length !== 3) return null;
    const color = group.isInput && shape[2] === 3;
    return {height: shape[0], width: shape[1], channels: shape[2], color,
      planes: color ? 1 : Math.min(shape[2], kMaps)};
  }

  /// Sets each group's `maps` or `cells`, `size` [width, height, depth].
  function measure(group) {
    group.maps = planes(group);
    if (group.maps) {
      const {planes: n, height, width} = group.maps;
      group.gap = n > 1 ? 0.6 * Math.pow(n, 0.45) / (n - 1) : 0;
      group.size = [side(width), side(height), group.gap * (n - 1)];
      return;
    }
    const total = group.shape.reduce((product, size) => product * size, 1);
    const n = Math.min(total, kCells);
    const rows = n <= 24 ? n : Math.ceil(Math.sqrt(1.5 * n));
    const pitch = n <= 10 ? 0.5 : n <= 24 ? 0.34 : Math.max(0.15, 0.34 - 0.00025 * n);
    group.cells = {n, total, rows, columns: Math.ceil(n / rows), pitch};
    group.size = [pitch, rows * pitch, group.cells.columns * pitch];
  }

  /// Groups in rows from left to right, each row below the one before, so that the whole has about
  /// this aspect: sets each group's `centre` [x, y, z], z being its front.
  function arrange(all, aspect) {
    const spaceOf = (group) => Math.max(group.size[0], 1) + 1.5;
    all.forEach(measure);
    const width = all.reduce((sum, group) => sum + spaceOf(group), 0);
    const height = Math.max(...all.map((group) => group.size[1])) + 2.2;
    const rows = Math.max(1, Math.round(Math.sqrt(width / (height * aspect))));
    let x = 0, row = 0;
    for (const group of all) {
      if (x > 0 && row + 1 < rows && x + group.size[0] / 2 > width / rows) {
        x = 0;
        ++row;
      }
      group.centre = [x + group.size[0] / 2, -row * height, group.size[2] / 2];
      group.row = row;
      group.rowHeight = height;
      x += spaceOf(group);
    }
  }

  /// The corners of a group's box, with some space below for its label.
  function corners({centre, size}) {
    const points = [];
    for (let i = 0; i < 8; ++i) {
      points.push([centre[0] + (i & 1 ? 0.5 : -0.5) * size[0],
        centre[1] + (i & 2 ? 0.5 * size[1] : -0.5 * size[1] - 0.9),
        centre[2] - (i & 4 ? size[2] : 0)]);
    }
    return points;
  }

  return {groups, arrange, corners, shapeText};
})();

// The forward pass of a network in the page: the ops of host/ops at inference, for a batch of one,
// on 32-bit arrays (N, H, W, C) with sums in 64 bits; and what a unit reads.
"use strict";

const ViewForward = (() => {
  /// The bytes of a base64 text.
  function decodeBytes(text) {
    const binary = atob(text);
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < binary.length; ++i) bytes[i] = binary.charCodeAt(i);
    return bytes;
  }

  function decodeFloats(text) {
    return new Float32Array(decodeBytes(text).buffer);
  }

  const count = (shape) => shape.reduce((product, size) => product * size, 1);
  const last = (array) => array[array.length - 1];

  // ---- Ops. Each takes the op's attributes, its inputs {shape, data} and the shape of its output,
  // and returns the output's data. ----

  /// The first cell that a window at output 0 covers is -before.
  function window_(input, output, kernel, stride, dilation, padding, axis) {
    if (padding.kind === "explicit") return padding.cells[2 * axis];
    if (padding.kind === "valid") return 0;
    const covered = (output - 1) * stride + (kernel - 1) * dilation + 1;
    return Math.floor(Math.max(covered - input, 0) / 2);
  }

  /// Where windows lie: {height, width, kernel, stride, dilation, top, left} in [y, x] pairs.
  function geometry(attributes, inputShape, outputShape, kernel) {
    const {stride, padding} = attributes;
    const dilation = attributes.dilation || [1, 1];
    const before = [0, 1].map((axis) => window_(inputShape[axis + 1], outputShape[axis + 1],
        kernel[axis], stride[axis], dilation[axis], padding, axis));
    return {stride, dilation, before, kernel};
  }

  function conv2d(attributes, [x, w], shape) {
    const [, height, width, channels] = x.shape;
    const [, rows, columns, filters] = shape;
    const [, kernelHeight, kernelWidth, depth] = w.shape;
    const {stride, dilation, before} =
        geometry(attributes, x.shape, shape, [kernelHeight, kernelWidth]);
    const perGroup = filters / attributes.groups;
    const y = new Float32Array(count(shape));
    for (let row = 0; row < rows; ++row) {
      for (let column = 0; column < columns; ++column) {
        for (let filter = 0; filter < filters; ++filter) {
          const first = Math.floor(filter / perGroup) * depth;
          let sum = 0;
          for (let i = 0; i < kernelHeight; ++i) {
            const yIn = row * stride[0] - before[0] + i * dilation[0];
            if (yIn < 0 || yIn >= height) continue;
            for (let j = 0; j < kernelWidth; ++j) {
              const xIn = column * stride[1] - before[1] + j * dilation[1];
              if (xIn < 0 || xIn >= width) continue;
              const from = (yIn * width + xIn) * channels + first;
              const weight = ((filter * kernelHeight + i) * kernelWidth + j) * depth;
              for (let c = 0; c < depth; ++c) sum += x.data[from + c] * w.data[weight + c];
            }
          }
          y[(row * columns + column) * filters + filter] = sum;
        }
      }
    }
    return y;
  }

  /// `start`, then `add` each cell of a window, then `finish` with the number of cells.
  function pool(attributes, x, shape, start, add, finish) {
    const [, height, width, channels] = x.shape;
    const [, rows, columns] = shape;
    const {stride, before, kernel} = geometry(attributes, x.shape, shape, attributes.kernel);
    const y = new Float32Array(count(shape));
    for (let row = 0; row < rows; ++row) {
      const top = row * stride[0] - before[0];
      for (let column = 0; column < columns; ++column) {
        const left = column * stride[1] - before[1];
        for (let c = 0; c < channels; ++c) {
          let value = start;
          let cells = 0;
          for (let i = Math.max(top, 0); i < Math.min(top + kernel[0], height); ++i) {
            for (let j = Math.max(left, 0); j < Math.min(left + kernel[1], width); ++j) {
              value = add(value, x.data[(i * width + j) * channels + c]);
              ++cells;
            }
          }
          y[(row * columns + column) * channels + c] = finish(value, cells);
        }
      }
    }
    return y;
  }

  const plus = (a, b) => a + b;
  const asItIs = (value) => value;

  function globalAveragePool(attributes, [x], shape) {
    const channels = last(shape);
    const sums = new Float64Array(channels);
    x.data.forEach((value, i) => { sums[i % channels] += value; });
    return Float32Array.from(sums, (sum) => sum * channels / x.data.length);
  }

  function matmul(attributes, [a, b], shape) {
    const [rows, columns] = shape.length === 2 ? shape : [1, shape[0]];
    const inner = attributes.transpose_a ? a.shape[0] : a.shape[1];
    const y = new Float32Array(rows * columns);
    for (let i = 0; i < rows; ++i) {
      for (let j = 0; j < columns; ++j) {
        let sum = 0;
        for (let k = 0; k < inner; ++k) {
          const left = attributes.transpose_a ? k * rows + i : i * inner + k;
          const right = attributes.transpose_b ? j * inner + k : k * columns + j;
          sum += a.data[left] * b.data[right];
        }
        y[i * columns + j] = sum;
      }
    }
    return y;
  }

  /// gamma (x - mean) / sqrt(variance + epsilon) + beta, with the running statistics.
  function batchNorm(attributes, [x, gamma, beta, mean, variance]) {
    const channels = gamma.data.length;
    return x.data.map((value, i) => {
      const c = i % channels;
      return gamma.data[c] * (value - mean.data[c]) /
                 Math.sqrt(variance.data[c] + attributes.epsilon) + beta.data[c];
    });
  }

  /// Abramowitz, Stegun 7.1.26: within 1.5e-7.
  function erf(x) {
    const t = 1 / (1 + 0.3275911 * Math.abs(x));
    const polynomial = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 +
        t * (-1.453152027 + t * 1.061405429))));
    return Math.sign(x) * (1 - polynomial * Math.exp(-x * x));
  }

  const elu = (x, alpha) => x > 0 ? x : alpha * Math.expm1(x);
  const sigmoid = (x) => 1 / (1 + Math.exp(-x));
  const activations = {
    identity: asItIs,
    relu: (x) => Math.max(x, 0),
    leaky_relu: (x, alpha) => x > 0 ? x : alpha * x,
    elu,
    sigmoid,
    tanh: Math.tanh,
    gelu: (x) => x * (1 + erf(x * Math.SQRT1_2)) / 2,
    silu: (x) => x * sigmoid(x),
    step: (x) => x > 0 ? 1 : 0,
    selu: (x) => 1.0507009873554805 * elu(x, 1.6732632423543772),
    softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
    hard_swish: (x) => x * Math.min(Math.max(x + 3, 0), 6) / 6,
  };

  function activate(attributes, [x]) {
    const {kind, alpha} = attributes.activation;
    const f = activations[kind];
    return x.data.map((value) => f(value, alpha));
  }

  function softmax(attributes, [x], shape) {
    const classes = last(shape);
    const y = new Float32Array(x.data.length);
    for (let first = 0; first < y.length; first += classes) {
      const row = x.data.subarray(first, first + classes);
      const largest = row.reduce((a, b) => Math.max(a, b), -Infinity);
      const exponentials = Array.from(row, (value) => Math.exp(value - largest));
      const sum = exponentials.reduce(plus, 0);
      exponentials.forEach((value, i) => { y[first + i] = value / sum; });
    }
    return y;
  }

  function rescale(attributes, [x]) {
    const {scale, offset} = attributes;
    return x.data.map((value, i) => value * scale[i % scale.length] + offset[i % offset.length]);
  }

  /// Copies cells of `from` to `to` along one axis; before and after it, everything.
  function copyAlong(axis, from, fromStart, to, toStart, size) {
    const outer = count(from.shape.slice(0, axis));
    const inner = count(from.shape.slice(axis + 1));
    for (let o = 0; o < outer; ++o) {
      const source = (o * from.shape[axis] + fromStart) * inner;
      const target = (o * to.shape[axis] + toStart) * inner;
      to.data.set(from.data.subarray(source, source + size * inner), target);
    }
  }

  function concat(attributes, inputs, shape) {
    const y = {shape, data: new Float32Array(count(shape))};
    let start = 0;
    for (const x of inputs) {
      copyAlong(attributes.axis, x, 0, y, start, x.shape[attributes.axis]);
      start += x.shape[attributes.axis];
    }
    return y.data;
  }

  function slice(attributes, [x], shape) {
    const y = {shape, data: new Float32Array(count(shape))};
    copyAlong(attributes.axis, x, attributes.begin, y, 0, attributes.size);
    return y.data;
  }

  function pad(attributes, [x], shape) {
    const y = {shape, data: new Float32Array(count(shape))};
    copyAlong(attributes.axis, x, 0, y, attributes.before, x.shape[attributes.axis]);
    return y.data;
  }

  function transpose(attributes, [x], shape) {
    const strides = x.shape.map((_, axis) => count(x.shape.slice(axis + 1)));
    const y = new Float32Array(x.data.length);
    for (let i = 0; i < y.length; ++i) {
      let rest = i;
      let from = 0;
      for (let axis = shape.length - 1; axis >= 0; --axis) {
        from += (rest % shape[axis]) * strides[attributes.order[axis]];
        rest = Math.floor(rest / shape[axis]);
      }
      y[i] = x.data[from];
    }
    return y;
  }

  const ops = {
    activate, concat, conv2d, matmul, pad, rescale, slice, softmax, transpose,
    add: (attributes, [a, b]) => a.data.map((value, i) => value + b.data[i]),
    add_bias: (attributes, [x, b]) => x.data.map((value, i) => value + b.data[i % b.data.length]),
    multiply: (attributes, [a, b]) => a.data.map((value, i) => value * b.data[i]),
    scale: (attributes, [x]) => x.data.map((value) => value * attributes.factor),
    cast: (attributes, [x]) => x.data,
    reshape: (attributes, [x]) => x.data,
    dropout: (attributes, [x]) => x.data,
    batch_norm: batchNorm,
    batch_norm_inference: batchNorm,
    max_pool2d: (attributes, [x], shape) =>
        pool(attributes, x, shape, -Infinity, Math.max, asItIs),
    min_pool2d: (attributes, [x], shape) => pool(attributes, x, shape, Infinity, Math.min, asItIs),
    avg_pool2d: (attributes, [x], shape) =>
        pool(attributes, x, shape, 0, plus, (sum, cells) => sum / cells),
    global_avg_pool: globalAveragePool,
    constant: (attributes, inputs, shape) => new Float32Array(count(shape)).fill(attributes.value),
  };

  /// All values of the network, by their numbers, for a batch of one. `tensors` are parameters by
  /// path, `inputs` one Float32Array for each of the network's inputs.
  function run(network, tensors, inputs) {
    const values = [];
    inputs.forEach((data, i) => { values[i] = {shape: network.shapes[i], data}; });
    for (const op of network.ops) {
      const shape = network.shapes[op.output];
      const stored = tensors[op.path];
      const data = op.op === "parameter" || op.op === "state" ?
          stored && stored.data :
          ops[op.op](op.attributes, op.inputs.map((value) => values[value]), shape);
      values[op.output] = {shape, data};
    }
    return values;
  }

  // ---- What a unit reads ----

  /// A part of a value: half-open ranges of rows, columns and channels; a value without rows and
  /// columns has one of each.
  function whole(shape) {
    const [height, width] = shape.length === 4 ? [shape[1], shape[2]] : [1, 1];
    return {y: [0, height], x: [0, width], c: [0, last(shape)]};
  }

  /// The rows or columns that windows at outputs [from, to) cover.
  function covered([from, to], place, axis, size) {
    const start = from * place.stride[axis] - place.before[axis];
    const end = (to - 1) * place.stride[axis] - place.before[axis] +
        (place.kernel[axis] - 1) * place.dilation[axis] + 1;
    return [Math.max(start, 0), Math.min(end, size)];
  }

  function throughWindow(place, box, shape, channels) {
    return {y: covered(box.y, place, 0, shape[1]), x: covered(box.x, place, 1, shape[2]),
      c: channels};
  }

  /// One unit of a flat value in the picture that it was made of; of more units, all.
  function unflatten(box, from, to) {
    if (count(from) === count(to) && from.length === 4 && to.length === 2 &&
        box.c[1] - box.c[0] === 1) {
      const cell = Math.floor(box.c[0] / from[3]);
      const y = Math.floor(cell / from[2]);
      return {y: [y, y + 1], x: [cell % from[2], cell % from[2] + 1],
        c: [box.c[0] % from[3], box.c[0] % from[3] + 1]};
    }
    return from.length === to.length ? box : whole(from);
  }

  function shifted(box, op, shape, by) {
    const axis = shape.length === 4 ? ["", "y", "x", "c"][op.attributes.axis] : "c";
    const size = shape[op.attributes.axis];
    const clip = (cell) => Math.min(Math.max(cell + by, 0), size);
    return Object.assign({}, box, {[axis]: box[axis].map(clip)});
  }

  /// The part of an op's input that a part of its output is computed from.
  function sourceBox(network, op, input, box) {
    const from = network.shapes[op.inputs[input]];
    const to = network.shapes[op.output];
    switch (op.op) {
      case "conv2d": {
        const weights = network.shapes[op.inputs[1]];
        const place = geometry(op.attributes, from, to, weights.slice(1, 3));
        const depth = weights[3];
        const perGroup = weights[0] / op.attributes.groups;
        const channels = [Math.floor(box.c[0] / perGroup) * depth,
          (Math.floor((box.c[1] - 1) / perGroup) + 1) * depth];
        return throughWindow(place, box, from, channels);
      }
      case "max_pool2d": case "min_pool2d": case "avg_pool2d":
        return throughWindow(geometry(op.attributes, from, to, op.attributes.kernel), box, from,
            box.c);
      case "global_avg_pool": return Object.assign(whole(from), {c: box.c});
      case "reshape": return unflatten(box, from, to);
      case "concat": {
        const before = op.inputs.slice(0, input)
            .reduce((sum, value) => sum + network.shapes[value][op.attributes.axis], 0);
        return shifted(box, op, from, -before);
      }
      case "slice": return shifted(box, op, from, op.attributes.begin);
      case "pad": return shifted(box, op, from, -op.attributes.before);
      case "softmax": return Object.assign({}, box, {c: [0, last(from)]});
      case "matmul": case "transpose": return whole(from);
      default:  // element by element
        return from.join() === to.join() ? box : whole(from);
    }
  }

  const isParameter = (op, input) => ({conv2d: 1, matmul: 1, add_bias: 1, batch_norm: 1,
    batch_norm_inference: 1, dropout: 1}[op.op] <= input);
  const isEmpty = (box) => [box.y, box.x, box.c].some(([from, to]) => from >= to);

  /// What a part of a value is computed from, among the values for which `stop` is true:
  /// [{value, box}].
  function reads(network, value, box, stop) {
    const op = network.producers[value];
    if (!op) return [];
    const found = [];
    op.inputs.forEach((source, input) => {
      if (isParameter(op, input)) return;
      const part = sourceBox(network, op, input, box);
      if (isEmpty(part)) return;
      if (stop(source)) {
        found.push({value: source, box: part});
      } else {
        found.push(...reads(network, source, part, stop));
      }
    });
    return found;
  }

  /// The matrix product behind a unit of a flat value, if there is one before the next value for
  /// which `stop` is true: what each number that it reads adds to it, {value, terms}.
  function terms(network, values, value, unit, stop) {
    let op = network.producers[value];
    const straight = ["add_bias", "activate", "softmax", "dropout", "cast", "batch_norm"];
    while (op && straight.includes(op.op) && !stop(op.inputs[0])) {
      op = network.producers[op.inputs[0]];
    }
    if (!op || op.op !== "matmul" || op.attributes.transpose_a || op.attributes.transpose_b) {
      return null;
    }
    const [x, w] = op.inputs.map((input) => values[input]);
    const columns = w.shape[1];
    const products = Float32Array.from(x.data, (number, i) => number * w.data[i * columns + unit]);
    return {value: op.inputs[0], terms: products};
  }

  return {decodeBytes, decodeFloats, run, reads, terms, whole, canCompute: (name) => name in ops};
})();

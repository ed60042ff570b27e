// The pad: a digit drawn with mouse or finger becomes a picture as MNIST's are.
"use strict";

const ViewPad = (() => {
  const kSide = 28;
  const kBox = 20;

  /// The rows and columns that have ink, {top, left, height, width}; null where there is none.
  function inkBox(ink, width, height) {
    let top = height, bottom = -1, left = width, right = -1;
    for (let y = 0; y < height; ++y) {
      for (let x = 0; x < width; ++x) {
        if (ink[y * width + x] < 0.1) continue;
        top = Math.min(top, y);
        bottom = Math.max(bottom, y);
        left = Math.min(left, x);
        right = Math.max(right, x);
      }
    }
    if (bottom < 0) return null;
    return {top, left, height: bottom - top + 1, width: right - left + 1};
  }

  /// The mean of `ink` over the rectangle from (y0, x0) to (y1, x1), in cells and parts of cells.
  function meanOver(ink, width, height, y0, y1, x0, x1) {
    let sum = 0;
    for (let y = Math.max(Math.floor(y0), 0); y < Math.min(y1, height); ++y) {
      const rows = Math.min(y + 1, y1) - Math.max(y, y0);
      for (let x = Math.max(Math.floor(x0), 0); x < Math.min(x1, width); ++x) {
        sum += ink[y * width + x] * rows * (Math.min(x + 1, x1) - Math.max(x, x0));
      }
    }
    return sum / ((y1 - y0) * (x1 - x0));
  }

  /// Ink (0 to 1, width x height) as a 28 x 28 picture from 0 to 1, as MNIST's were made: scaled so
  /// that the longer side of what is drawn is 20 pixels, averaging, then moved by whole pixels so
  /// that its centre of mass is in the middle. An empty pad is black.
  function normalize(ink, width, height) {
    const picture = new Float32Array(kSide * kSide);
    const box = inkBox(ink, width, height);
    if (!box) return picture;
    const zoom = Math.max(box.height, box.width) / kBox;  // cells of ink per pixel
    const middle = {y: box.top + box.height / 2, x: box.left + box.width / 2};
    const at = (row, column) => {
      const y = middle.y + (row - kSide / 2) * zoom;
      const x = middle.x + (column - kSide / 2) * zoom;
      return meanOver(ink, width, height, y, y + zoom, x, x + zoom);
    };
    let mass = 0, down = 0, right = 0;
    for (let i = 0; i < picture.length; ++i) {
      const row = Math.floor(i / kSide), column = i % kSide;
      picture[i] = at(row, column);
      mass += picture[i];
      down += picture[i] * (row + 0.5 - kSide / 2);
      right += picture[i] * (column + 0.5 - kSide / 2);
    }
    if (mass === 0) return picture;
    const moveDown = Math.round(down / mass), moveRight = Math.round(right / mass);
    return picture.map((_, i) => at(Math.floor(i / kSide) + moveDown, i % kSide + moveRight));
  }

  /// Makes a canvas a pad. `changed(picture)` is called as one draws, at most once per frame, with
  /// the normalized picture; returns {clear}.
  function attach(canvas, changed) {
    const context = canvas.getContext("2d", {willReadFrequently: true});
    const side = canvas.width;
    let from = null;
    let announced = false;

    function announce() {
      if (announced) return;
      announced = true;
      requestAnimationFrame(() => {
        announced = false;
        const pixels = context.getImageData(0, 0, side, side).data;
        const ink = Float32Array.from({length: side * side}, (_, i) => pixels[4 * i] / 255);
        changed(normalize(ink, side, side));
      });
    }

    function clear() {
      context.fillStyle = "#000";
      context.fillRect(0, 0, side, side);
      announce();
    }

    function place(event) {
      const box = canvas.getBoundingClientRect();
      return [(event.clientX - box.left) * side / box.width,
        (event.clientY - box.top) * side / box.height];
    }

    function line(to) {
      context.strokeStyle = "#fff";
      context.lineWidth = side / 10;
      context.lineCap = context.lineJoin = "round";
      context.beginPath();
      context.moveTo(...from);
      context.lineTo(...to);
      context.stroke();
      from = to;
      announce();
    }

    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      from = place(event);
      line(from);
      event.preventDefault();
    });
    canvas.addEventListener("pointermove", (event) => { if (from) line(place(event)); });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => { from = null; });
    }
    context.fillStyle = "#000";
    context.fillRect(0, 0, side, side);
    return {clear};
  }

  return {attach, normalize};
})();

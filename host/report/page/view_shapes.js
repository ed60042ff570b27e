// A layer in space: a stack of maps, or columns of units. Either is a three.js mesh that can be
// opened, painted with values and asked what lies where.
"use strict";

const ViewShapes = (() => {
  const kTile = 64;  // pixels a side of a map's texture, at most
  const kSpread = 1.12;  // from one open map to the next, in maps

  /// A float attribute of a geometry, with its array.
  function addAttribute(geometry, name, numbers, each) {
    const array = new Float32Array(numbers);
    geometry.setAttribute(name, new THREE.BufferAttribute(array, each));
    return array;
  }

  function positionsChanged(geometry) {
    geometry.attributes.position.needsUpdate = true;
    geometry.computeBoundingSphere();
  }

  /// One mesh of planes, whose pictures are tiles of one texture.
  class MapStack {
    constructor(group) {
      this.group = group;
      const {planes, height, width} = group.maps;
      const columns = Math.ceil(Math.sqrt(planes));
      this.tile = {w: Math.min(width, kTile), h: Math.min(height, kTile), columns,
        rows: Math.ceil(planes / columns)};
      const [w, h] = group.size;
      this.gridColumns = Math.ceil(Math.sqrt(planes * h / w * 1.3));
      this.gridRows = Math.ceil(planes / this.gridColumns);
      this.openSize = [this.gridColumns * w * kSpread, this.gridRows * h * kSpread];
      this.makeTexture();
      this.makePlanes(planes);
      this.frames = new THREE.BufferGeometry();
      this.framePositions = addAttribute(this.frames, "position", 24 * planes, 3);
      const frame = new THREE.LineSegments(this.frames, new THREE.LineBasicMaterial(
          {color: ViewColors.ofKind(group.kind), transparent: true}));
      this.parts = [this.mesh, frame];
    }

    makeTexture() {
      const {w, h, columns, rows} = this.tile;
      this.pixels = new Uint8Array(4 * w * columns * h * rows);
      this.texture = new THREE.DataTexture(this.pixels, w * columns, h * rows, THREE.RGBAFormat);
      this.texture.magFilter = this.texture.minFilter = THREE.NearestFilter;
      this.texture.generateMipmaps = false;
    }

    makePlanes(planes) {
      const {columns, rows} = this.tile;
      const geometry = new THREE.BufferGeometry();
      this.positions = addAttribute(geometry, "position", 12 * planes, 3);
      const uvs = addAttribute(geometry, "uv", 8 * planes, 2);
      const faces = [];
      for (let i = 0; i < planes; ++i) {
        const u = (i % columns) / columns, v = Math.floor(i / columns) / rows;
        const right = u + 1 / columns, bottom = v + 1 / rows;  // row 0 of the texture is a map's top
        uvs.set([u, v, right, v, right, bottom, u, bottom], 8 * i);
        faces.push(4 * i, 4 * i + 2, 4 * i + 1, 4 * i, 4 * i + 3, 4 * i + 2);
      }
      geometry.setIndex(faces);
      this.mesh = new THREE.Mesh(geometry, new THREE.MeshBasicMaterial(
          {map: this.texture, side: THREE.DoubleSide, transparent: true}));
    }

    /// The middle of a plane, between the stack (0) and the open grid (1).
    centre(i, open) {
      const {size, gap, openZ} = this.group;
      const column = i % this.gridColumns, row = Math.floor(i / this.gridColumns);
      return [open * (column - (this.gridColumns - 1) / 2) * size[0] * kSpread,
        open * ((this.gridRows - 1) / 2 - row) * size[1] * kSpread,
        -(1 - open) * i * gap + open * openZ];
    }

    setOpen(open) {
      const [w, h] = this.group.size;
      for (let i = 0; i < this.group.maps.planes; ++i) {
        const [x, y, z] = this.centre(i, open);
        const l = x - w / 2, r = x + w / 2, b = y - h / 2, t = y + h / 2, f = z + 0.004;
        this.positions.set([l, t, z, r, t, z, r, b, z, l, b, z], 12 * i);
        this.framePositions.set(
            [l, t, f, r, t, f, r, t, f, r, b, f, r, b, f, l, b, f, l, b, f, l, t, f], 24 * i);
      }
      positionsChanged(this.mesh.geometry);
      positionsChanged(this.frames);
      this.group.open = open;
    }

    /// Shows values, which may be smaller than the maps; a network's input in its own colours.
    paint(value, white) {
      const {maps, isInput} = this.group;
      const [rows, columns] = value.shape.length >= 3 ? value.shape.slice(1, 3) :
        [maps.height, maps.width];
      const depth = value.shape.length === 4 ? value.shape[3] : 1;
      const {table} = ViewColors.current();
      const largest = ViewColors.largestOf(value.data);
      const asPicture = isInput && (maps.channels === 1 || maps.channels === 3);
      const color = (cell, plane, c) => asPicture ?
        255 * Math.max(0, Math.min(1, value.data[cell + (maps.color ? c : plane)] / white)) :
        table[ViewColors.index(value.data[cell + plane], largest) + c];
      const {w, h} = this.tile;
      for (let plane = 0; plane < maps.planes; ++plane) {
        const left = (plane % this.tile.columns) * w;
        const top = Math.floor(plane / this.tile.columns) * h;
        for (let y = 0; y < h; ++y) {
          const from = Math.floor((y + 0.5) * rows / h) * columns;
          for (let x = 0; x < w; ++x) {
            const cell = (from + Math.floor((x + 0.5) * columns / w)) * depth;
            const to = 4 * ((top + y) * w * this.tile.columns + left + x);
            for (let c = 0; c < 3; ++c) this.pixels[to + c] = color(cell, plane, c);
            this.pixels[to + 3] = 255;
          }
        }
      }
      this.texture.needsUpdate = true;
    }

    /// The cell {c, y, x} under a ray's hit.
    locate(hit) {
      const {height, width} = this.group.maps;
      const plane = Math.floor(hit.faceIndex / 2);
      const column = hit.uv.x * this.tile.columns - plane % this.tile.columns;
      const row = hit.uv.y * this.tile.rows - Math.floor(plane / this.tile.columns);
      const clip = (cell, size) => Math.max(0, Math.min(size - 1, Math.floor(cell * size)));
      return {c: plane, y: clip(row, height), x: clip(column, width)};
    }

    /// Where the corner of a cell lies in the layer's space.
    corner(c, y, x) {
      const {planes, height, width} = this.group.maps;
      const [w, h] = this.group.size;
      const [cx, cy, cz] = this.centre(Math.min(c, planes - 1), this.group.open);
      return new THREE.Vector3(cx + (x / width - 0.5) * w, cy + (0.5 - y / height) * h, cz + 0.02);
    }

    setOpacity(opacity) {
      this.parts[0].material.opacity = opacity;
      this.parts[1].material.opacity = opacity * ViewColors.current().frame;
    }
  }

  // ---- Units ----

  /// Faces of a box: the axis they look along, in which direction, how bright they are.
  const kFaces = [[2, 1, 1], [2, -1, 0.6], [1, 1, 0.9], [1, -1, 0.5], [0, 1, 0.72], [0, -1, 0.78]];

  /// The corners of a box's face, as signs.
  function faceCorners([axis, sign]) {
    const around = [[-1, -1], [1, -1], [1, 1], [-1, 1]];
    return (sign > 0 ? around : around.reverse()).map(([s, t]) => {
      const point = [0, 0, 0];
      point[axis] = sign;
      point[(axis + 1) % 3] = s;
      point[(axis + 2) % 3] = t;
      return point;
    });
  }
  const kCorners = kFaces.map(faceCorners);

  /// One mesh of boxes, a column behind the other.
  class UnitColumns {
    constructor(group) {
      this.group = group;
      const {n, rows, columns, pitch} = group.cells;
      this.openSize = [columns * pitch, rows * pitch];
      const geometry = new THREE.BufferGeometry();
      this.positions = addAttribute(geometry, "position", 72 * n, 3);
      this.colors = addAttribute(geometry, "color", 72 * n, 3);
      const faces = [];
      for (let i = 0; i < 6 * n; ++i) {
        faces.push(4 * i, 4 * i + 1, 4 * i + 2, 4 * i, 4 * i + 2, 4 * i + 3);
      }
      geometry.setIndex(faces);
      this.mesh = new THREE.Mesh(geometry, new THREE.MeshBasicMaterial(
          {vertexColors: THREE.VertexColors, transparent: true}));
      this.parts = [this.mesh];
    }

    /// The middle of a box, between columns one behind the other (0) and side by side (1).
    centre(i, open) {
      const {rows, columns, pitch} = this.group.cells;
      const column = Math.floor(i / rows), row = i % rows;
      return [open * (column - (columns - 1) / 2) * pitch, ((rows - 1) / 2 - row) * pitch,
        -(1 - open) * (column + 0.5) * pitch + open * this.group.openZ];
    }

    setOpen(open) {
      const half = this.group.cells.pitch * 0.42;
      let at = 0;
      for (let i = 0; i < this.group.cells.n; ++i) {
        const middle = this.centre(i, open);
        for (const point of [].concat(...kCorners)) {
          for (const axis of [0, 1, 2]) this.positions[at++] = middle[axis] + half * point[axis];
        }
      }
      positionsChanged(this.mesh.geometry);
      this.group.open = open;
    }

    paint(value) {
      const {table} = ViewColors.current();
      const largest = ViewColors.largestOf(value.data);
      let at = 0;
      for (let i = 0; i < this.group.cells.n; ++i) {
        const color = ViewColors.index(value.data[i], largest);
        for (const [, , light] of kFaces) {
          for (let k = 0; k < 12; ++k) {
            this.colors[at++] = (table[color + k % 3] / 255 + 0.06) * (0.5 + 0.5 * light);
          }
        }
      }
      this.mesh.geometry.attributes.color.needsUpdate = true;
    }

    locate(hit) {
      return {c: Math.floor(hit.faceIndex / 12), y: 0, x: 0};
    }

    corner(c) {
      return new THREE.Vector3(
          ...this.centre(Math.min(c, this.group.cells.n - 1), this.group.open));
    }

    setOpacity(opacity) {
      this.mesh.material.opacity = opacity;
    }
  }

  // ---- Links ----

  /// The way of a link: straight to the next layer, in front of what it passes over, and to another
  /// row through the lane between.
  function wayOf(from, to, start, end) {
    const at = (point, x, y, z) => point.clone().add(new THREE.Vector3(x, y, z));
    if (from.row !== to.row) {
      const lane = to.centre[1] + to.rowHeight / 2;
      const path = new THREE.CurvePath();
      const points = [start, at(start, 0.7, 0, 0), new THREE.Vector3(start.x + 0.7, lane, start.z),
        new THREE.Vector3(end.x - 0.7, lane, end.z), at(end, -0.7, 0, 0), end];
      for (let i = 1; i < points.length; ++i) {
        path.add(new THREE.LineCurve3(points[i - 1], points[i]));
      }
      return {curve: path, steps: 96};
    }
    if (to.index - from.index === 1) return {curve: new THREE.LineCurve3(start, end), steps: 1};
    const out = 2 + 0.5 * (to.index - from.index);
    return {steps: 32, curve: new THREE.CubicBezierCurve3(start, at(start, 1, -1.5, out),
        at(end, -1, -1.5, out), end)};
  }

  /// A tube from one layer to another that reads it.
  function link(from, to, radius) {
    const side = (group, sign) => new THREE.Vector3(group.centre[0] + sign * group.size[0] / 2,
        group.centre[1], group.centre[2] - group.size[2] / 2);
    const {curve, steps} = wayOf(from, to, side(from, 1), side(to, -1));
    return new THREE.Mesh(new THREE.TubeBufferGeometry(curve, steps, radius, 6),
        new THREE.MeshBasicMaterial({transparent: true}));
  }

  return {of: (group) => group.maps ? new MapStack(group) : new UnitColumns(group), link};
})();

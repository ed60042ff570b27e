// The network in space, with three.js: stacks of maps, columns of units, links, labels.
"use strict";

const ViewScene = (() => {
  const kTile = 64;  // pixels a side of a map's texture, at most

  // ---- Stacks of maps: one mesh of planes, whose pictures share a texture ----

  function mapsOf(group) {
    const {planes, height, width, channels, color} = group.maps;
    const tile = {w: Math.min(width, kTile), h: Math.min(height, kTile),
      columns: Math.ceil(Math.sqrt(planes))};
    tile.rows = Math.ceil(planes / tile.columns);
    const textureWidth = tile.w * tile.columns, textureHeight = tile.h * tile.rows;
    const pixels = new Uint8Array(4 * textureWidth * textureHeight);
    const texture = new THREE.DataTexture(pixels, textureWidth, textureHeight, THREE.RGBAFormat);
    texture.magFilter = texture.minFilter = THREE.NearestFilter;
    texture.generateMipmaps = false;

    const geometry = new THREE.BufferGeometry();
    const positions = new Float32Array(12 * planes);
    const frames = new Float32Array(24 * planes);
    const uvs = new Float32Array(8 * planes);
    const faces = [];
    for (let i = 0; i < planes; ++i) {
      const u = (i % tile.columns) / tile.columns, v = Math.floor(i / tile.columns) / tile.rows;
      const du = 1 / tile.columns, dv = 1 / tile.rows;
      uvs.set([u, v, u + du, v, u + du, v + dv, u, v + dv], 8 * i);  // texture row 0 is a map's top
      faces.push(4 * i, 4 * i + 2, 4 * i + 1, 4 * i, 4 * i + 3, 4 * i + 2);
    }
    geometry.setAttribute("position", new THREE.BufferAttribute(positions, 3));
    geometry.setAttribute("uv", new THREE.BufferAttribute(uvs, 2));
    geometry.setIndex(faces);
    const frameGeometry = new THREE.BufferGeometry();
    frameGeometry.setAttribute("position", new THREE.BufferAttribute(frames, 3));
    const mesh = new THREE.Mesh(geometry, new THREE.MeshBasicMaterial(
        {map: texture, side: THREE.DoubleSide, transparent: true}));
    const frame = new THREE.LineSegments(frameGeometry, new THREE.LineBasicMaterial(
        {color: ViewColors.ofKind(group.kind), transparent: true}));

    const [sizeX, sizeY] = group.size;
    const gridColumns = Math.ceil(Math.sqrt(planes * sizeY / sizeX * 1.3));
    const gridRows = Math.ceil(planes / gridColumns);

    /// The middle of a plane, between the stack (0) and the open grid (1).
    function centre(i, open) {
      const column = i % gridColumns, row = Math.floor(i / gridColumns);
      return [open * (column - (gridColumns - 1) / 2) * sizeX * 1.12,
        open * ((gridRows - 1) / 2 - row) * sizeY * 1.12,
        -(1 - open) * i * group.gap + open * group.openZ];
    }

    function setOpen(open) {
      for (let i = 0; i < planes; ++i) {
        const [x, y, z] = centre(i, open);
        const l = x - sizeX / 2, r = x + sizeX / 2, b = y - sizeY / 2, t = y + sizeY / 2;
        positions.set([l, t, z, r, t, z, r, b, z, l, b, z], 12 * i);
        const f = z + 0.004;
        frames.set([l, t, f, r, t, f, r, t, f, r, b, f, r, b, f, l, b, f, l, b, f, l, t, f], 24 * i);
      }
      for (const g of [geometry, frameGeometry]) {
        g.attributes.position.needsUpdate = true;
        g.computeBoundingSphere();
      }
      group.open = open;
    }

    function paint(value, white) {
      const theme = ViewColors.current();
      const largest = ViewColors.largestOf(value.data);
      const shape = value.shape;  // of what is stored, which may be smaller
      const [rows, columns] = shape.length >= 3 ? [shape[1], shape[2]] : [height, width];
      const depth = shape.length === 4 ? shape[3] : 1;
      for (let i = 0; i < planes; ++i) {
        const left = (i % tile.columns) * tile.w, top = Math.floor(i / tile.columns) * tile.h;
        for (let y = 0; y < tile.h; ++y) {
          const from = Math.floor((y + 0.5) * rows / tile.h) * columns;
          for (let x = 0; x < tile.w; ++x) {
            const cell = (from + Math.floor((x + 0.5) * columns / tile.w)) * depth;
            const to = 4 * ((top + y) * textureWidth + left + x);
            for (let c = 0; c < 3; ++c) {
              pixels[to + c] = group.isInput && channels !== 2 && channels <= 3 ?
                  255 * Math.max(0, Math.min(1, value.data[cell + (color ? c : i)] / white)) :
                  theme.table[ViewColors.index(value.data[cell + i], largest) + c];
            }
            pixels[to + 3] = 255;
          }
        }
      }
      texture.needsUpdate = true;
    }

    /// The cell {c, y, x} under a ray's hit.
    function locate(hit) {
      const plane = Math.floor(hit.faceIndex / 2);
      const column = hit.uv.x * tile.columns - plane % tile.columns;
      const row = hit.uv.y * tile.rows - Math.floor(plane / tile.columns);
      const clip = (cell, size) => Math.max(0, Math.min(size - 1, Math.floor(cell * size)));
      return {c: plane, y: clip(row, height), x: clip(column, width)};
    }

    /// Where a corner of a cell lies in the group's space.
    function corner(c, y, x) {
      const [cx, cy, cz] = centre(Math.min(c, planes - 1), group.open);
      return new THREE.Vector3(cx + (x / width - 0.5) * sizeX, cy + (0.5 - y / height) * sizeY,
          cz + 0.02);
    }

    function setOpacity(opacity) {
      mesh.material.opacity = opacity;
      frame.material.opacity = opacity * ViewColors.current().frame;
    }

    const openSize = [gridColumns * sizeX * 1.12, gridRows * sizeY * 1.12];
    return {mesh, parts: [mesh, frame], setOpen, paint, locate, corner, setOpacity, openSize};
  }

  // ---- Columns of units: one mesh of boxes ----

  const kFaces = [  // normal axis and sign, and how bright a face is
    [2, 1, 1], [2, -1, 0.6], [1, 1, 0.9], [1, -1, 0.5], [0, 1, 0.72], [0, -1, 0.78]];

  /// The corners of a box's face, as signs.
  function faceCorners([axis, sign]) {
    const [a, b] = [(axis + 1) % 3, (axis + 2) % 3];
    const around = [[-1, -1], [1, -1], [1, 1], [-1, 1]];
    return (sign > 0 ? around : around.reverse()).map(([s, t]) => {
      const point = [0, 0, 0];
      point[axis] = sign;
      point[a] = s;
      point[b] = t;
      return point;
    });
  }

  function cellsOf(group) {
    const {n, rows, columns, pitch} = group.cells;
    const half = pitch * 0.42;
    const positions = new Float32Array(72 * n);
    const colors = new Float32Array(72 * n);
    const faces = [];
    for (let i = 0; i < 6 * n; ++i) {
      faces.push(4 * i, 4 * i + 1, 4 * i + 2, 4 * i, 4 * i + 2, 4 * i + 3);
    }
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute("position", new THREE.BufferAttribute(positions, 3));
    geometry.setAttribute("color", new THREE.BufferAttribute(colors, 3));
    geometry.setIndex(faces);
    const mesh = new THREE.Mesh(geometry, new THREE.MeshBasicMaterial(
        {vertexColors: THREE.VertexColors, transparent: true}));
    const corners = kFaces.map(faceCorners);

    function centre(i, open) {
      const column = Math.floor(i / rows), row = i % rows;
      return [open * (column - (columns - 1) / 2) * pitch, ((rows - 1) / 2 - row) * pitch,
        -(1 - open) * (column + 0.5) * pitch + open * group.openZ];
    }

    function setOpen(open) {
      let at = 0;
      for (let i = 0; i < n; ++i) {
        const middle = centre(i, open);
        for (const face of corners) {
          for (const point of face) {
            for (const axis of [0, 1, 2]) positions[at++] = middle[axis] + half * point[axis];
          }
        }
      }
      geometry.attributes.position.needsUpdate = true;
      geometry.computeBoundingSphere();
      group.open = open;
    }

    function paint(value) {
      const {table} = ViewColors.current();
      const largest = ViewColors.largestOf(value.data);
      let at = 0;
      for (let i = 0; i < n; ++i) {
        const from = ViewColors.index(value.data[i], largest);
        for (const [, , light] of kFaces) {
          for (let k = 0; k < 12; ++k) {
            const base = table[from + k % 3] / 255;
            colors[at++] = (base + 0.06) * (0.5 + 0.5 * light);
          }
        }
      }
      geometry.attributes.color.needsUpdate = true;
    }

    const locate = (hit) => ({c: Math.floor(hit.faceIndex / 12), y: 0, x: 0});
    const corner = (c) => new THREE.Vector3(...centre(Math.min(c, n - 1), group.open));
    const setOpacity = (opacity) => { mesh.material.opacity = opacity; };
    const openSize = [columns * pitch, rows * pitch];
    return {mesh, parts: [mesh], setOpen, paint, locate, corner, setOpacity, openSize};
  }

  // ---- The whole ----

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

  function linkOf(from, to) {
    const side = (group, sign) => new THREE.Vector3(group.centre[0] + sign * group.size[0] / 2,
        group.centre[1], group.centre[2] - group.size[2] / 2);
    const {curve, steps} = wayOf(from, to, side(from, 1), side(to, -1));
    const geometry = new THREE.TubeBufferGeometry(curve, steps, 0.04, 6);
    return new THREE.Mesh(geometry, new THREE.MeshBasicMaterial({transparent: true}));
  }

  /// A label over the picture, below a group: its name, of which the last two parts must do.
  function labelOf(group, host) {
    const element = document.createElement("div");
    element.className = "label";
    const name = group.name.split(".").slice(-2).join(".");
    element.append(Object.assign(document.createElement("b"), {textContent: name}),
        document.createTextNode(ViewLayout.shapeText(group.shape)));
    element.style.setProperty("--kind", ViewColors.css(ViewColors.ofKind(group.kind)));
    host.append(element);
    const anchor = () => {
      const down = group.open > 0.5 ? group.look.openSize[1] / 2 : group.size[1] / 2;
      const [x, y, z] = group.centre;
      return new THREE.Vector3(x, y - down - 0.25, z + group.open * group.openZ);
    };
    return {element, group, anchor, align: 0.5};
  }

  /// The label of one unit, to the right of it.
  function unitLabelOf(group, unit, name, host) {
    const element = document.createElement("div");
    element.className = "unit-label";
    element.textContent = name;
    host.append(element);
    const anchor = () => group.look.corner(unit).add(group.space.position)
        .add(new THREE.Vector3(group.cells.pitch * 0.8, group.cells.pitch * 0.45, 0));
    return {element, group, anchor, align: 0};
  }

  /// Of labels that would cover each other, the later one goes.
  function placeLabels(labels, camera, stage, first, alone) {
    const taken = [];
    const ordered = labels.slice().sort((a, b) => (b.group === first) - (a.group === first));
    for (const label of ordered) {
      const {group, element} = label;
      const point = label.anchor().project(camera);
      label.size = label.size || [element.offsetWidth, element.offsetHeight];
      const [w, h] = label.size;
      const left = (point.x + 1) / 2 * stage.clientWidth - label.align * w;
      const top = (1 - point.y) / 2 * stage.clientHeight;
      const box = [left, top, left + w, top + h];
      const hidden = point.z > 1 || (alone && group !== alone) || taken.some((other) => box[0] < other[2] && other[0] < box[2] &&
          box[1] < other[3] && other[1] < box[3]);
      element.style.visibility = hidden ? "hidden" : "visible";
      if (hidden) continue;
      taken.push(box);
      element.style.transform = `translate(${left}px, ${top}px)`;
    }
  }

  /// A WebGL context of the canvas, or null. three.js would write its lack into the console.
  function contextOf(canvas) {
    const options = {alpha: true, antialias: true, preserveDrawingBuffer: true};
    return canvas.getContext("webgl2", options) || canvas.getContext("webgl", options);
  }

  /// The scene on a canvas; `labelHost` is an element that covers it. Drawn on demand. `actions` has
  /// pointed(group, cell, event) and chosen(group); null means none.
  function create(canvas, labelHost, context, actions) {
    const renderer = new THREE.WebGLRenderer({canvas, context, antialias: true, alpha: true});
    const scene = new THREE.Scene();
    const camera = new THREE.PerspectiveCamera(32, 1, 0.1, 1000);
    const raycaster = new THREE.Raycaster();
    const related = new THREE.Group();
    scene.add(related);
    let groups = [], labels = [], links = [];
    let opened = null, hovered = null;
    let dirty = true, before = 0, waiting = false;

    const orbit = ViewCamera.orbit(camera, canvas, invalidate, (event) => {
      const hit = pick(event);
      actions.chosen(hit ? hit.group : null);
    });

    function invalidate() {
      dirty = true;
      if (waiting) return;
      waiting = true;
      before = performance.now();
      requestAnimationFrame(frame);
    }

    /// Moves layers towards open or closed; true while one moves.
    function moveLayers(seconds) {
      let moving = false;
      for (const group of groups) {
        const goal = group === opened ? 1 : 0;
        const shown = opened && group !== opened ? 0.13 : 1;
        if (Math.abs(group.open - goal) > 1e-3) {
          const next = group.open + (goal - group.open) * (1 - Math.exp(-8 * seconds));
          group.look.setOpen(Math.abs(next - goal) < 2e-3 ? goal : next);
          moving = true;
        }
        if (Math.abs(group.opacity - shown) > 1e-2) {
          group.opacity += (shown - group.opacity) * (1 - Math.exp(-8 * seconds));
          moving = true;
        } else {
          group.opacity = shown;
        }
        group.look.setOpacity(group.opacity);
      }
      for (const link of links) link.material.opacity = opened ? 0.1 : 0.55;
      return moving;
    }

    function frame(time) {
      waiting = false;
      const seconds = Math.min(Math.max(time - before, 1), 50) / 1000;
      const gliding = orbit.step(seconds);
      const moving = moveLayers(seconds);
      if (!dirty && !gliding && !moving) return;
      dirty = false;
      renderer.render(scene, camera);
      placeLabels(labels, camera, canvas, hovered, opened);
      if (gliding || moving) invalidate();
    }

    function clear() {
      for (const child of scene.children.slice()) {
        if (child === related) continue;
        scene.remove(child);
        child.traverse((part) => {
          if (!part.geometry) return;
          part.geometry.dispose();
          if (part.material.map) part.material.map.dispose();
          part.material.dispose();
        });
      }
      labelHost.textContent = "";
      labels = [];
      links = [];
    }

    /// Shows these groups; units of the group `named` get names.
    function show(newGroups, aspect, named, names) {
      clear();
      groups = newGroups;
      opened = hovered = null;
      ViewLayout.arrange(groups, aspect);
      for (const group of groups) {
        group.openZ = 4;
        group.opacity = 1;
        group.look = group.maps ? mapsOf(group) : cellsOf(group);
        group.look.setOpen(0);
        group.space = new THREE.Group();
        group.space.position.set(...group.centre);
        group.look.parts.forEach((part) => group.space.add(part));
        group.look.mesh.userData.group = group;
        scene.add(group.space);
        labels.push(labelOf(group, labelHost));
        if (group === named && group.cells && group.cells.columns === 1) {
          for (let i = 0; i < group.cells.n; ++i) {
            labels.push(unitLabelOf(group, i, names[i] || `${i}`, labelHost));
          }
        }
        for (const source of group.sources) {
          const link = linkOf(source, group);
          links.push(link);
          scene.add(link);
        }
      }
      orbit.reset();
      setHome();
      recolor();
    }

    function setHome() {
      if (groups.length > 0) orbit.setHome([].concat(...groups.map(ViewLayout.corners)));
    }

    function recolor() {
      for (const link of links) link.material.color.setHex(ViewColors.current().link);
      invalidate();
    }

    function resize() {
      const {clientWidth, clientHeight} = canvas.parentElement;
      renderer.setPixelRatio(Math.min(window.devicePixelRatio, 2));
      renderer.setSize(clientWidth, clientHeight, false);
      camera.aspect = clientWidth / Math.max(clientHeight, 1);
      camera.updateProjectionMatrix();
      setHome();
      invalidate();
    }

    function pick(event) {
      const box = canvas.getBoundingClientRect();
      const point = new THREE.Vector2((event.clientX - box.left) / box.width * 2 - 1,
          1 - (event.clientY - box.top) / box.height * 2);
      raycaster.setFromCamera(point, camera);
      const candidates = opened ? [opened] : groups;
      const [hit] = raycaster.intersectObjects(candidates.map((group) => group.look.mesh));
      if (!hit) return null;
      const {group} = hit.object.userData;
      return {group, cell: group.look.locate(hit)};
    }

    canvas.addEventListener("pointermove", (event) => {
      if (orbit.busy()) return;
      const hit = pick(event);
      hovered = hit ? hit.group : null;
      actions.pointed(hit && hit.group, hit && hit.cell, event);
    });
    canvas.addEventListener("pointerleave", () => actions.pointed(null, null, null));

    /// Lines from a unit to what it reads: `parts` [{group, box}], `points` [{group, cell, weight}].
    function relate(group, cell, parts, points) {
      while (related.children.length > 0) {
        const line = related.children[0];
        related.remove(line);
        line.geometry.dispose();
        line.material.dispose();
      }
      if (group) {
        const corner = (of, c, y, x) => of.look.corner(c, y, x).add(of.space.position);
        const middle = group.maps ? corner(group, cell.c, cell.y + 0.5, cell.x + 0.5) :
            corner(group, cell.c);
        for (const part of parts) related.add(windowLines(part, middle, corner));
        for (const point of points) {
          const {c, y, x} = point.cell;
          const place = corner(point.group, c, y + 0.5, x + 0.5);
          const theme = ViewColors.current();
          const at = ViewColors.index(point.weight, 1);
          const color = (theme.table[at] << 16) | (theme.table[at + 1] << 8) | theme.table[at + 2];
          related.add(lines([middle, place], color, 0.3 + 0.7 * Math.abs(point.weight)));
        }
      }
      invalidate();
    }

    function lines(points, color, opacity) {
      const geometry = new THREE.BufferGeometry().setFromPoints(points);
      return new THREE.LineSegments(geometry, new THREE.LineBasicMaterial(
          {color, opacity, transparent: true, depthTest: false}));
    }

    /// The frame of a window on the first and last map that it covers, joined to the unit.
    function windowLines({group, box}, middle, corner) {
      const points = [];
      const maps = group.maps ? [box.c[0], box.c[1] - 1] : [];
      for (const map of new Set(maps.map((c) => Math.min(c, group.maps.planes - 1)))) {
        const around = [[box.y[0], box.x[0]], [box.y[0], box.x[1]], [box.y[1], box.x[1]],
          [box.y[1], box.x[0]]].map(([y, x]) => corner(group, map, y, x));
        around.forEach((point, i) => {
          points.push(point, around[(i + 1) % 4]);
          if (map === maps[0]) points.push(point, middle);
        });
      }
      return lines(points, ViewColors.current().line, 0.95);
    }

    function open(group) {
      opened = group;
      if (group) {
        const [x, y, z] = group.centre;
        const [w, h] = group.look.openSize;
        orbit.look(ViewLayout.corners({centre: [x, y, z + group.openZ], size: [w, h, 0]}));
      }
      relate(null);
      invalidate();
    }

    /// Where a cell is drawn, in pixels of the viewport.
    function screenPosition(group, cell) {
      const point = group.look.corner(cell.c, cell.y + 0.5, cell.x + 0.5)
          .add(group.space.position).project(camera);
      const box = canvas.getBoundingClientRect();
      return [box.left + (point.x + 1) / 2 * box.width, box.top + (1 - point.y) / 2 * box.height];
    }

    function paint(values, white) {
      for (const group of groups) {
        const value = values(group);
        if (value) group.look.paint(value, white);
      }
      invalidate();
    }

    resize();
    return {show, resize, paint, relate, open, recolor, screenPosition, key: orbit.key,
      reset: orbit.reset, isStill: () => !waiting};
  }

  return {contextOf, create};
})();

// The network in space, with three.js. Drawn on demand.
"use strict";

const ViewScene = (() => {
  const kOpening = 8;  // per second: how fast layers open

  /// A WebGL context of the canvas, or null. three.js would write its lack into the console.
  function contextOf(canvas) {
    const options = {alpha: true, antialias: true, preserveDrawingBuffer: true};
    return canvas.getContext("webgl2", options) || canvas.getContext("webgl", options);
  }

  function dispose(part) {
    if (!part.geometry) return;
    part.geometry.dispose();
    if (part.material.map) part.material.map.dispose();
    part.material.dispose();
  }

  function lines(points, color, opacity) {
    return new THREE.LineSegments(new THREE.BufferGeometry().setFromPoints(points),
        new THREE.LineBasicMaterial({color, opacity, transparent: true, depthTest: false}));
  }

  /// Where a group's cell has its corner.
  function cornerOf(group, c, y, x) {
    return group.look.corner(c, y, x).add(group.space.position);
  }

  /// The frame of a window on the first and last map that it covers, joined to a unit's middle.
  function windowLines({group, box}, middle) {
    const points = [];
    const maps = group.maps ? [box.c[0], box.c[1] - 1] : [];
    for (const map of new Set(maps.map((c) => Math.min(c, group.maps.planes - 1)))) {
      const around = [[0, 0], [0, 1], [1, 1], [1, 0]].map(([y, x]) =>
        cornerOf(group, map, box.y[y], box.x[x]));
      around.forEach((point, i) => {
        points.push(point, around[(i + 1) % 4]);
        if (map === maps[0]) points.push(point, middle);
      });
    }
    return lines(points, ViewColors.current().line, 0.95);
  }

  /// A line to one number that a unit reads, in the colour of what that adds to it.
  function termLine({group, cell, weight}, middle) {
    const {table} = ViewColors.current();
    const at = ViewColors.index(weight, 1);
    const color = (table[at] << 16) | (table[at + 1] << 8) | table[at + 2];
    return lines([middle, cornerOf(group, cell.c, cell.y + 0.5, cell.x + 0.5)], color,
        0.3 + 0.7 * Math.abs(weight));
  }

  class Scene {
    /// On a canvas; `labelHost` is an element that covers it. `actions` has pointed(group, cell,
    /// event) and chosen(group); null means none.
    constructor(canvas, labelHost, context, actions) {
      this.canvas = canvas;
      this.labelHost = labelHost;
      this.renderer = new THREE.WebGLRenderer({canvas, context, antialias: true, alpha: true});
      this.scene = new THREE.Scene();
      this.camera = new THREE.PerspectiveCamera(32, 1, 0.1, 1000);
      this.raycaster = new THREE.Raycaster();
      this.related = new THREE.Group();
      this.scene.add(this.related);
      this.groups = [];
      this.labels = [];
      this.links = [];
      this.opened = this.hovered = null;
      this.waiting = false;  // for a frame
      this.before = 0;       // when the last one was drawn
      this.orbit = new ViewCamera.Orbit(this.camera, canvas, () => this.invalidate(), (event) => {
        const hit = this.pick(event);
        actions.chosen(hit ? hit.group : null);
      });
      canvas.addEventListener("pointermove", (event) => {
        if (this.orbit.busy()) return;
        const hit = this.pick(event);
        this.hovered = hit && hit.group;
        actions.pointed(this.hovered, hit && hit.cell, event);
      });
      canvas.addEventListener("pointerleave", () => actions.pointed(null, null, null));
      this.resize();
    }

    // ---- Drawing ----

    invalidate() {
      if (this.waiting) return;
      this.waiting = true;
      this.before = performance.now();
      requestAnimationFrame((time) => this.frame(time));
    }

    frame(time) {
      this.waiting = false;
      const seconds = Math.min(Math.max(time - this.before, 1), 50) / 1000;
      const gliding = this.orbit.step(seconds);
      const moving = this.moveLayers(1 - Math.exp(-kOpening * seconds));
      this.renderer.render(this.scene, this.camera);
      ViewLabels.place(this.labels, this.camera, this.canvas, this.hovered, this.opened);
      if (gliding || moving) this.invalidate();
    }

    /// Moves layers a part of the way to open or closed; true while one moves.
    moveLayers(part) {
      let moving = false;
      for (const group of this.groups) {
        const goal = group === this.opened ? 1 : 0;
        if (group.open !== goal) {
          const next = group.open + (goal - group.open) * part;
          group.look.setOpen(Math.abs(next - goal) < 2e-3 ? goal : next);
          moving = true;
        }
        const shown = this.opened && group !== this.opened ? 0.13 : 1;
        if (group.opacity !== shown) {
          const next = group.opacity + (shown - group.opacity) * part;
          group.opacity = Math.abs(next - shown) < 1e-2 ? shown : next;
          moving = true;
        }
        group.look.setOpacity(group.opacity);
      }
      for (const link of this.links) link.material.opacity = this.opened ? 0.1 : 0.55;
      return moving;
    }

    resize() {
      const {clientWidth, clientHeight} = this.canvas.parentElement;
      this.renderer.setPixelRatio(Math.min(window.devicePixelRatio, 2));
      this.renderer.setSize(clientWidth, clientHeight, false);
      this.camera.aspect = clientWidth / Math.max(clientHeight, 1);
      this.camera.updateProjectionMatrix();
      this.setHome();
      this.invalidate();
    }

    recolor() {
      for (const link of this.links) link.material.color.setHex(ViewColors.current().link);
      this.invalidate();
    }

    /// `values(group)` gives {shape, data}, or nothing; a white pixel of the input is `white`.
    paint(values, white) {
      for (const group of this.groups) {
        const value = values(group);
        if (value) group.look.paint(value, white);
      }
      this.invalidate();
    }

    // ---- What is shown ----

    clear() {
      for (const child of this.scene.children.slice()) {
        if (child === this.related) continue;
        this.scene.remove(child);
        child.traverse(dispose);
      }
      this.labelHost.textContent = "";
      this.labels = [];
      this.links = [];
      this.opened = this.hovered = null;
    }

    /// Shows these groups; units of the group `named` get names.
    show(groups, aspect, named, names) {
      this.clear();
      this.groups = groups;
      ViewLayout.arrange(groups, aspect);
      const thickness = Math.min(0.05, 0.0018 * Math.max(...groups.map(({centre}) => centre[0])));
      for (const group of groups) {
        this.addGroup(group);
        if (group === named) this.nameUnits(group, names);
        for (const source of group.sources) {
          const link = ViewShapes.link(source, group, thickness);
          this.links.push(link);
          this.scene.add(link);
        }
      }
      this.labelHost.append(...this.labels.map(({element}) => element));
      this.orbit.reset();
      this.setHome();
      this.recolor();
    }

    addGroup(group) {
      group.openZ = 4;
      group.opacity = 1;
      group.look = ViewShapes.of(group);
      group.look.setOpen(0);
      group.look.mesh.userData.group = group;
      group.space = new THREE.Group();
      group.space.position.set(...group.centre);
      group.space.add(...group.look.parts);
      this.scene.add(group.space);
      this.labels.push(ViewLabels.ofGroup(group));
    }

    nameUnits(group, names) {
      if (!group.cells || group.cells.columns > 1) return;
      for (let i = 0; i < group.cells.n; ++i) {
        this.labels.push(ViewLabels.ofUnit(group, i, names[i] || `${i}`));
      }
    }

    setHome() {
      if (this.groups.length === 0) return;
      this.orbit.setHome([].concat(...this.groups.map(ViewLayout.corners)));
    }

    /// Opens a group; null closes.
    open(group) {
      this.opened = group;
      if (group) {
        const [x, y, z] = group.centre;
        const [w, h] = group.look.openSize;
        this.orbit.look(ViewLayout.corners({centre: [x, y, z + group.openZ], size: [w, h, 0]}));
      }
      this.relate(null);
    }

    // ---- Under the pointer ----

    /// {group, cell} under a pointer, or null; of an open group's alone.
    pick(event) {
      const box = this.canvas.getBoundingClientRect();
      const point = new THREE.Vector2((event.clientX - box.left) / box.width * 2 - 1,
          1 - (event.clientY - box.top) / box.height * 2);
      this.raycaster.setFromCamera(point, this.camera);
      const candidates = this.opened ? [this.opened] : this.groups;
      const [hit] = this.raycaster.intersectObjects(candidates.map((group) => group.look.mesh));
      if (!hit) return null;
      const {group} = hit.object.userData;
      return {group, cell: group.look.locate(hit)};
    }

    /// Lines from a unit to what it reads: `parts` [{group, box}], `terms` [{group, cell, weight}].
    relate(group, cell, parts, terms) {
      for (const line of this.related.children.slice()) {
        this.related.remove(line);
        dispose(line);
      }
      if (group) {
        const middle = cornerOf(group, cell.c, cell.y + 0.5, cell.x + 0.5);
        for (const part of parts) this.related.add(windowLines(part, middle));
        for (const term of terms) this.related.add(termLine(term, middle));
      }
      this.invalidate();
    }

    /// Where a cell is drawn, in pixels of the viewport.
    screenPosition(group, {c, y, x}) {
      const point = cornerOf(group, c, y + 0.5, x + 0.5).project(this.camera);
      const box = this.canvas.getBoundingClientRect();
      return [box.left + (point.x + 1) / 2 * box.width, box.top + (1 - point.y) / 2 * box.height];
    }

    isStill() {
      return !this.waiting;
    }
  }

  return {contextOf, Scene};
})();

// The camera: it looks at a point from a distance, and is turned, moved and zoomed by mouse, touch
// and keys. It glides to where it was sent.
"use strict";

const ViewCamera = (() => {
  const kGlide = 9;  // per second: how fast the distance to the goal shrinks
  const kFirst = {yaw: -0.42, pitch: 0.3};   // of the first view
  const kFront = {yaw: -0.12, pitch: 0.1};   // of an open layer

  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

  /// Right, up and towards the camera, as the camera has them.
  function axesOf({yaw, pitch}) {
    return {
      right: [Math.cos(yaw), 0, -Math.sin(yaw)],
      up: [-Math.sin(pitch) * Math.sin(yaw), Math.cos(pitch), -Math.sin(pitch) * Math.cos(yaw)],
      towards: [Math.cos(pitch) * Math.sin(yaw), Math.sin(pitch), Math.cos(pitch) * Math.cos(yaw)],
    };
  }

  /// Where to stand, turned so, to see all of some points [x, y, z] as large as can be; `limits` are
  /// the slopes of the picture's right and upper border.
  function fit(points, turned, limits) {
    const {right, up, towards} = axesOf(turned);
    const middle = points[0].slice();
    let distance = 1;
    for (let round = 0; round < 6; ++round) {  // centre what is seen, then step back or forward
      const places = points.map((point) => {
        const offset = point.map((value, i) => value - middle[i]);
        return {side: [dot(offset, right), dot(offset, up)], near: dot(offset, towards)};
      });
      distance = Math.max(1, ...places.map(({side, near}) =>
        near + Math.max(Math.abs(side[0]) / limits[0], Math.abs(side[1]) / limits[1])));
      const move = [0, 1].map((axis) => {
        const seen = places.map(({side, near}) => side[axis] / (distance - near + 1e-9));
        return (Math.min(...seen) + Math.max(...seen)) / 2 * distance;
      });
      middle.forEach((_, i) => { middle[i] += move[0] * right[i] + move[1] * up[i]; });
    }
    return Object.assign({distance: 1.06 * distance, x: middle[0], y: middle[1], z: middle[2]},
        turned);
  }

  class Orbit {
    /// Drives a THREE.PerspectiveCamera by events of `element`. `changed()` is called when a frame
    /// must be drawn, `clicked(event)` for a press without a move.
    constructor(camera, element, changed, clicked) {
      this.camera = camera;
      this.element = element;
      this.changed = changed;
      this.home = Object.assign({x: 0, y: 0, z: 0, distance: 30}, kFirst);
      this.now = Object.assign({}, this.home);
      this.goal = Object.assign({}, this.home);
      this.fingers = new Map();  // by pointerId, where each was last
      this.moved = false;
      this.listen(clicked);
    }

    listen(clicked) {
      const {element, fingers} = this;
      element.addEventListener("pointerdown", (event) => {
        element.setPointerCapture(event.pointerId);
        if (fingers.size === 0) this.moved = false;
        fingers.set(event.pointerId, {x: event.clientX, y: event.clientY, startX: event.clientX,
          startY: event.clientY, button: event.button});
      });
      element.addEventListener("pointermove", (event) => this.follow(event));
      element.addEventListener("pointerup", (event) => {
        const alone = fingers.size === 1;
        const pressed = fingers.delete(event.pointerId);
        if (pressed && alone && !this.moved && event.button === 0) clicked(event);
      });
      element.addEventListener("pointercancel", (event) => fingers.delete(event.pointerId));
      element.addEventListener("contextmenu", (event) => event.preventDefault());
      element.addEventListener("wheel", (event) => {
        event.preventDefault();
        this.zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) * 0.004));
      }, {passive: false});
    }

    /// Goes on towards the goal; false when it is there.
    step(seconds) {
      const {now, goal} = this;
      const part = 1 - Math.exp(-kGlide * seconds);
      let far = 0;
      for (const key of Object.keys(now)) {
        const rest = goal[key] - now[key];
        const unit = key === "yaw" || key === "pitch" ? 1 : goal.distance;
        far = Math.max(far, Math.abs(rest) / unit);
        now[key] += rest * part;
      }
      if (far < 1e-4) Object.assign(now, goal);
      this.place();
      return far >= 1e-4;
    }

    place() {
      const {camera, now} = this;
      const {towards} = axesOf(now);
      camera.position.set(now.x + now.distance * towards[0], now.y + now.distance * towards[1],
          now.z + now.distance * towards[2]);
      camera.lookAt(now.x, now.y, now.z);
      camera.near = now.distance / 100;
      camera.far = now.distance * 20;
      camera.updateProjectionMatrix();
      camera.updateMatrixWorld();
    }

    turn(yaw, pitch) {
      this.goal.yaw += yaw;
      this.goal.pitch = Math.max(-1.4, Math.min(1.4, this.goal.pitch + pitch));
      this.changed();
    }

    zoom(factor) {
      const {home, goal} = this;
      goal.distance = Math.max(home.distance / 40,
          Math.min(home.distance * 4, goal.distance * factor));
      this.changed();
    }

    /// Moves by pixels of the element.
    pan(right, down) {
      const {goal, camera, element} = this;
      const unit = 2 * goal.distance * Math.tan(camera.fov * Math.PI / 360) / element.clientHeight;
      goal.x -= right * unit * Math.cos(goal.yaw);
      goal.z += right * unit * Math.sin(goal.yaw);
      goal.y += down * unit;
      this.changed();
    }

    /// How far two fingers are apart, and the place between them.
    spread() {
      const [a, b] = Array.from(this.fingers.values());
      return {distance: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2};
    }

    follow(event) {
      const finger = this.fingers.get(event.pointerId);
      if (!finger) return;
      const right = event.clientX - finger.x, down = event.clientY - finger.y;
      const way = Math.hypot(event.clientX - finger.startX, event.clientY - finger.startY);
      if (way > 4) this.moved = true;
      const before = this.fingers.size === 2 ? this.spread() : null;
      finger.x = event.clientX;
      finger.y = event.clientY;
      if (before) {
        const after = this.spread();
        this.zoom(before.distance / Math.max(after.distance, 1));
        this.pan(after.x - before.x, after.y - before.y);
      } else if (this.moved && (finger.button === 2 || event.shiftKey)) {
        this.pan(right, down);
      } else if (this.moved) {
        this.turn(-right * 0.006, down * 0.006);
      }
    }

    /// What a key does to the camera; false where it does nothing.
    key(event) {
      const arrows = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
      const arrow = arrows[event.key];
      if (arrow && event.shiftKey) this.pan(-60 * arrow[0], -60 * arrow[1]);
      else if (arrow) this.turn(0.12 * arrow[0], -0.12 * arrow[1]);
      else if (event.key === "+" || event.key === "=") this.zoom(0.85);
      else if (event.key === "-") this.zoom(1 / 0.85);
      else return false;
      return true;
    }

    limits() {
      const slope = Math.tan(this.camera.fov * Math.PI / 360);
      return [slope * this.camera.aspect, slope];
    }

    /// The first view is from where all of these points are seen. Who is there goes along.
    setHome(points) {
      const {home, goal, now} = this;
      const there = Object.keys(home).every((key) => goal[key] === home[key]);
      Object.assign(home, fit(points, kFirst, this.limits()));
      if (there) Object.assign(now, Object.assign(goal, home));
    }

    reset() {
      Object.assign(this.goal, this.home);
      this.changed();
    }

    /// Goes before these points.
    look(points) {
      Object.assign(this.goal, fit(points, kFront, this.limits()));
      this.changed();
    }

    /// Whether somebody is turning or moving it.
    busy() {
      return this.fingers.size > 0 && this.moved;
    }
  }

  return {Orbit};
})();

// The camera: it looks at a point from a distance, and is turned, moved and zoomed by mouse, touch
// and keys. It glides to where it was sent.
"use strict";

const ViewCamera = (() => {
  const kGlide = 9;  // per second: how fast the distance to the goal shrinks

  /// Drives a THREE.PerspectiveCamera by events of `element`. `changed()` is called when a frame
  /// must be drawn, `clicked(event)` for a press without a move.
  function orbit(camera, element, changed, clicked) {
    const home = {x: 0, y: 0, z: 0, distance: 30, yaw: -0.42, pitch: 0.3};
    const now = Object.assign({}, home);
    const goal = Object.assign({}, home);
    const fingers = new Map();  // by pointerId, where each was last
    let moved = false;

    function place() {
      const flat = Math.cos(now.pitch) * now.distance;
      camera.position.set(now.x + flat * Math.sin(now.yaw), now.y + now.distance *
          Math.sin(now.pitch), now.z + flat * Math.cos(now.yaw));
      camera.lookAt(now.x, now.y, now.z);
      camera.near = now.distance / 100;
      camera.far = now.distance * 20;
      camera.updateProjectionMatrix();
      camera.updateMatrixWorld();
    }

    /// Goes on towards the goal; false when it is there.
    function step(seconds) {
      let far = 0;
      const part = 1 - Math.exp(-kGlide * seconds);
      for (const key of Object.keys(now)) {
        const rest = goal[key] - now[key];
        far = Math.max(far, Math.abs(rest) / (key === "yaw" || key === "pitch" ? 1 : goal.distance));
        now[key] += rest * part;
      }
      if (far < 1e-4) Object.assign(now, goal);
      place();
      return far >= 1e-4;
    }

    function turn(yaw, pitch) {
      goal.yaw += yaw;
      goal.pitch = Math.max(-1.4, Math.min(1.4, goal.pitch + pitch));
      changed();
    }

    function zoom(factor) {
      const limits = [home.distance / 40, home.distance * 4];
      goal.distance = Math.max(limits[0], Math.min(limits[1], goal.distance * factor));
      changed();
    }

    /// Moves by pixels of the element.
    function pan(right, down) {
      const unit = 2 * goal.distance * Math.tan(camera.fov * Math.PI / 360) / element.clientHeight;
      goal.x -= right * unit * Math.cos(goal.yaw);
      goal.z += right * unit * Math.sin(goal.yaw);
      goal.y += down * unit;
      changed();
    }

    function spread() {
      const [a, b] = Array.from(fingers.values());
      return {distance: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2};
    }

    function onMove(event) {
      const finger = fingers.get(event.pointerId);
      if (!finger) return;
      const right = event.clientX - finger.x, down = event.clientY - finger.y;
      if (Math.hypot(event.clientX - finger.startX, event.clientY - finger.startY) > 4) moved = true;
      const before = fingers.size === 2 ? spread() : null;
      finger.x = event.clientX;
      finger.y = event.clientY;
      if (before) {
        const after = spread();
        zoom(before.distance / Math.max(after.distance, 1));
        pan(after.x - before.x, after.y - before.y);
      } else if (moved && (finger.button === 2 || event.shiftKey)) {
        pan(right, down);
      } else if (moved) {
        turn(-right * 0.006, down * 0.006);
      }
    }

    element.addEventListener("pointerdown", (event) => {
      element.setPointerCapture(event.pointerId);
      if (fingers.size === 0) moved = false;
      fingers.set(event.pointerId, {x: event.clientX, y: event.clientY, startX: event.clientX,
        startY: event.clientY, button: event.button});
    });
    element.addEventListener("pointermove", onMove);
    element.addEventListener("pointerup", (event) => {
      const alone = fingers.size === 1;
      if (fingers.delete(event.pointerId) && alone && !moved && event.button === 0) clicked(event);
    });
    element.addEventListener("pointercancel", (event) => fingers.delete(event.pointerId));
    element.addEventListener("contextmenu", (event) => event.preventDefault());
    element.addEventListener("wheel", (event) => {
      event.preventDefault();
      zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) * 0.004));
    }, {passive: false});

    /// What a key does to the camera; false where it does nothing.
    function key(event) {
      const arrows = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
      const arrow = arrows[event.key];
      if (arrow && event.shiftKey) pan(-60 * arrow[0], -60 * arrow[1]);
      else if (arrow) turn(0.12 * arrow[0], -0.12 * arrow[1]);
      else if (event.key === "+" || event.key === "=") zoom(0.85);
      else if (event.key === "-") zoom(1 / 0.85);
      else if (event.key === "0") reset();
      else return false;
      return true;
    }

    function reset() {
      Object.assign(goal, home);
      changed();
    }

    /// Where to stand, turned so, to see all of some points [x, y, z] as large as can be.
    function frame(points, {yaw, pitch}) {
      const right = [Math.cos(yaw), 0, -Math.sin(yaw)];
      const up = [-Math.sin(pitch) * Math.sin(yaw), Math.cos(pitch),
        -Math.sin(pitch) * Math.cos(yaw)];
      const towards = [Math.cos(pitch) * Math.sin(yaw), Math.sin(pitch),
        Math.cos(pitch) * Math.cos(yaw)];
      const slope = Math.tan(camera.fov * Math.PI / 360);
      const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
      const middle = points[0].slice();
      let distance = 1;
      for (let round = 0; round < 6; ++round) {  // centre what is seen, then step back or forward
        const seen = {low: [Infinity, Infinity], high: [-Infinity, -Infinity]};
        distance = 1;
        for (const side of [0, 1]) {
          for (const point of points) {
            const offset = point.map((value, i) => value - middle[i]);
            const sideways = [dot(offset, right), dot(offset, up)];
            const limit = [slope * camera.aspect, slope];
            if (side === 0) {
              distance = Math.max(distance, ...[0, 1].map((axis) =>
                dot(offset, towards) + Math.abs(sideways[axis]) / limit[axis]));
              continue;
            }
            for (const axis of [0, 1]) {
              const at = sideways[axis] / (distance - dot(offset, towards) + 1e-9);
              seen.low[axis] = Math.min(seen.low[axis], at);
              seen.high[axis] = Math.max(seen.high[axis], at);
            }
          }
        }
        const move = [0, 1].map((axis) => (seen.low[axis] + seen.high[axis]) / 2 * distance);
        middle.forEach((_, i) => { middle[i] += move[0] * right[i] + move[1] * up[i]; });
      }
      return {distance: 1.06 * distance, yaw, pitch, x: middle[0], y: middle[1], z: middle[2]};
    }

    return {
      step, key, reset,
      busy: () => fingers.size > 0 && moved,
      /// From where all of these points are seen: the first view. Who is there goes along.
      setHome(points) {
        const there = Object.keys(home).every((key) => goal[key] === home[key]);
        Object.assign(home, frame(points, {yaw: -0.42, pitch: 0.3}));
        if (there) Object.assign(now, Object.assign(goal, home));
      },
      look(points) {
        Object.assign(goal, frame(points, {yaw: -0.12, pitch: 0.1}));
        changed();
      },
    };
  }

  return {orbit};
})();

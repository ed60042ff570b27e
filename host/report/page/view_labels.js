// Names over the scene: HTML elements that follow places in space.
"use strict";

const ViewLabels = (() => {
  /// Below a group: its name, of which the last two parts must do, and its shape.
  function ofGroup(group) {
    const element = document.createElement("div");
    element.className = "label";
    const name = group.name.split(".").slice(-2).join(".");
    element.append(Object.assign(document.createElement("b"), {textContent: name}),
        document.createTextNode(ViewLayout.shapeText(group.shape)));
    element.style.setProperty("--kind", ViewColors.css(ViewColors.ofKind(group.kind)));
    const anchor = () => {
      const down = group.open > 0.5 ? group.look.openSize[1] / 2 : group.size[1] / 2;
      const [x, y, z] = group.centre;
      return new THREE.Vector3(x, y - down - 0.25, z + group.open * group.openZ);
    };
    return {element, group, anchor, align: 0.5};
  }

  /// To the right of one unit of a group.
  function ofUnit(group, unit, name) {
    const element = document.createElement("div");
    element.className = "unit-label";
    element.textContent = name;
    const {pitch} = group.cells;
    const anchor = () => group.look.corner(unit).add(group.space.position)
        .add(new THREE.Vector3(pitch * 0.8, pitch * 0.45, 0));
    return {element, group, anchor, align: 0};
  }

  /// Puts labels where they belong on a canvas. Of those that would cover each other the later one
  /// goes, those of the group `first` last; with `alone` all but that group's go.
  function place(labels, camera, canvas, first, alone) {
    const taken = [];
    const ordered = labels.slice().sort((a, b) => (b.group === first) - (a.group === first));
    for (const label of ordered) {
      const {group, element} = label;
      const point = label.anchor().project(camera);
      label.size = label.size || [element.offsetWidth, element.offsetHeight];
      const [w, h] = label.size;
      const left = (point.x + 1) / 2 * canvas.clientWidth - label.align * w;
      const top = (1 - point.y) / 2 * canvas.clientHeight;
      const box = [left, top, left + w, top + h];
      const covers = (other) => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] &&
          other[1] < box[3];
      const hidden = point.z > 1 || (alone && group !== alone) || taken.some(covers);
      element.style.visibility = hidden ? "hidden" : "visible";
      if (hidden) continue;
      taken.push(box);
      element.style.transform = `translate(${left}px, ${top}px)`;
    }
  }

  return {ofGroup, ofUnit, place};
})();

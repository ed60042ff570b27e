// What the HTML report does: the theme, the contents list, values under the pointer. Without it the
// page still shows everything that it is about.
"use strict";

(() => {
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const hover = document.getElementById("hover");
  const SVG = "http://www.w3.org/2000/svg";

  /** An element with a class and text. */
  function make(tag, text, look) {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (look) element.className = look;
    return element;
  }

  function makeSvg(tag, look) {
    const element = document.createElementNS(SVG, tag);
    element.setAttribute("class", look);
    return element;
  }

  function set(element, attributes) {
    for (const name of Object.keys(attributes)) element.setAttribute(name, attributes[name]);
  }

  // ---- Theme ----

  function setUpTheme() {
    const button = document.getElementById("theme");
    const root = document.documentElement;
    const dark = () => root.dataset.theme
      ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    const show = () => {
      button.textContent = dark() ? "Light" : "Dark";
      button.setAttribute("aria-pressed", String(dark()));
      button.setAttribute("aria-label", "Dark colours");
    };
    button.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark";
      show();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
    button.hidden = false;
    show();
  }

  // ---- Contents ----

  /** Marks the entry of the section that is being read. */
  function setUpContents() {
    const links = [...document.querySelectorAll(".contents a")];
    const sections = links.map((link) => document.querySelector(link.getAttribute("href")));
    const mark = () => {
      const edge = innerHeight / 3;
      let current = 0;
      sections.forEach((section, i) => {
        if (section.getBoundingClientRect().top < edge) current = i;
      });
      if (innerHeight + scrollY >= document.documentElement.scrollHeight - 2) {
        current = sections.length - 1;
      }
      links.forEach((link, i) => {
        if (i === current) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      });
    };
    addEventListener("scroll", mark, { passive: true });
    mark();
  }

  // ---- The box of values ----

  /** Shows lines beside a point of the window: [colour or null, name, value]. */
  function showHover(title, lines, x, y) {
    hover.replaceChildren(make("b", title));
    for (const [colour, name, value] of lines) {
      const line = make("span");
      if (colour) line.append(Object.assign(make("i"), { style: "background:" + colour }));
      line.append(name);
      if (value !== undefined) line.append(make("em", value));
      hover.append(line);
    }
    hover.hidden = false;
    const box = hover.getBoundingClientRect();
    const left = x + 16 + box.width > innerWidth ? x - 16 - box.width : x + 16;
    hover.style.left = Math.max(4, left) + "px";
    hover.style.top = Math.max(4, Math.min(y - box.height / 2, innerHeight - box.height - 4)) + "px";
  }

  function hideHover() { hover.hidden = true; }

  function format(value) {
    if (value === null) return "–";
    if (value !== 0 && Math.abs(value) < 1e-3) return value.toExponential(3);
    return String(Number(value.toPrecision(5)));
  }

  // ---- Curves ----

  function setUpCurve(figure) {
    const svg = figure.querySelector("svg");
    const plot = {};
    for (const [name, value] of Object.entries(figure.querySelector(".fv-panel").dataset)) {
      plot[name] = name === "metric" ? value : Number(value);
    }
    const series = [["train", plot.metric, "--accent"], ["validation", "val_" + plot.metric, "--val"]]
      .filter((entry) => data.history.metrics[entry[1]]);
    if (series.length === 1) series[0][0] = series[0][1];
    const epochs = data.history.epochs;
    const placeX = (epoch) => plot.first === plot.last ? plot.left + plot.width / 2
      : plot.left + plot.width * (epoch - plot.first) / (plot.last - plot.first);
    const placeY = (value) => {
      const part = plot.log ? Math.log(value / plot.low) / Math.log(plot.high / plot.low)
        : (value - plot.low) / (plot.high - plot.low);
      return plot.top + plot.height * (1 - part);
    };
    const cross = makeSvg("line", "cross");
    const marks = series.map(() => makeSvg("circle", "mark"));
    let index = -1;

    function clear() {
      cross.remove();
      marks.forEach((mark) => mark.remove());
      hideHover();
    }

    /** The crosshair at the epoch of this index, and the values of all series there. */
    function point(at) {
      index = at;
      const x = placeX(epochs[at]);
      set(cross, { x1: x, x2: x, y1: plot.top, y2: plot.top + plot.height });
      svg.append(cross);
      const lines = series.map(([name, metric, colour], i) => {
        const value = data.history.metrics[metric][at];
        const drawn = value !== null && !(plot.log && value <= 0);
        if (drawn) {
          set(marks[i], { cx: x, cy: placeY(value), r: 5, style: "fill:var(" + colour + ")" });
          svg.append(marks[i]);
        } else {
          marks[i].remove();
        }
        return ["var(" + colour + ")", name, format(value)];
      });
      const box = svg.getBoundingClientRect();
      const scale = box.width / svg.viewBox.baseVal.width;
      showHover("epoch " + epochs[at], lines, box.left + x * scale,
        box.top + (plot.top + plot.height / 3) * scale);
    }

    function nearest(event) {
      const box = svg.getBoundingClientRect();
      const x = (event.clientX - box.left) * svg.viewBox.baseVal.width / box.width;
      let best = 0;
      epochs.forEach((epoch, i) => {
        if (Math.abs(placeX(epoch) - x) < Math.abs(placeX(epochs[best]) - x)) best = i;
      });
      return best;
    }

    figure.addEventListener("pointermove", (event) => point(nearest(event)));
    figure.addEventListener("pointerdown", (event) => point(nearest(event)));
    figure.addEventListener("pointerleave", clear);
    figure.addEventListener("blur", clear);
    figure.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (event.key === "Escape") clear();
      if (!step) return;
      event.preventDefault();
      point(Math.max(0, Math.min(epochs.length - 1, index < 0 && step < 0 ? epochs.length - 1 : index + step)));
    });
  }

  // ---- Confusion matrix ----

  function setUpMatrix(figure) {
    const svg = figure.querySelector("svg");
    const place = {};
    for (const [name, value] of Object.entries(figure.querySelector(".fv-matrix").dataset)) {
      place[name] = Number(value);
    }
    const { classes, matrix } = data.confusion;
    const aim = makeSvg("rect", "aim");
    let row = -1;
    let column = -1;

    function clear() {
      aim.remove();
      hideHover();
      row = column = -1;
    }

    function point(atRow, atColumn) {
      row = Math.max(0, Math.min(classes.length - 1, atRow));
      column = Math.max(0, Math.min(classes.length - 1, atColumn));
      const x = place.left + column * place.cell;
      const y = place.top + row * place.cell;
      set(aim, { x: x, y: y, width: place.cell, height: place.cell });
      svg.append(aim);
      const count = matrix[row][column];
      const total = matrix[row].reduce((sum, value) => sum + value, 0);
      const share = total > 0 ? Number((100 * count / total).toPrecision(3)) + " %" : "–";
      const box = svg.getBoundingClientRect();
      const scale = box.width / svg.viewBox.baseVal.width;
      showHover("true " + classes[row] + ", predicted " + classes[column],
        [[null, "samples", String(count)], [null, "of this class", share]],
        box.left + (x + place.cell) * scale, box.top + (y + place.cell / 2) * scale);
    }

    function track(event) {
      const box = svg.getBoundingClientRect();
      const scale = svg.viewBox.baseVal.width / box.width;
      const atColumn = Math.floor(((event.clientX - box.left) * scale - place.left) / place.cell);
      const atRow = Math.floor(((event.clientY - box.top) * scale - place.top) / place.cell);
      const within = (i) => i >= 0 && i < classes.length;
      if (within(atRow) && within(atColumn)) point(atRow, atColumn);
      else clear();
    }

    figure.addEventListener("pointermove", track);
    figure.addEventListener("pointerdown", track);
    figure.addEventListener("pointerleave", clear);
    figure.addEventListener("blur", clear);
    figure.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      if (event.key === "Escape") clear();
      if (!step) return;
      event.preventDefault();
      if (row < 0) point(0, 0);
      else point(row + step[0], column + step[1]);
    });
  }

  // ---- Tabs ----

  function setUpTabs(list) {
    const tabs = [...list.querySelectorAll("[role=tab]")];
    const select = (chosen) => tabs.forEach((tab) => {
      tab.setAttribute("aria-selected", String(tab === chosen));
      tab.tabIndex = tab === chosen ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = tab !== chosen;
    });
    tabs.forEach((tab, i) => {
      tab.addEventListener("click", () => select(tab));
      tab.addEventListener("keydown", (event) => {
        const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
        if (!step) return;
        const next = tabs[(i + step + tabs.length) % tabs.length];
        select(next);
        next.focus();
      });
    });
    select(tabs[0]);
  }

  // ---- Feature maps ----

  function setUpMaps(box) {
    const layer = box.querySelector("#map-layer");
    const samples = [...box.querySelectorAll("[name=map-sample]")];
    const figures = [...box.querySelectorAll(".map")];
    const before = box.querySelector("#map-before");
    const after = box.querySelector("#map-after");
    function show() {
      const sample = samples.find((input) => input.checked).value;
      figures.forEach((figure) => {
        figure.hidden = figure.dataset.layer !== layer.value || figure.dataset.sample !== sample;
      });
      before.disabled = layer.selectedIndex === 0;
      after.disabled = layer.selectedIndex === layer.options.length - 1;
    }
    function step(by) {
      layer.selectedIndex += by;
      show();
    }
    layer.addEventListener("change", show);
    samples.forEach((input) => input.addEventListener("change", show));
    before.addEventListener("click", () => step(-1));
    after.addEventListener("click", () => step(1));
    show();
  }

  setUpTheme();
  setUpContents();
  document.querySelectorAll(".curve").forEach(setUpCurve);
  document.querySelectorAll(".matrix").forEach(setUpMatrix);
  document.querySelectorAll("[role=tablist]").forEach(setUpTabs);
  document.querySelectorAll(".maps").forEach(setUpMaps);
})();

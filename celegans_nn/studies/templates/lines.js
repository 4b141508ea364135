// Panels of lines: a rule that goes through all panels at once, the values there, and the nearest line named.
document.querySelectorAll(".lines").forEach((box) => {
  const frame = Object.fromEntries(Object.entries(box.dataset).map(([key, text]) => [key, Number(text)]));
  const digits = frame.digits;
  const panels = [...box.querySelectorAll("figure")].map((figure) => ({
    figure,
    svg: figure.querySelector("svg"),
    value: figure.querySelector(".value"),
    rule: figure.querySelector(".rule"),
    lines: [...figure.querySelectorAll(".line")].map((element) => ({
      element,
      name: element.dataset.name,
      points: element.getAttribute("points").split(" ").map((pair) => pair.split(",").map(Number)),
    })),
  }));
  const number = (value, places) => (Number(value.toFixed(places)) + 0).toFixed(places).replace("-", "−");
  const valueOf = (y) => frame.y0 + ((frame.bottom - y) / (frame.bottom - frame.top)) * (frame.y1 - frame.y0);
  const costOf = (x) => frame.x0 + ((x - frame.left) / (frame.right - frame.left)) * (frame.x1 - frame.x0);
  const spelled = (cost) => (frame.x1 >= 100 ? Math.round(cost).toLocaleString("en") : number(cost, 3));

  // y of a line at x, or null where it does not reach
  function heightAt(points, x) {
    for (let k = 1; k < points.length; k++) {
      const [x0, y0] = points[k - 1], [x1, y1] = points[k];
      if (x >= x0 && x <= x1) return x1 > x0 ? y0 + ((x - x0) / (x1 - x0)) * (y1 - y0) : y1;
    }
    return null;
  }

  function summary(values) {
    if (!values.length) return "";
    const sorted = [...values].sort((a, b) => a - b);
    if (sorted.length <= 2) return sorted.map((v) => number(v, digits)).join(", ");
    return `${number(sorted[0], digits)} to ${number(sorted[sorted.length - 1], digits)}`;
  }

  let x = frame.left;
  function show(here, y) {
    let nearest = null;
    for (const panel of panels) {
      panel.rule.setAttribute("x1", x);
      panel.rule.setAttribute("x2", x);
      const heights = panel.lines.map((line) => heightAt(line.points, x));
      panel.value.textContent = summary(heights.filter((h) => h !== null).map(valueOf));
      panel.lines.forEach((line, k) => {
        line.element.classList.remove("near");
        if (panel !== here || heights[k] === null) return;
        const away = y === undefined ? k : Math.abs(heights[k] - y);
        if (!nearest || away < nearest.away) nearest = { line, away, height: heights[k] };
      });
    }
    const at = `${box.dataset.xLabel.replace(/, (thousands|millions)$/, "")}: ${spelled(costOf(x))}`;
    if (nearest) nearest.line.element.classList.add("near");
    readout.textContent = nearest ? `${at}; ${nearest.line.name}: ${number(valueOf(nearest.height), digits)}` : at;
  }

  function clear() {
    for (const panel of panels) {
      panel.rule.setAttribute("x1", -9);
      panel.rule.setAttribute("x2", -9);
      panel.value.textContent = "";
      panel.lines.forEach((line) => line.element.classList.remove("near"));
    }
    readout.textContent = hint;
  }

  for (const panel of panels) {
    panel.svg.setAttribute("tabindex", "0");
    const follow = (event) => {
      const place = panel.svg.getBoundingClientRect();
      const view = panel.svg.viewBox.baseVal;
      x = ((event.clientX - place.left) / place.width) * view.width;
      x = Math.max(frame.left, Math.min(frame.right, x));
      show(panel, ((event.clientY - place.top) / place.height) * view.height);
    };
    panel.svg.addEventListener("pointermove", follow);
    panel.svg.addEventListener("pointerdown", follow);
    panel.svg.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && clear());
    panel.svg.addEventListener("blur", clear);
    panel.svg.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -4, ArrowRight: 4 }[event.key];
      if (!step) return;
      event.preventDefault();
      x = Math.max(frame.left, Math.min(frame.right, x + step));
      show(panel);
    });
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "enlarge";
    button.addEventListener("click", () => {
      button.textContent = panel.figure.classList.toggle("large") ? "reduce" : "enlarge";
    });
    panel.figure.querySelector("figcaption").append(button);
  }

  // which kinds of network are shown
  const tools = box.querySelector(".tools");
  const names = { worm: "worm’s wiring", control: "rewired controls", baseline: "no wiring" };
  const groups = Object.keys(names).filter((group) => panels.some((p) => p.figure.classList.contains(group)));
  for (const group of groups.length > 1 ? groups : []) {
    const label = document.createElement("label");
    const tick = document.createElement("input");
    tick.type = "checkbox";
    tick.checked = true;
    tick.value = group;
    tick.addEventListener("change", () => {
      for (const p of panels) if (p.figure.classList.contains(group)) p.figure.classList.toggle("away", !tick.checked);
    });
    label.append(tick, ` ${names[group]}`);
    tools.append(label);
  }
  const hint = "Point at a curve, or tap it: its values there, in all panels.";
  const readout = document.createElement("output");
  tools.append(readout);
  tools.hidden = false;
  clear();
});

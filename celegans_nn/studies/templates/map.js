// A wiring to explore: the synapses of one cell lit up, its partners named, classes and kinds of synapse chosen.
document.querySelectorAll("figure.map").forEach((figure) => {
  const source = figure.querySelector("script.data");
  if (!source) return;
  const { bend, most, cells, graphs } = JSON.parse(source.textContent);
  const svg = figure.querySelector("svg.wiring");
  const lit = svg.querySelector(".lit"), ring = svg.querySelector(".ring"), name = svg.querySelector(".cell-name");
  const marks = [...svg.querySelectorAll(".cells > *")];
  const detail = figure.querySelector(".detail"), hint = detail.textContent;
  const pick = (what) => figure.querySelector(`select.${what}`);
  const [graphs_, classes, named] = [pick("graph"), pick("class"), pick("cell")];
  const kinds = [...figure.querySelectorAll(".kinds input")];
  const LENGTH = { excitatory: 8, inhibitory: 7, unknown: 8, gap: 5 }; // from an edge's end to the cell's middle
  let graph = graphs[0], chosen = null, pinned = false;

  // -- curves, as studies/explorer.py draws them --
  function curve(a, b, kind, short) {
    const [x0, y0] = cells[a].slice(5), [x1, y1] = cells[b].slice(5);
    if (a === b) return `M${x0} ${y0}c-14 -20 14 -20 0 0`;
    const bow = bend * Math.min(1, most / (bend * Math.hypot(x1 - x0, y1 - y0)));
    const side = kind === "gap" ? -bow : bow;
    const x = (x0 + x1) / 2 + side * (y1 - y0), y = (y0 + y1) / 2 - side * (x1 - x0);
    const far = Math.hypot(x1 - x, y1 - y) || 1;
    const less = Math.min(short, far / 2) / far; // an arrow ends before its cell
    return `M${x0} ${y0}Q${Math.round(x)} ${Math.round(y)} ${x1 - (x1 - x) * less} ${y1 - (y1 - y) * less}`;
  }

  const shown = (kind) => kinds.some((box) => box.value === kind && box.checked);
  const wanted = () => (classes.value === "" ? null : cells.map((cell) => cell[1] === classes.value));

  function drawAll() {
    const of = wanted();
    for (const path of svg.querySelectorAll(".edges .edge")) {
      const kind = path.dataset.kind;
      const edges = shown(kind) ? graph[kind].filter(([a, b]) => !of || of[a] || of[b]) : [];
      path.setAttribute("d", edges.map(([a, b]) => curve(a, b, kind, 0)).join(""));
    }
    marks.forEach((mark, k) => mark.classList.toggle("dim", Boolean(of) && !of[k]));
    choose(chosen);
  }

  // -- one cell --
  function choose(cell) {
    chosen = cell;
    svg.classList.toggle("chosen", cell !== null);
    lit.replaceChildren();
    marks.forEach((mark) => mark.classList.remove("partner", "self"));
    named.value = cell === null ? "" : String(cell);
    if (cell === null) {
      ring.setAttribute("cx", -20);
      name.textContent = "";
      detail.replaceChildren(Object.assign(document.createElement("p"), { textContent: hint.trim() }));
      return;
    }
    const found = { in: [], out: [], gap: [] };
    for (const kind of Object.keys(graph)) {
      if (!shown(kind)) continue;
      for (const [a, b, weight] of graph[kind]) {
        if (a !== cell && b !== cell) continue;
        const path = document.createElementNS(svg.namespaceURI, "path");
        path.setAttribute("class", `edge head ${kind} ${a === cell ? "out" : "in"}`);
        path.setAttribute("d", curve(a, b, kind, LENGTH[kind]));
        lit.append(path);
        const other = a === cell ? b : a;
        marks[other].classList.add("partner");
        if (kind === "gap") found.gap.push([other, weight, kind]);
        else {
          if (a === cell) found.out.push([b, weight, kind]);
          if (b === cell) found.in.push([a, weight, kind]);
        }
      }
    }
    const [label, , , , , x, y] = cells[cell];
    marks[cell].classList.add("self");
    ring.setAttribute("cx", x);
    ring.setAttribute("cy", y);
    name.textContent = label.length > 24 ? `${label.slice(0, 23)}…` : label;
    const right = x > svg.viewBox.baseVal.width * 0.8;
    name.setAttribute("x", x + (right ? -13 : 13));
    name.setAttribute("y", y - 9);
    name.setAttribute("text-anchor", right ? "end" : "start");
    describe(cell, found);
  }

  // -- in words --
  const SIGNS = { excitatory: "→ excites", inhibitory: "⊣ inhibits", unknown: "–o sign unknown", gap: "⋯ gap junction" };

  function text(tag, content, className) {
    const element = document.createElement(tag);
    element.textContent = content;
    if (className) element.className = className;
    return element;
  }

  function list(title, partners) {
    const part = document.createElement("div");
    part.append(text("h4", `${title} (${partners.length})`));
    const items = document.createElement("ul");
    for (const [other, weight, kind] of [...partners].sort((a, b) => b[1] - a[1])) {
      const item = document.createElement("li");
      const button = text("button", cells[other][0], kind);
      button.type = "button";
      button.title = `${SIGNS[kind]}, weight ${weight}`;
      button.addEventListener("click", () => { pinned = true; choose(other); });
      item.append(button, text("small", ` ${SIGNS[kind].split(" ")[0]} ${weight}`));
      items.append(item);
    }
    part.append(items);
    return part;
  }

  function describe(cell, found) {
    const [label, cellClass, role, transmitter, row] = cells[cell];
    const head = document.createElement("p");
    head.append(
      text("b", label),
      text("span", ` class ${cellClass || "not known"}; transmitter ${transmitter || "not known"}; `),
      text("span", `${role || "role not known"}; drawn in row “${row}”`),
    );
    detail.replaceChildren(head, list("From", found.in), list("To", found.out));
    if (graphs.some((g) => g.gap.length)) detail.append(list("Gap junctions with", found.gap));
  }

  // -- the reader's hand --
  function cellAt(event) {
    const place = svg.getBoundingClientRect(), scale = svg.viewBox.baseVal.width / place.width;
    const px = (event.clientX - place.left) * scale, py = (event.clientY - place.top) * scale;
    let best = null, least = 22 * Math.max(1, scale);
    cells.forEach((cell, k) => {
      const away = Math.hypot(cell[5] - px, cell[6] - py);
      if (away < least) [best, least] = [k, away];
    });
    return best;
  }

  function step(key) {
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
    if (chosen === null) return 0;
    let best = chosen, least = Infinity;
    cells.forEach((cell, k) => {
      const along = (cell[5] - cells[chosen][5]) * dx + (cell[6] - cells[chosen][6]) * dy;
      const across = Math.abs((cell[5] - cells[chosen][5]) * dy) + Math.abs((cell[6] - cells[chosen][6]) * dx);
      if (along > 0.5 && along + 2.5 * across < least) [best, least] = [k, along + 2.5 * across];
    });
    return best;
  }

  svg.addEventListener("pointermove", (event) => {
    if (pinned || event.pointerType === "touch") return;
    const cell = cellAt(event);
    if (cell !== chosen) choose(cell);
  });
  svg.addEventListener("pointerleave", () => { if (!pinned) choose(null); });
  svg.addEventListener("click", (event) => {
    const cell = cellAt(event);
    pinned = cell !== null && !(pinned && cell === chosen);
    choose(cell);
  });
  svg.addEventListener("keydown", (event) => {
    if (event.key.startsWith("Arrow")) {
      event.preventDefault();
      pinned = true;
      choose(step(event.key));
    } else if (event.key === "Escape") {
      pinned = false;
      choose(null);
    }
  });

  // -- choices --
  const option = (value, content) => Object.assign(text("option", content), { value });
  const byName = (a, b) => a.localeCompare(b, "en", { numeric: true });
  const count = {};
  for (const cell of cells) count[cell[1]] = (count[cell[1]] || 0) + 1;
  for (const key of Object.keys(count).filter(Boolean).sort(byName)) classes.append(option(key, `${key} (${count[key]})`));
  const order = cells.map((_, k) => k).sort((a, b) => byName(cells[a][0], cells[b][0]));
  for (const k of order) named.append(option(String(k), cells[k][0]));
  classes.addEventListener("change", drawAll);
  kinds.forEach((box) => box.addEventListener("change", drawAll));
  named.addEventListener("change", () => { pinned = named.value !== ""; choose(pinned ? Number(named.value) : null); });
  function show(number) {
    graph = graphs[number];
    graphs_.value = String(number);
    drawAll();
  }
  graphs_.addEventListener("change", () => show(Number(graphs_.value)));
  document.querySelectorAll(`.thumbs[data-of="${figure.id}"] figure`).forEach((small) => {
    const button = text("button", "show on the map");
    button.type = "button";
    button.addEventListener("click", () => { show(Number(small.dataset.graph)); figure.scrollIntoView({ block: "start" }); });
    small.querySelector("figcaption").append(" ", button);
  });
  svg.setAttribute("tabindex", "0");
  svg.setAttribute("role", "application");
  graphs_.parentElement.hidden = graphs.length < 2;
  figure.querySelector(".tools").hidden = false;
  detail.hidden = false;
});

'use strict';
// Zones and lines: drawn on the picture or set with numbers, sent as the `zones:` of a settings file, in shares of the picture.
(() => {
  const NAMES = { areas: 'Zone', lines: 'Line', include: 'Include', exclude: 'Exclude' };
  const MOST_CORNERS = 100;
  const GRIP_PX = 24; // across what a finger hits
  const STEP = 0.01; // of the cursor, as a share of the picture
  const SVG = 'http://www.w3.org/2000/svg';
  const panel = byId('zones');
  const stage = byId('stage');
  const svg = byId('shapes');
  const cursor = [0.5, 0.5];
  let shapes = []; // {kind, name, points, forward, backward}
  let version = null; // of the zones that these were made of: those of somebody else are not replaced
  let rest = {}; // what else the zones of a run say; goes back as it came
  let drawn = null; // the shape that is being drawn
  let keyboard = false; // drawn with the arrow keys: the cursor is shown
  let dragged = null;
  let edits = 0; // made by the user: what is edited while it is saved stays unsaved

  const isLine = (shape) => shape.kind === 'lines';
  const least = (shape) => (isLine(shape) ? 2 : 3);
  const within = (value) => Math.min(1, Math.max(0, value));
  const rounded = (value) => Math.round(value * 1e4) / 1e4;

  // Lanes side by side are one picture: the same zones in each part
  function grid() {
    const count = run.status ? Math.max(1, run.status.lanes.length) : 1;
    const columns = count <= 3 ? count : count === 4 ? 2 : 3;
    return { count, columns, rows: Math.ceil(count / columns) };
  }

  function pointAt(event) {
    const box = svg.getBoundingClientRect();
    const { columns, rows } = grid();
    const x = within((event.clientX - box.left) / box.width) * columns;
    const y = within((event.clientY - box.top) / box.height) * rows;
    const column = Math.min(columns - 1, Math.floor(x));
    const row = Math.min(rows - 1, Math.floor(y));
    return { part: row * columns + column, point: [rounded(within(x - column)), rounded(within(y - row))] };
  }

  // From and to JSON

  function read(zones) {
    const { areas = {}, lines = {}, include = {}, exclude = {}, ...others } = zones;
    rest = others;
    shapes = Object.entries({ areas, include, exclude }).flatMap(([kind, named]) =>
      Object.entries(named).map(([name, points]) => ({ kind, name, points })));
    for (const [name, line] of Object.entries(lines)) shapes.push({ forward: 'in', backward: 'out', ...line, kind: 'lines', name });
  }

  function written() {
    const zones = { ...rest, areas: {}, lines: {}, include: {}, exclude: {} };
    for (const { kind, name, points, forward, backward } of shapes) {
      if (!name) throw new Error(`${NAMES[kind]}: a name is missing`);
      if (Object.hasOwn(zones[kind], name)) throw new Error(`${NAMES[kind]} ${name}: this name is used twice`);
      zones[kind][name] = kind === 'lines' ? { points, forward, backward } : points;
    }
    return zones;
  }

  async function load() {
    const known = new Set(shapes);
    let added;
    try {
      const answer = await fetch('zones');
      if (!answer.ok) return;
      const zones = await answer.json();
      version = answer.headers.get('ETag');
      added = shapes.filter((shape) => !known.has(shape)); // drawn while the answer was on its way
      read(zones);
    } catch {
      return;
    }
    for (const shape of added) {
      if (shapes.some((other) => other.name === shape.name)) shape.name = freeName(shape.kind);
      shapes.push(shape);
    }
    setText(byId('zoneproblem'), '');
    changed(added.length > 0);
    panel.dataset.version = version;
  }

  let saving = Promise.resolve(); // one after the other: each goes out with the version that the one before came back with
  function save() { saving = saving.then(saveNow); }

  async function saveNow() {
    let zones;
    try { zones = written(); } catch (error) { setText(byId('zoneproblem'), error.message); return; }
    const before = edits;
    const answer = await post('zones', zones, version ? { 'If-Match': version } : {});
    setText(byId('zoneproblem'), answer.error || '');
    if (answer.error) return;
    version = answer.version;
    setText(byId('said'), answer.name ? `The zones are in use, and saved in ${answer.name}` : 'The zones are in use.');
    if (edits === before) changed(false);
  }

  function freeName(kind) {
    const stem = { areas: 'zone', lines: 'line', include: 'inside', exclude: 'outside' }[kind];
    let number = 1;
    while (shapes.some((shape) => shape.name === `${stem} ${number}`)) number += 1;
    return `${stem} ${number}`;
  }

  function newShape(points) {
    const kind = byId('kind').value;
    return { kind, name: freeName(kind), points, ...(kind === 'lines' ? { forward: 'in', backward: 'out' } : {}) };
  }

  function edited() {
    edits += 1;
    byId('unsaved').hidden = false;
  }

  function changed(unsaved = true) {
    if (unsaved) edited();
    else byId('unsaved').hidden = true;
    list();
    paint();
  }

  // Drawing

  function begin() {
    drawn = newShape([]);
    keyboard = false;
    byId('drawing').hidden = false;
    svg.classList.add('drawing');
    svg.setAttribute('tabindex', '0');
    svg.setAttribute('role', 'application');
    svg.setAttribute('aria-label', 'Drawing: arrow keys move the cursor, Space sets a corner, Enter finishes, Escape cancels');
    tell();
    paint();
    stage.scrollIntoView({ block: 'nearest' });
    svg.focus({ preventScroll: true });
  }

  function tell() {
    const count = drawn.points.length;
    const what = isLine(drawn) ? 'both ends of the line' : 'the corners, one after the other';
    setText(byId('how'), count ? `${count} ${count === 1 ? 'corner' : 'corners'} set.${count >= 3 ? ' Finish, or click the first one again.' : ''}` : `Click ${what}; or move with the arrow keys and set with Space.`);
    byId('finish').disabled = count < least(drawn);
    byId('undo').disabled = !count;
  }

  function end() {
    drawn = null;
    byId('drawing').hidden = true;
    svg.classList.remove('drawing');
    svg.removeAttribute('tabindex');
    svg.setAttribute('role', 'img');
    svg.setAttribute('aria-label', 'Zones and lines on the picture');
    paint();
  }

  function finish() {
    if (!drawn || drawn.points.length < least(drawn)) return;
    shapes.push(drawn);
    end();
    changed();
    panel.querySelector('#list li:last-child input').focus({ preventScroll: true });
  }

  function cancel() {
    if (!drawn) return;
    end();
    byId('draw').focus({ preventScroll: true });
  }

  // The first corner again: the polygon is complete
  function closes([x, y]) {
    const [first] = drawn.points;
    const box = svg.getBoundingClientRect();
    const { columns, rows } = grid();
    return drawn.points.length >= 3 && !isLine(drawn)
      && Math.hypot(((x - first[0]) * box.width) / columns, ((y - first[1]) * box.height) / rows) < GRIP_PX / 2;
  }

  function addCorner(point) {
    if (closes(point)) { finish(); return; }
    if (drawn.points.length >= MOST_CORNERS) return;
    drawn.points.push(point);
    if (isLine(drawn) && drawn.points.length === 2) { finish(); return; }
    tell();
    paint();
  }

  svg.addEventListener('pointerdown', (event) => {
    if (event.button) return;
    if (drawn) {
      keyboard = false;
      addCorner(pointAt(event).point);
      event.preventDefault();
    } else if (event.target.dataset.grip) {
      const [shape, corner] = event.target.dataset.grip.split(' ').map(Number);
      dragged = { shape: shapes[shape], corner };
      svg.setPointerCapture(event.pointerId);
      event.preventDefault();
    }
  });
  svg.addEventListener('pointermove', (event) => {
    if (!dragged) return;
    dragged.shape.points[dragged.corner] = pointAt(event).point;
    paint();
  });
  for (const name of ['pointerup', 'pointercancel']) {
    svg.addEventListener(name, () => {
      if (!dragged) return;
      dragged = null;
      changed();
    });
  }
  svg.addEventListener('keydown', (event) => {
    if (!drawn) return;
    const step = event.shiftKey ? 5 * STEP : STEP;
    const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (move) {
      keyboard = true;
      move.forEach((by, axis) => { cursor[axis] = rounded(within(cursor[axis] + by)); });
      paint();
    } else if (event.key === ' ') {
      keyboard = true;
      addCorner([...cursor]);
    } else if (event.key === 'Enter') finish();
    else if (event.key === 'Escape') cancel();
    else if (event.key === 'Backspace') undo();
    else return;
    event.preventDefault();
  });

  function undo() {
    if (!drawn) return;
    drawn.points.pop();
    tell();
    paint();
  }

  // On the picture

  function element(tag, attributes) {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  }

  function paint() {
    svg.toggleAttribute('hidden', !panel.open || panel.hidden);
    svg.replaceChildren();
    if (!panel.open || panel.hidden) return;
    const { width, height } = stage.getBoundingClientRect();
    svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    const { count, columns, rows } = grid();
    for (let part = 0; part < count; part += 1) {
      const left = ((part % columns) * width) / columns;
      const top = (Math.floor(part / columns) * height) / rows;
      const at = ([x, y]) => [left + (x * width) / columns, top + (y * height) / rows];
      shapes.forEach((shape, index) => paintShape(shape, at, drawn ? null : index));
      if (drawn) {
        paintShape(drawn, at, null);
        if (keyboard) {
          const [x, y] = at(cursor);
          svg.append(element('path', { class: 'cursor', d: `M${x - 12} ${y}h24M${x} ${y - 12}v24` }));
        }
      }
    }
  }

  function paintShape(shape, at, index) {
    const points = shape.points.map(at);
    const group = element('g', { 'data-kind': shape.kind });
    const path = points.map(([x, y]) => `${x} ${y}`).join('L');
    const closed = isLine(shape) || shape === drawn ? '' : 'Z';
    if (points.length > 1) {
      group.append(element('path', { class: 'under', d: `M${path}${closed}` }));
      group.append(element('path', { class: `shape ${shape.kind}`, d: `M${path}${closed}` }));
    }
    if (isLine(shape) && points.length === 2) group.append(arrow(...points));
    for (const [corner, [x, y]] of points.entries()) {
      group.append(element('circle', { class: 'handle', cx: x, cy: y, r: 5 }));
      if (index !== null) group.append(element('circle', { class: 'grip', cx: x, cy: y, r: GRIP_PX / 2, 'data-grip': `${index} ${corner}` }));
    }
    if (points.length) {
      const [x, y] = points.reduce((low, each) => (each[1] < low[1] ? each : low));
      const label = element('text', { x: x + 9, y: Math.max(14, y - 8) });
      label.textContent = isLine(shape) ? `${shape.name} → ${shape.forward}` : shape.name;
      group.append(label);
    }
    svg.append(group);
  }

  // Across the middle of a line: the way that is called forward, to the right of who goes from the first end to the second
  function arrow([x0, y0], [x1, y1]) {
    const length = Math.hypot(x1 - x0, y1 - y0) || 1;
    const [along, across] = [[(x1 - x0) / length, (y1 - y0) / length], [-(y1 - y0) / length, (x1 - x0) / length]];
    const point = (far, side) => [0, 1].map((axis) => ([x0 + x1, y0 + y1][axis] / 2) + far * across[axis] + side * along[axis]);
    const [from, tip, left, right] = [point(-16, 0), point(16, 0), point(8, -6), point(8, 6)];
    return element('path', { class: 'arrow', d: `M${from}L${tip}M${left}L${tip}L${right}` });
  }

  // In the list

  function list() {
    byId('list').replaceChildren(...shapes.map((shape, index) => {
      const legend = make('legend', {}, `${NAMES[shape.kind]} ${shape.name}`);
      const named = (label, key) => {
        const input = make('input', { type: 'text', value: shape[key], maxlength: 40, 'data-key': key });
        input.addEventListener('input', () => {
          shape[key] = input.value.trim();
          setText(legend, `${NAMES[shape.kind]} ${shape.name}`);
          edited();
          paint();
        });
        return make('label', {}, label, input);
      };
      const remove = make('button', { type: 'button' }, 'Delete');
      remove.setAttribute('aria-label', `Delete ${NAMES[shape.kind].toLowerCase()} ${shape.name}`);
      remove.addEventListener('click', () => { shapes.splice(index, 1); changed(); byId('add').focus({ preventScroll: true }); });
      const more = make('button', { type: 'button' }, 'Add corner');
      more.addEventListener('click', () => {
        const [a, b] = [shape.points[0], shape.points[shape.points.length - 1]];
        shape.points.push([rounded((a[0] + b[0]) / 2), rounded((a[1] + b[1]) / 2)]);
        changed();
      });
      return make('li', { 'data-kind': shape.kind }, make('fieldset', {}, legend,
        make('div', { class: 'row' }, named('Name', 'name'),
          ...(isLine(shape) ? [named('Forward', 'forward'), named('Backward', 'backward')] : [more]), remove),
        make('div', { class: 'points' }, ...shape.points.map((_, corner) => cornerFields(shape, corner)))));
    }));
  }

  function cornerFields(shape, corner) {
    const fields = ['x', 'y'].map((letter, axis) => {
      const input = make('input', {
        type: 'number', min: 0, max: 100, step: 0.1, value: rounded(100 * shape.points[corner][axis]),
        'aria-label': `Corner ${corner + 1} of ${shape.name}, ${letter} in percent`,
      });
      input.addEventListener('input', () => {
        if (!input.checkValidity() && !input.validity.stepMismatch) return;
        if (input.value === '') return;
        shape.points[corner] = shape.points[corner].map((old, each) => (each === axis ? rounded(Number(input.value) / 100) : old));
        edited();
        paint();
      });
      return make('label', {}, letter, input);
    });
    const cut = make('button', { type: 'button', 'aria-label': `Delete corner ${corner + 1} of ${shape.name}` }, '×');
    cut.addEventListener('click', () => { shape.points.splice(corner, 1); changed(); });
    return make('span', { class: 'point' }, ...fields, ...(shape.points.length > least(shape) ? [cut] : []));
  }

  byId('draw').addEventListener('click', begin);
  byId('finish').addEventListener('click', finish);
  byId('undo').addEventListener('click', undo);
  byId('cancel').addEventListener('click', cancel);
  byId('add').addEventListener('click', () => {
    const line = byId('kind').value === 'lines';
    shapes.push(newShape(line ? [[0.5, 0.25], [0.5, 0.75]] : [[0.35, 0.35], [0.65, 0.35], [0.65, 0.65], [0.35, 0.65]]));
    changed();
    panel.querySelector('#list li:last-child input').focus();
  });
  byId('save').addEventListener('click', save);
  byId('discard').addEventListener('click', load);
  panel.addEventListener('toggle', () => { if (panel.open && byId('unsaved').hidden) load(); end(); });
  new ResizeObserver(paint).observe(stage);
  window.addEventListener('status', ({ detail: { status, before } }) => {
    panel.hidden = !status.can.includes('zones');
    if (!before && panel.open && byId('unsaved').hidden) load(); // another run, with zones of its own
    else if (!before || before.lanes.length !== status.lanes.length) paint();
  });
})();

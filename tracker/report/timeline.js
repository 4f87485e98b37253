// The timeline under the video, and the time axis that the bars share.
const timeline = byId('timeline');
const gutter = () => (timeline.clientWidth < 600 ? 0 : 104); // for the rows' names; on a phone they stand in the rows
const side = 10; // so that marks at either end are whole
const xOf = (timeS, width) => gutter() + side + ((timeS - view.from) / (view.to - view.from)) * (width - gutter() - 2 * side);
const timeOf = (x, width) => view.from + ((x - gutter() - side) / (width - gutter() - 2 * side)) * (view.to - view.from);

function ticks(width) {
  const most = Math.max(2, (width - gutter()) / 90);
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
  const step = steps.find((s) => (view.to - view.from) / s <= most) || 14400 * Math.ceil((view.to - view.from) / 14400 / most);
  const found = [];
  for (let n = Math.ceil(view.from / step - 1e-6); n * step <= view.to + 1e-6; n += 1) found.push(n * step);
  return { step, found };
}

/** Bins that are looked at, as [index, from, to]. */
function binsInView() {
  const found = [];
  data.times.forEach((from, index) => {
    const to = index + 1 < data.times.length ? data.times[index + 1] : clip.to;
    if (to >= view.from && from <= view.to) found.push([index, Math.max(from, view.from), Math.min(to, view.to)]);
  });
  return found;
}

/** A stepped line of a curve; y takes a value to a height. */
function steps(bins, values, width, y) {
  let path = '';
  let pen = false;
  for (const [index, from, to] of bins) {
    const value = values[index];
    if (value === null || value === undefined) { pen = false; continue; }
    const height = y(value).toFixed(1);
    path += `${pen ? 'L' : 'M'}${xOf(from, width).toFixed(1)} ${height}H${xOf(to, width).toFixed(1)}`;
    pen = true;
  }
  return path;
}

/** Stretches without a value, as [from, to]. */
function gaps(bins, values) {
  const found = [];
  for (const [index, from, to] of bins) {
    if (values[index] !== null) continue;
    if (found.length && found.at(-1)[1] >= from - 1e-9) found.at(-1)[1] = to;
    else found.push([from, to]);
  }
  return found;
}

/** The same as an area on a base line. */
function area(bins, values, width, y, base) {
  return bins.map(([index, from, to]) => (values[index] ? `M${xOf(from, width).toFixed(1)} ${base}V${y(values[index]).toFixed(1)}H${Math.max(xOf(from, width) + 0.6, xOf(to, width)).toFixed(1)}V${base}Z` : '')).join('');
}

const most = (values) => values.reduce((high, value) => Math.max(high, value || 0), 0);
const short = (value) => (value >= 10 ? value.toFixed(0) : String(Number(value.toPrecision(2))));
let nowLine = null;
let nowHead = null;
let markRows = [];
let height = 0;

function drawTimeline() {
  const width = timeline.clientWidth;
  const narrow = gutter() === 0;
  const head = narrow ? 15 : 0; // room for a row's name above it
  const svg = make('svg', { height: 10, 'aria-hidden': 'true' });
  const lengths = make('g');
  const marks = make('g');
  let top = 24;
  const { step, found } = ticks(width);
  const grid = make('g');
  svg.append(grid);
  const name = (text, y, lane) => svg.append(make('text', {
    class: `row${lane === undefined ? '' : ' laned'}`, x: 10, y, ...(lane === undefined ? {} : { 'data-lane': lane % 6 }) }, text));
  const rule = () => grid.append(make('line', { class: 'rule', x1: 0, x2: width, y1: top, y2: top }));
  const begin = (text, rowHeight, lane) => {
    rule();
    name(text, narrow ? top + 13 : top + Math.min(rowHeight / 2 + 4, 18), lane);
    top += head;
    return top;
  };
  const scaleText = (text, y) => svg.append(make('text', { x: width - 4, y, 'text-anchor': 'end' }, text));
  const bins = binsInView();

  markRows = [];
  data.lanes.forEach((lane, index) => {
    if (!shown.lanes.has(index)) return;
    const y = begin(lane.name, 24, index) + 12;
    markRows.push({ lane: index, y });
    // the rare kinds last, on top of the many
    for (const [number, event] of [...events.entries()].sort(([, a], [, b]) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind))) {
      if (event.lane !== index || !visible(event) || (event.to || event.from) < view.from || event.from > view.to) continue;
      const x = xOf(event.from, width);
      if (event.to) {
        lengths.append(make('line', { class: 'long', x1: x, x2: xOf(Math.min(event.to, view.to), width), y1: y, y2: y, style: `stroke:var(--${event.kind})` }));
      }
      if (event.from >= view.from) {
        marks.append(shape(event.kind, { class: 'mark', 'data-event': number, 'data-kind': event.kind, transform: `translate(${x.toFixed(1)} ${y})` }));
      }
    }
    top += 24;
  });

  // objects: all lanes on one scale
  const objects = data.lanes.filter((_, index) => shown.lanes.has(index));
  const high = Math.max(1, most(objects.flatMap((lane) => lane.objects)));
  let base = begin('objects seen', 58) + 52;
  let y = (value) => base - (value / high) * 46;
  data.lanes.forEach((lane, index) => {
    if (shown.lanes.has(index)) svg.append(make('path', { class: 'curve', 'data-lane': index % 6, d: steps(bins, lane.objects, width, y) }));
  });
  scaleText(`${short(high)}`, base - 38);
  top += 58;

  if (data.disagreement) {
    const highest = most(data.disagreement);
    const foot = begin('disagreement', 44) + 40;
    const up = (value) => foot - (value / (highest || 1)) * 34;
    svg.append(make('path', { class: 'area', d: area(bins, data.disagreement, width, up, foot) }));
    scaleText(`${short(100 * highest)} %`, foot - 26);
    top += 44;
  }

  const known = data.errors.map((errors, index) => ({ errors, index })).filter(({ errors, index }) => errors && shown.lanes.has(index));
  const inBoxes = known.every(({ errors }) => errors.unit === 'boxes');
  const worst = Math.max(inBoxes ? 1 : 0, ...known.map(({ errors }) => Math.max(most(errors.misses), most(errors.false_boxes)))) || 1;
  for (const { errors, index } of known) {
    const middle = begin(narrow ? `${data.lanes[index].name}: misses ↑ false ↓${inBoxes ? ' switches |' : ''}` : `${data.lanes[index].name} errors`, 48, index) + 24;
    if (!narrow) {
      svg.append(make('text', { x: 10, y: top + 32 }, 'misses ↑ false ↓'));
      svg.append(make('text', { x: 10, y: top + 44 }, inBoxes ? 'switches' : 'of the pixels'));
      if (inBoxes) svg.append(make('line', { class: 'switches', x1: 62, x2: 62, y1: top + 35, y2: top + 45 }));
    }
    for (const [from, to] of gaps(bins, errors.misses)) {
      const [left, right] = [xOf(from, width), xOf(to, width)];
      svg.append(make('rect', { class: 'unknown', x: left, width: Math.max(0, right - left), y: middle - 23.5, height: 47 }));
      if (right - left > 60) svg.append(make('text', { x: (left + right) / 2, y: middle + 4, 'text-anchor': 'middle' }, 'no truth'));
    }
    const row = make('g', { 'data-lane': index % 6, class: 'errors' });
    row.append(make('path', { class: 'misses', d: area(bins, errors.misses, width, (value) => middle - (value / worst) * 20, middle) }));
    row.append(make('path', { class: 'false', d: area(bins, errors.false_boxes, width, (value) => middle + (value / worst) * 20, middle) }));
    const switched = bins.filter(([at]) => errors.switches[at] && data.times[at] >= view.from);
    const opacity = clamp(100 / switched.length, 0.15, 1); // so many that they would hide all else are faint
    for (const [, from] of switched) {
      row.append(make('line', { class: 'switches', opacity, x1: xOf(from, width), x2: xOf(from, width), y1: middle - 20, y2: middle + 20 }));
    }
    svg.append(row);
    scaleText(`${short(worst)}${inBoxes ? '' : ' %'}`, middle - 13);
    top += 48;
  }

  for (const time of found) {
    const x = xOf(time, width);
    grid.prepend(make('line', { class: 'tick', x1: x, x2: x, y1: 20, y2: top }));
    const anchor = x > width - 30 ? 'end' : x < 20 ? 'start' : 'middle';
    svg.append(make('text', { x: anchor === 'end' ? width - 4 : anchor === 'start' ? 4 : x, y: 15, 'text-anchor': anchor }, clock(time, step < 1 ? 1 : 0)));
  }
  nowLine = make('line', { class: 'now', y1: 20, y2: top });
  nowHead = make('path', { class: 'nowhead', d: 'M-5 14H5V18L0 23-5 18Z' });
  svg.append(lengths, marks, nowLine, nowHead);
  height = top;
  svg.setAttribute('height', String(top));
  svg.setAttribute('viewBox', `0 0 ${width} ${top}`);
  timeline.replaceChildren(svg);
  byId('whole').hidden = view.from === clip.from && view.to === clip.to;
  moveLine();
}

function moveLine() {
  if (!nowLine) return;
  const seen = now >= view.from - 1e-6 && now <= view.to + 1e-6;
  const x = xOf(now, timeline.clientWidth);
  nowLine.setAttribute('x1', x);
  nowLine.setAttribute('x2', x);
  nowHead.setAttribute('transform', `translate(${x} 0)`);
  for (const part of [nowLine, nowHead]) part.style.display = seen ? '' : 'none';
  timeline.setAttribute('aria-valuenow', now.toFixed(2));
  timeline.setAttribute('aria-valuetext', clock(now));
}

function look(from, to) {
  const length = clamp(to - from, Math.min(10 * frameS, clip.to - clip.from), clip.to - clip.from);
  view.from = clamp(from, clip.from, clip.to - length);
  view.to = view.from + length;
  redraw();
}

/** The mark at a place, or the nearest one in its row that a finger may have meant. */
function markAt(x, y) {
  const row = markRows.find((candidate) => Math.abs(candidate.y - y) <= 12);
  if (!row) return null;
  let best = null;
  let distance = 8;
  for (const event of events) {
    const away = Math.abs(xOf(event.from, timeline.clientWidth) - x);
    if (event.lane === row.lane && visible(event) && away < distance) [best, distance] = [event, away];
  }
  return best;
}

let drag = null;
const place = (event) => {
  const box = timeline.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
};
timeline.addEventListener('pointerdown', (event) => {
  if (event.button !== 0) return;
  drag = { x: place(event)[0], band: null };
  try { timeline.setPointerCapture(event.pointerId); } catch { /* the pointer has gone already */ }
});
timeline.addEventListener('pointermove', (event) => {
  const [x, y] = place(event);
  if (drag && Math.abs(x - drag.x) > (event.pointerType === 'touch' ? 20 : 5)) {
    if (!drag.band) {
      drag.band = make('rect', { class: 'band', y: 20, height: height - 20 });
      timeline.firstChild.append(drag.band);
    }
    drag.band.setAttribute('x', Math.min(x, drag.x));
    drag.band.setAttribute('width', Math.abs(x - drag.x));
    tell(event, `${clock(timeOf(Math.min(x, drag.x), timeline.clientWidth))} to ${clock(timeOf(Math.max(x, drag.x), timeline.clientWidth))}`);
    return;
  }
  const mark = markAt(x, y);
  tell(event, mark ? say(mark) : x > gutter() ? valuesAt(timeOf(x, timeline.clientWidth)) : '');
});
timeline.addEventListener('pointerup', (event) => {
  if (!drag) return;
  const [x, y] = place(event);
  const { x: from, band } = drag;
  drag = null;
  if (band) {
    band.remove();
    const [a, b] = [from, x].sort((one, other) => one - other).map((at) => clamp(timeOf(at, timeline.clientWidth), clip.from, clip.to));
    if (b > a) look(a, b);
    return;
  }
  const mark = markAt(x, y);
  if (mark) seek(mark.from);
  else if (x >= gutter()) seek(timeOf(x, timeline.clientWidth));
});
timeline.addEventListener('pointercancel', () => { if (drag && drag.band) drag.band.remove(); drag = null; });
timeline.addEventListener('pointerleave', () => { tip.hidden = true; });
timeline.addEventListener('dblclick', () => look(clip.from, clip.to));
byId('whole').addEventListener('click', () => look(clip.from, clip.to));
timeline.addEventListener('keydown', (event) => {
  const step = event.shiftKey ? 1 : frameS;
  const middle = (factor) => look(now - (factor * (view.to - view.from)) / 2, now + (factor * (view.to - view.from)) / 2);
  const action = {
    ArrowLeft: () => seek(now - step),
    ArrowRight: () => seek(now + step),
    Home: () => seek(clip.from),
    End: () => seek(clip.to),
    '+': () => middle(0.5),
    '-': () => middle(2),
    Escape: () => look(clip.from, clip.to),
  }[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

function binAt(timeS) {
  let low = 0;
  let high = data.times.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (data.times[middle] <= timeS) low = middle; else high = middle - 1;
  }
  return low;
}

function valuesAt(timeS) {
  const bin = binAt(timeS);
  const lines = data.lanes.map((lane, index) => {
    const errors = data.errors[index];
    const unit = errors && errors.unit === 'pixels' ? ' %' : '';
    const known = errors && errors.misses[bin] !== null
      ? `, ${short(errors.misses[bin])}${unit} missed, ${short(errors.false_boxes[bin])}${unit} false${errors.switches[bin] ? `, ${errors.switches[bin]} switched` : ''}` : '';
    return `${lane.name}: ${short(lane.objects[bin] || 0)} seen${known}`;
  });
  return [clock(timeS), ...lines].join('\n');
}

redraws.push(drawTimeline);
moves.push(moveLine);
let drawnWidth = 0;
new ResizeObserver(() => {
  if (timeline.clientWidth === drawnWidth) return;
  drawnWidth = timeline.clientWidth;
  redraw();
}).observe(timeline);

'use strict';
// What all parts share: the values, the time that is shown, the range that is looked at, the filters.
const data = JSON.parse(document.getElementById('data').textContent);
const byId = (id) => document.getElementById(id);
const clip = { from: data.start, to: Math.max(data.end, data.start + 0.1) };
const view = { from: clip.from, to: clip.to };
const frameS = (clip.to - clip.from) / Math.max(1, data.frames);
const words = data.kinds; // by kind, in the page's order
const kinds = Object.keys(words);
const events = data.events.map(([kind, lane, frame, from, to, ids, note]) =>
  ({ kind: kinds[kind], lane, frame, from, to, ids, note }));
// Meetings are by far the most frequent events of a busy clip, and mostly end well: there they wait behind their chips,
// so that who came, who went and which names may be wrong can be seen.
const BUSY = 100;
const telling = ['birth', 'death', 'switch'];
const calm = events.length > BUSY && events.some(({ kind }) => telling.includes(kind));
const shown = { kinds: new Set(calm ? telling : kinds), lanes: new Set(data.lanes.map((_, index) => index)) };
const redraws = []; // called when the range, the filters, the width or the colours change
const moves = []; // called when the time that is shown changes
let now = clip.from;

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const redraw = () => redraws.forEach((draw) => draw());
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function make(tag, attributes = {}, ...children) {
  const drawn = ['svg', 'g', 'path', 'line', 'rect', 'text', 'image', 'circle', 'title'].includes(tag);
  const element = drawn ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function clock(timeS, digits = 1) {
  const unit = 10 ** digits;
  const ticks = Math.max(0, Math.floor(timeS * unit + 1e-5)); // as in the video: no frame comes later than it is said to
  const minutes = Math.floor(ticks / (60 * unit));
  const seconds = ((ticks % (60 * unit)) / unit).toFixed(digits).padStart(digits ? 3 + digits : 2, '0');
  return clip.to < 3600 ? `${minutes}:${seconds}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}:${seconds}`;
}

// The video. Its clock starts with the run's first frame; without it, only the mark on the timeline moves.
const video = document.querySelector('video');
const player = byId('player');
let playable = Boolean(video);
let wanted = null; // a time asked for before the video knew its length

function moveTo(timeS) {
  now = clamp(timeS, clip.from, clip.to);
  moves.forEach((move) => move());
}

function show(timeS) {
  moveTo(timeS);
  wanted = now;
  if (playable && video.readyState > 0) {
    // a millisecond into the frame: its time in the file is rounded
    video.currentTime = now - clip.from + 0.001;
    wanted = null;
  }
}

function seek(timeS) {
  show(timeS);
  if (!playable) return;
  const { top, bottom, height } = byId('stage').getBoundingClientRect();
  if (bottom > 80 && top < innerHeight - 80) return;
  byId('stage').style.minHeight = `${height}px`; // so that the page does not jump
  player.classList.add('away');
}

function backInPlace() {
  player.classList.remove('away');
  byId('stage').style.minHeight = '';
}

if (video) {
  const missing = () => {
    playable = false;
    byId('stage').hidden = true;
    byId('novideo').hidden = false;
  };
  video.addEventListener('error', missing);
  if (video.error) missing();
  video.addEventListener('loadedmetadata', () => {
    if (wanted !== null) show(wanted);
  });
  const follow = () => {
    const at = clip.from + video.currentTime;
    // what is within two milliseconds is the frame that was asked for
    if (wanted === null && video.readyState > 0 && Math.abs(at - now) > 0.002) moveTo(at);
  };
  const play = () => {
    follow();
    if (!video.paused && !video.ended) requestAnimationFrame(play);
  };
  video.addEventListener('play', play);
  for (const name of ['seeked', 'timeupdate', 'pause']) video.addEventListener(name, follow);
  // Whoever clicks far below still sees the video: it waits in a corner until its place is in sight again.
  new IntersectionObserver(([entry]) => {
    if (entry.intersectionRatio > 0.3) backInPlace();
  }, { threshold: [0, 0.3, 0.6] }).observe(byId('stage'));
  byId('dock').addEventListener('click', backInPlace);
}

// The video opens where something is to be seen; until it has loaded, the picture of that moment stands for it.
if (playable && byId('opening')) {
  const button = byId('opening').querySelector('[data-seek]');
  const picture = document.querySelector(`.peaks [data-seek="${button.dataset.seek}"] img`);
  if (picture) video.poster = picture.src;
  show(Number(button.dataset.seek));
}

document.addEventListener('click', (event) => {
  const button = event.target.closest('[data-seek]');
  if (button) seek(Number(button.dataset.seek));
});

// A few words beside the pointer.
const tip = byId('tip');
function tell(event, text) {
  tip.hidden = !text;
  if (!text) return;
  tip.textContent = text;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${clamp(event.clientX + 14, 4, innerWidth - width - 4)}px`;
  tip.style.top = `${event.clientY + 18 + height > innerHeight ? event.clientY - height - 10 : event.clientY + 18}px`;
}
addEventListener('scroll', () => { tip.hidden = true; }, { passive: true });

addEventListener('theme', redraw);

// Kinds of events: a shape and a colour each, about 10 px round (0, 0).
const shapes = {
  birth: 'M0-4.5 4.5 4H-4.5Z',
  death: 'M-4-4 4 4M4-4-4 4',
  occlusion: 'M0-4A4 4 0 0 0 0 4Z M0-4A4 4 0 0 1 0 4',
  merge: 'M0-5 5 0 0 5-5 0Z',
  split: 'M0-4.5 4.5 0 0 4.5-4.5 0Z',
  switch: 'M0-6 1.6-1.6 6 0 1.6 1.6 0 6-1.6 1.6-6 0-1.6-1.6Z',
  gap: 'M-4-5h2.5V5H-4ZM1.5-5H4V5H1.5Z',
};
const hollow = new Set(['death', 'split']);
function shape(kind, attributes = {}) {
  const colour = `var(--${kind})`;
  const fill = hollow.has(kind) ? 'var(--card)' : colour;
  return make('path', { d: shapes[kind], style: `fill:${fill};stroke:${colour};stroke-width:${hollow.has(kind) ? 1.8 : 1};fill-opacity:${kind === 'occlusion' ? 0.55 : 1}`, ...attributes });
}
const sign = (kind) => make('svg', { width: 13, height: 13, viewBox: '-6.5 -6.5 13 13', 'aria-hidden': 'true' }, shape(kind));

function chip(set, key, lane, ...children) {
  const button = make('button', { type: 'button', 'aria-pressed': 'true', 'data-key': key, ...(lane === null ? {} : { 'data-lane': lane % 6 }) }, ...children);
  button.addEventListener('click', () => {
    if (!set.delete(key)) set.add(key);
    redraw();
  });
  redraws.push(() => button.setAttribute('aria-pressed', String(set.has(key))));
  return button;
}
const count = (key) => make('small', {}, (data.counts[key] || 0).toLocaleString('en')); // of all, also those left out
const allEvents = data.lanes.reduce((sum, _, index) => sum + (data.counts[index] || 0), 0);
for (const kind of kinds.filter((kind) => events.some((event) => event.kind === kind))) {
  for (const place of ['kinds', 'kinds2']) {
    byId(place).append(chip(shown.kinds, kind, null, sign(kind), words[kind], count(kind)));
  }
}
data.lanes.forEach((lane, index) => {
  for (const place of ['lanes', 'kinds2']) {
    byId(place).append(chip(shown.lanes, index, index, make('span', { class: 'dot' }), lane.name, count(index)));
  }
});
const visible = (event) => shown.kinds.has(event.kind) && shown.lanes.has(event.lane);
const say = (event) => `${clock(event.from)}  ${data.lanes[event.lane].name}: ${event.ids.join(', ')} ${words[event.kind]}`
  + `${event.to ? ` until ${clock(event.to)}` : ''}${event.note ? `\n${event.note}` : ''}\nframe ${event.frame}`;

// The table of events.
const rows = events.map((event, index) => {
  const time = make('button', { type: 'button', class: 'time' }, clock(event.from));
  const row = make('tr', { 'data-event': index, 'data-kind': event.kind },
    make('td', {}, time),
    make('td', {}, make('span', { class: 'lane', 'data-lane': event.lane % 6 }, data.lanes[event.lane].name)),
    make('td', {}, sign(event.kind), words[event.kind]),
    make('td', {}, event.ids.join(', ')),
    make('td', {}, event.note + (event.to ? `${event.note ? ', ' : ''}for ${(event.to - event.from).toFixed(1)} s` : '')));
  row.addEventListener('click', () => seek(event.from));
  return row;
});
byId('rows').append(...rows);
redraws.push(() => {
  let number = 0;
  rows.forEach((row, index) => {
    row.hidden = !visible(events[index]);
    number += row.hidden ? 0 : 1;
  });
  const off = kinds.filter((kind) => !shown.kinds.has(kind) && events.some((event) => event.kind === kind));
  byId('calm').textContent = off.length ? `Switched off: ${off.map((kind) => words[kind]).join(', ')}.` : '';
  const some = events.length < allEvents ? `; this page holds ${events.length.toLocaleString('en')}, spread evenly` : '';
  byId('shown').textContent = events.length ? `${number.toLocaleString('en')} of ${allEvents.toLocaleString('en')} shown${some}.` : 'Nothing of note.';
});

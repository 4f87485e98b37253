'use strict';
const byId = (id) => document.getElementById(id);
const EVENTS_SHOWN = 200;
const LONGEST_WAIT_S = 10; // between two tries to reach the server
const KINDS = {
  birth: 'new', death: 'gone', occlusion: 'was hidden', merge: 'meet', split: 'part', switch: 'identity in doubt',
  gap: 'no picture',
};
const STATES = { starting: 'starting', live: 'live', paused: 'paused', waiting: 'no picture', ended: 'ended', gone: 'no answer' };
let run = { status: null, id: '', known: 0 };
let news = null;
let waitS = 1;
let timer = 0;
let countdown = 0;
let chosenAt = 0; // when lanes were chosen here: the run may not show them yet

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const setText = (element, text) => { if (element.textContent !== text) element.textContent = text; };

async function post(path, body, headers = {}) {
  try {
    const answer = await fetch(path, {
      method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body),
    });
    const text = await answer.text();
    let value = {};
    try { value = JSON.parse(text); } catch { value = { error: text.trim() }; }
    if (answer.headers.has('ETag')) value.version = answer.headers.get('ETag');
    return answer.ok ? value : { error: value.error || `refused (${answer.status})` };
  } catch {
    return { error: 'the tracker does not answer; nothing was changed' };
  }
}

async function ask(action, value, done = '') {
  const answer = await post('controls', { action, value });
  setText(byId('problem'), answer.error || '');
  setText(byId('said'), answer.error ? '' : answer.name ? `Kept as ${answer.name}` : done);
  return !answer.error;
}

// What the server tells

function connect() {
  disconnect();
  if (document.hidden) return; // the other tabs need the few connections that a browser has for one server
  news = new EventSource(`news?run=${run.id}&after=${run.known}`);
  news.addEventListener('open', () => { waitS = 1; clearInterval(countdown); byId('gone').hidden = true; showPicture(); });
  news.addEventListener('status', ({ data }) => showStatus(JSON.parse(data)));
  news.addEventListener('event', ({ data, lastEventId }) => {
    run.known = Number(lastEventId);
    addEvent(JSON.parse(data));
  });
  news.addEventListener('error', lost);
}

function disconnect() {
  clearTimeout(timer);
  clearInterval(countdown);
  if (news) news.close();
  news = null;
}

function lost() {
  const ended = run.status && run.status.state === 'ended';
  disconnect();
  showState(ended ? 'ended' : 'gone');
  sayGone(ended ? 'The run has ended.' : 'The tracker does not answer.');
  timer = setTimeout(tryAgain, 1000 * waitS);
  waitS = Math.min(LONGEST_WAIT_S, 2 * waitS);
}

function sayGone(text) {
  const gone = byId('gone');
  if (gone.hidden || gone.firstChild.textContent !== text) {
    gone.replaceChildren(make('span', {}, text), make('span', { 'aria-hidden': 'true' }));
  }
  gone.hidden = false;
  byId('note').hidden = true;
  byId('stage').classList.add('still');
  document.querySelectorAll('.controls button').forEach((button) => { button.disabled = true; });
  let left = waitS;
  const tick = () => { gone.lastChild.textContent = ` Looking again in ${Math.max(0, left)} s.`; left -= 1; };
  tick();
  countdown = setInterval(tick, 1000);
}

async function tryAgain() {
  try {
    const answer = await fetch('status');
    if (answer.ok) { connect(); return; }
    if (answer.status === 401) {
      disconnect();
      sayGone('The tracker was started again with another token: open the address that it has printed.');
      clearInterval(countdown);
      byId('gone').lastChild.textContent = '';
      return;
    }
  } catch { /* not there yet */ }
  lost();
}

function showPicture() {
  const picture = byId('picture');
  byId('stage').classList.remove('still');
  picture.src = `stream.mjpg?n=${Date.now()}`;
}

byId('picture').addEventListener('load', ({ target }) => {
  target.hidden = false;
  byId('blank').hidden = true;
});
byId('picture').addEventListener('error', () => {
  if (news) setTimeout(() => { if (news) showPicture(); }, 3000);
});
document.addEventListener('visibilitychange', () => {
  if (document.hidden) {
    disconnect();
    byId('picture').removeAttribute('src');
  } else {
    connect();
  }
});

// Status

function showStatus(status) {
  if (status.run !== run.id) {
    if (run.id) byId('events').replaceChildren();
    run = { status: null, id: status.run, known: 0 };
  }
  const before = run.status;
  run.status = status;
  setText(byId('title'), status.title || 'tracker');
  document.title = status.title ? `${status.title} · tracker` : 'tracker';
  showState(status.state);
  byId('note').hidden = !status.note;
  setText(byId('note'), status.note);
  const live = status.state === 'live';
  setText(byId('fps'), live ? status.fps.toFixed(1) : '–');
  setText(byId('delay'), live && status.delay_ms ? `${Math.round(status.delay_ms)} ms` : '–');
  setText(byId('dropped'), status.dropped.toLocaleString('en'));
  setText(byId('viewers'), String(status.viewers));
  setText(byId('effort'), status.effort || 'full');
  const can = new Set(status.state === 'ended' ? [] : status.can);
  for (const action of ['pause', 'freeze', 'reset', 'snapshot', 'record']) {
    const ready = can.has(action) && (action === 'pause' || status.all_lanes.length > 0);
    byId(action).disabled = !ready;
  }
  press('pause', status.state === 'paused');
  press('freeze', status.frozen);
  press('record', status.recording);
  showLanes(status, can.has('lanes'));
  showCounts(status);
  showPassages(status.zones || {});
  window.dispatchEvent(new CustomEvent('status', { detail: { status, before } }));
}

const press = (id, on) => byId(id).setAttribute('aria-pressed', String(on));

function showState(state) {
  byId('state').dataset.state = state;
  setText(byId('state'), STATES[state] || state);
}

const same = (a, b) => a.length === b.length && a.every((each) => b.includes(each));

function showLanes(status, can) {
  const field = byId('lanes');
  const names = status.all_lanes;
  field.hidden = names.length < 2 || !can;
  const choices = [...names.map((name) => [name]), names];
  if (field.dataset.names !== names.join()) {
    field.dataset.names = names.join();
    field.querySelectorAll('label').forEach((label) => label.remove());
    choices.forEach((lanes) => {
      const input = make('input', { type: 'radio', name: 'lanes', value: lanes.join() });
      input.addEventListener('change', () => { chosenAt = Date.now(); ask('lanes', lanes); });
      const all = lanes.length > 1;
      field.append(make('label', {}, input, all ? (lanes.length === 2 ? 'both side by side' : 'all side by side') : lanes[0]));
    });
  }
  if (Date.now() - chosenAt < 1500) return;
  for (const input of field.querySelectorAll('input')) {
    const chosen = same(input.value.split(','), status.lanes);
    if (chosen && !input.checked) input.checked = true;
  }
}

function showCounts(status) {
  const cards = byId('counts');
  const names = status.all_lanes.filter((lane) => status.counts[lane]);
  if (!names.length) return;
  if (cards.dataset.names !== names.join()) {
    cards.dataset.names = names.join();
    cards.replaceChildren(...names.map((lane) => make('div', { class: 'count', 'data-lane': status.all_lanes.indexOf(lane) % 6 },
      make('h3', {}, lane),
      make('dl', {},
        make('div', {}, make('dt', {}, 'now'), make('dd', { class: 'objects' })),
        make('div', {}, make('dt', {}, 'identities so far'), make('dd', { class: 'identities' }))))));
  }
  names.forEach((lane, index) => {
    setText(cards.children[index].querySelector('.objects'), String(status.counts[lane].objects ?? 'off'));
    setText(cards.children[index].querySelector('.identities'), status.counts[lane].identities.toLocaleString('en'));
  });
}

// {lane: {areas: {name: {inside: 1, ...}}, lines: {name: {in: 1, out: 2}}}}: a table a lane, a row a name
function showPassages(zones) {
  const text = JSON.stringify(zones);
  const place = byId('passages');
  if (place.dataset.text === text) return;
  place.dataset.text = text;
  const number = (value) => (Number.isInteger(value) ? value : value.toFixed(1));
  const tables = run.status.all_lanes.filter((lane) => zones[lane]).map((lane, index) => {
    const groups = zones[lane];
    const rows = Object.values(groups).flatMap((group) => Object.entries(group)).map(([name, counts]) =>
      make('tr', {}, make('th', { scope: 'row' }, name), make('td', {}, Object.entries(counts)
        .filter(([what, value]) => typeof value === 'number' && !what.endsWith('_s')).map(([what, value]) => `${number(value)} ${what}`).join(', '))));
    return rows.length ? make('table', { 'data-lane': index % 6 }, make('caption', {}, lane), make('tbody', {}, ...rows)) : '';
  }).filter(Boolean);
  byId('zonecounts').hidden = !tables.length;
  place.replaceChildren(...tables);
}

// Events

function addEvent(event) {
  const list = byId('events');
  const at = new Date(1000 * event.at);
  const who = event.ids.length > 1 && ['merge', 'split'].includes(event.kind) ? event.ids.join(' and ') : String(event.ids[0] ?? '');
  list.prepend(make('li', { 'data-kind': event.kind },
    make('time', { datetime: at.toISOString() }, at.toLocaleTimeString([], { hour12: false })),
    make('div', {}, make('b', {}, `${who} ${KINDS[event.kind] || event.kind}`.trim()), ' ', make('span', {}, [event.lane, event.note].filter(Boolean).join(', ')))));
  while (list.children.length > EVENTS_SHOWN) list.lastChild.remove();
}

byId('meetings').addEventListener('change', ({ target }) => document.body.classList.toggle('births', !target.checked));
byId('aloud').addEventListener('change', ({ target }) => byId('events').setAttribute('aria-live', target.checked ? 'polite' : 'off'));

// Buttons

const pressed = (id) => byId(id).getAttribute('aria-pressed') === 'true';
byId('pause').addEventListener('click', () => ask('pause', !pressed('pause')));
byId('freeze').addEventListener('click', () => ask('freeze', !pressed('freeze')));
byId('record').addEventListener('click', () => ask('record', !pressed('record')));
byId('snapshot').addEventListener('click', () => ask('snapshot'));
byId('reset').addEventListener('click', () => { byId('sure').returnValue = ''; byId('sure').showModal(); });
byId('sure').addEventListener('close', ({ target }) => {
  if (target.returnValue === 'yes') ask('reset', null, 'The scene is being learned again.');
});

if (location.search) history.replaceState(null, '', location.pathname); // the token is in a cookie now
connect();

// The table of clips: found by words, by state, in the order of a column, a part at a time.
{
  const AT_A_TIME = 200;
  const { lanes, rows } = JSON.parse(document.getElementById('data').textContent);
  const [NAME, FAILED, FRAMES, VIDEO_S, WORK_S, IDENTITIES, PROBLEM, VIDEO] = [0, 1, 2, 3, 4, 5, 6, 7];
  const columns = [
    ['clip', (row) => row[NAME]],
    ['frames', (row) => row[FRAMES]],
    ['video', (row) => row[VIDEO_S]],
    ['work', (row) => row[WORK_S]],
    ...lanes.map((lane, index) => [lane, (row) => row[IDENTITIES][index] ?? -1]),
  ];
  const byId = (id) => document.getElementById(id);
  const element = (tag, text, properties = {}) => Object.assign(document.createElement(tag), { textContent: text }, properties);
  const seconds = (s) => (s < 60 ? `${s.toFixed(1)} s` : `${Math.floor(s / 3600)}:${String(Math.floor(s / 60) % 60).padStart(2, '0')}:${String(Math.floor(s % 60)).padStart(2, '0')}`);
  const number = (n) => (n ?? null) === null ? '–' : n.toLocaleString('en');
  const address = (name, ending) => `${name.split('/').map(encodeURIComponent).join('/')}.tracked${ending}`;
  const shown = new Set([0, 1]);
  let order = { column: 0, down: false };
  let found = [];
  let drawn = 0;

  const link = (text, name, ending) => element('a', text, { href: address(name, ending) });
  const draw = (row) => {
    const line = document.createElement('tr');
    const name = element('th', '', { scope: 'row' });
    name.append(row[VIDEO] ? link(row[NAME], row[NAME], '.mp4') : row[NAME]);
    line.append(name);
    if (row[FAILED]) line.append(element('td', 'failed', { className: 'failed' }), element('td', '–'));
    else line.append(element('td', number(row[FRAMES])), element('td', seconds(row[VIDEO_S])));
    line.append(element('td', seconds(row[WORK_S])), ...lanes.map((_, index) => element('td', number(row[IDENTITIES][index]))));
    const files = element('td', '');
    if (!row[FAILED]) {
      files.append(link('summary', row[NAME], '.summary.json'));
      lanes.forEach((lane, index) => {
        if ((row[IDENTITIES][index] ?? null) !== null) files.append(' · ', link(`${lane}.csv`, row[NAME], `.${lane}.csv`));
      });
    }
    line.append(files, element('td', row[PROBLEM], { className: 'words' }));
    return line;
  };
  const add = () => {
    const part = found.slice(drawn, drawn + AT_A_TIME);
    byId('rows').append(...part.map(draw));
    drawn += part.length;
    byId('more').hidden = drawn >= found.length;
    byId('more').textContent = `${Math.min(AT_A_TIME, found.length - drawn)} more of ${number(found.length - drawn)}`;
  };
  const look = () => {
    const words = byId('find').value.toLowerCase().split(/\s+/).filter(Boolean);
    const value = columns[order.column][1];
    found = rows.filter((row) => shown.has(row[FAILED]) && words.every((word) => `${row[NAME]} ${row[PROBLEM]}`.toLowerCase().includes(word)));
    found.sort((a, b) => (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0) * (order.down ? -1 : 1));
    byId('count').textContent = `${number(found.length)} of ${number(rows.length)}`;
    byId('rows').replaceChildren();
    drawn = 0;
    add();
  };
  const heads = columns.map(([title], index) => {
    const head = document.createElement('th');
    const button = element('button', title, { type: 'button' });
    button.addEventListener('click', () => {
      order = { column: index, down: order.column === index ? !order.down : index > 0 };
      heads.forEach((each) => each.removeAttribute('aria-sort'));
      head.setAttribute('aria-sort', order.down ? 'descending' : 'ascending');
      look();
    });
    head.append(button);
    byId('head').append(head);
    return head;
  });
  byId('head').append(element('th', 'files'), element('th', 'note', { className: 'words' }));
  for (const chip of document.querySelectorAll('[data-state]')) {
    const state = Number(chip.dataset.state);
    chip.append(' ', element('small', number(rows.filter((row) => row[FAILED] === state).length)));
    chip.addEventListener('click', () => {
      if (!shown.delete(state)) shown.add(state);
      chip.setAttribute('aria-pressed', String(shown.has(state)));
      look();
    });
  }
  byId('find').addEventListener('input', look);
  byId('more').addEventListener('click', add);
  heads[0].setAttribute('aria-sort', 'ascending');
  look();
}

// Identities over time: one bar a track, by birth; the same height in every lane, so that more pieces make a taller block.
// Whoever looks closer sees those who are there, and them the larger.
const BARS = 250;
const barsOf = (lane) => {
  const here = lane.tracks.filter(([, , , spans]) => spans[0] <= view.to && spans.at(-2) >= view.from);
  const least = here.map((track) => track[2]).sort((a, b) => b - a)[BARS - 1] || 0;
  return here.filter((track) => track[2] >= least).slice(0, BARS);
};
let barTracks = [];
let barHeight = 13;
function barsText(lane, tracks) {
  const all = lane.identities === 1 ? 'one identity' : `${lane.identities.toLocaleString('en')} identities`;
  const left = lane.identities - tracks.length;
  if (byId('whole').hidden) return left > 0 ? `${all}, the ${tracks.length} longest seen; ${left.toLocaleString('en')} left out` : all;
  const some = lane.identities > lane.tracks.length || tracks.length === BARS ? ', of the longest seen' : '';
  return `${all}, ${tracks.length} here${some}`;
}
const barLanes = data.lanes.map((lane, index) => {
  const said = make('span');
  const canvas = make('canvas', { role: 'img', 'aria-label': `${lane.name}: ${lane.identities} identities over time` });
  const line = make('i');
  const screen = make('div', { class: 'screen' }, canvas, line);
  byId('bars').append(make('div', { class: 'lanebars', 'data-lane': index % 6 },
    make('div', { class: 'caption' }, make('span', { class: 'lane', 'data-lane': index % 6 }, lane.name), said),
    screen));
  const trackAt = (event) => barTracks[index][Math.floor((event.clientY - canvas.getBoundingClientRect().top - 4) / barHeight)];
  canvas.addEventListener('pointermove', (event) => {
    const track = trackAt(event);
    tell(event, track ? `${lane.name} ${track[0]}\n${clock(track[3][0])} to ${clock(track[3].at(-2))}, seen in ${track[2]} frames` : '');
  });
  canvas.addEventListener('pointerleave', () => { tip.hidden = true; });
  canvas.addEventListener('click', (event) => { const track = trackAt(event); if (track) seek(track[3][0]); });
  return { lane, said, canvas, line };
});

function drawBars() {
  barTracks = data.lanes.map(barsOf);
  barHeight = clamp(Math.floor(480 / Math.max(1, ...barTracks.map((tracks) => tracks.length))), 2, 13);
  barLanes.forEach(({ lane, said, canvas }, index) => {
    const tracks = barTracks[index];
    said.textContent = barsText(lane, tracks);
    const width = canvas.parentElement.clientWidth;
    const tall = 8 + Math.max(1, tracks.length) * barHeight;
    const scale = devicePixelRatio || 1;
    canvas.width = width * scale;
    canvas.height = tall * scale;
    canvas.style.height = `${tall}px`;
    const pen = canvas.getContext('2d');
    pen.scale(scale, scale);
    pen.strokeStyle = '#ffffff14';
    for (const time of ticks(width).found) { pen.beginPath(); pen.moveTo(xOf(time, width), 0); pen.lineTo(xOf(time, width), tall); pen.stroke(); }
    tracks.forEach(([identity, colour, , spans], row) => {
      const y = 4 + row * barHeight;
      const thick = barHeight > 3 ? barHeight - 2 : barHeight === 3 ? 2 : 1.5;
      const from = Math.max(spans[0], view.from);
      const to = Math.min(spans.at(-2), view.to);
      pen.fillStyle = colour;
      if (to > from) { pen.globalAlpha = 0.35; pen.fillRect(xOf(from, width), y + barHeight / 2 - 0.5, xOf(to, width) - xOf(from, width), 1); }
      for (let at = 0; at < spans.length; at += 3) {
        const [start, end, hidden] = [Math.max(spans[at], view.from), Math.min(spans[at + 1], view.to), spans[at + 2]];
        if (end < start || start > view.to || end < view.from) continue;
        pen.globalAlpha = hidden ? 0.6 : 1;
        const deep = hidden ? Math.max(1, thick / 4) : thick;
        pen.fillRect(xOf(start, width), y + (barHeight - deep) / 2, Math.max(1.2, xOf(end, width) - xOf(start, width)), deep);
      }
      pen.globalAlpha = 1;
      if (barHeight >= 9 && gutter()) {
        pen.font = `${barHeight - 2}px system-ui, sans-serif`;
        pen.textAlign = 'right';
        pen.fillStyle = '#aeb6c2';
        pen.fillText(String(identity), gutter() - 2, y + barHeight - 3);
      }
    });
  });
  moveBars();
}

function moveBars() {
  for (const { canvas, line } of barLanes) {
    line.style.display = now >= view.from && now <= view.to ? '' : 'none';
    line.style.left = `${xOf(now, canvas.parentElement.clientWidth)}px`;
  }
}

redraws.push(drawBars);
moves.push(moveBars);

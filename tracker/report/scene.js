// Paths over the background, and the heat map: pictures of the whole run.
const [sceneWidth, sceneHeight] = data.size;
// Pictures have the clip's pixels, which an anamorphic clip shows wider or narrower than they are high.
const stretched = (width, height) => ({ preserveAspectRatio: 'none', style: `aspect-ratio: ${width * data.aspect} / ${height}` });
data.lanes.forEach((lane, index) => {
  const paths = make('g', { class: 'paths' });
  for (const [identity, colour, , spans, points] of lane.tracks) {
    let line = '';
    for (let at = 0; at < points.length; at += 2) line += `${at ? 'L' : 'M'}${points[at]} ${points[at + 1]}`;
    if (points.length === 2) line += 'h0.1'; // a point is drawn as a round end
    const group = make('g', {},
      make('path', { class: 'line', d: line, stroke: colour }),
      make('circle', { cx: points[0], cy: points[1], r: sceneWidth / 260, fill: colour }),
      make('path', { class: 'hit', d: line }));
    group.addEventListener('pointermove', (event) => tell(event, `${lane.name} ${identity}\n${clock(spans[0])} to ${clock(spans.at(-2))}`));
    group.addEventListener('pointerleave', () => { tip.hidden = true; });
    group.addEventListener('click', () => seek(spans[0]));
    paths.append(group);
  }
  const image = make('image', { href: data.background, width: sceneWidth, height: sceneHeight, preserveAspectRatio: 'none' });
  byId('scenes').append(make('div', { class: 'scene' },
    make('div', { class: 'caption' }, make('span', { class: 'lane', 'data-lane': index % 6 }, lane.name)),
    make('svg', { viewBox: `0 0 ${sceneWidth} ${sceneHeight}`, ...stretched(sceneWidth, sceneHeight), role: 'img', 'aria-label': `Paths of ${lane.tracks.length} identities of ${lane.name}` }, image, paths)));
});

if (data.heat) {
  const back = make('img', { src: data.background, alt: 'The scene without what moves' });
  const canvas = make('canvas', { role: 'img', 'aria-label': 'Where the lanes disagree, the brighter the more often' });
  byId('heat').append(back, canvas);
  const grey = new Image();
  grey.addEventListener('load', () => {
    canvas.width = grey.width;
    canvas.height = grey.height;
    const pen = canvas.getContext('2d');
    pen.drawImage(grey, 0, 0);
    const picture = pen.getImageData(0, 0, grey.width, grey.height);
    const stops = [[11, 13, 16], [91, 26, 122], [197, 48, 95], [249, 140, 43], [252, 243, 160]];
    for (let at = 0; at < picture.data.length; at += 4) {
      const heat = (picture.data[at] / 255) * (stops.length - 1);
      const below = Math.min(stops.length - 2, Math.floor(heat));
      for (let channel = 0; channel < 3; channel += 1) {
        picture.data[at + channel] = stops[below][channel] + (heat - below) * (stops[below + 1][channel] - stops[below][channel]);
      }
      picture.data[at + 3] = Math.min(235, 900 * (heat / (stops.length - 1))); // where they agree the scene shows through
    }
    pen.putImageData(picture, 0, 0);
  });
  grey.src = data.heat;
}
if (data.aspect !== 1) {
  document.querySelectorAll('#heat img, .peaks img').forEach((image) => image.decode().then(() => {
    image.style.aspectRatio = `${image.naturalWidth * data.aspect} / ${image.naturalHeight}`;
  }));
}
redraw();

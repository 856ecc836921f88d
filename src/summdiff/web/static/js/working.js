// The page of a video that is being analyzed: progress by stage, and a button to cancel.

import { api, filmstripAddress } from './api.js';
import { copyOf, make, part, sharp, speak, toast } from './dom.js';
import { Filmstrip } from './filmstrip.js';
import { STAGES, clock, coding, percent, plural } from './words.js';

const ORDER = ['load', 'filmstrip', 'look', 'score'];

export function workingPage(video, { remove }) {
  const page = copyOf('tpl-working');
  part(page, 'title').textContent = video.title;
  part(page, 'facts').textContent = `${clock(video.duration)} · ${video.width}×${video.height} · ${coding(video)}`;
  const stages = ORDER.map((name) => {
    const bar = make('progress', { max: 1, value: 0, 'aria-label': STAGES[name] });
    return make('li', {}, make('span', { textContent: STAGES[name] }), bar, make('output'));
  });
  part(page, 'stages').append(...stages);
  const buttons = Object.fromEntries(['cancel', 'retry', 'remove'].map((name) => [name, part(page, name)]));
  let job = null;
  let filmstrip = null;
  let said = '';
  const tell = (promise) => promise.catch((error) => toast(error.message, 'error'));
  buttons.cancel.addEventListener('click', () => job && tell(api.cancel(job.id)));
  buttons.retry.addEventListener('click', () => tell(api.analyze(video.id)));
  buttons.remove.addEventListener('click', () => remove(video.id));

  const drawFilmstrip = () => {
    const canvas = part(page, 'strip');
    const { clientWidth: width, clientHeight: height } = canvas;
    if (!width || !filmstrip?.ready) return;
    const context = sharp(canvas, width, height);
    const across = height * Math.min(Math.max(filmstrip.aspect, 0.6), 2);
    const count = Math.ceil(width / across);
    for (let k = 0; k < count; k += 1)
      filmstrip.draw(context, ((k + 0.5) / count) * video.duration, k * across, 0, across, height);
  };
  const resized = new ResizeObserver(drawFilmstrip);
  resized.observe(page);

  function update(now) {
    job = now.analysis;
    if (now.filmstrip && !filmstrip) {
      filmstrip = new Filmstrip(filmstripAddress(video.id), now.filmstrip, drawFilmstrip);
      page.classList.add('has-strip');
    }
    const at = job.state === 'waiting' ? -1 : ORDER.indexOf(job.stage);
    stages.forEach((item, place) => {
      const share = place < at ? 1 : place > at ? 0 : Math.min(job.done / Math.max(job.total, 1e-9), 1);
      item.className = place < at ? 'done' : place === at ? 'current' : '';
      const [, bar, output] = item.children;
      if (place === at && ORDER[place] === 'load' && job.state === 'running') bar.removeAttribute('value');
      else bar.value = share;
      output.textContent = place === at && share > 0 ? percent(share) : '';
    });
    const failed = job.state === 'failed';
    page.classList.toggle('failed', failed);
    const text = {
      waiting: job.ahead ? `Waiting for ${plural(job.ahead, 'other video')}.` : 'Starting.',
      running: '',
      failed: job.error,
      cancelled: 'Cancelled. Nothing was kept.',
      done: 'Ready.',
    }[job.state];
    part(page, 'say').textContent = text;
    part(page, 'say').setAttribute('role', failed ? 'alert' : 'status');
    const unfinished = job.state === 'waiting' || job.state === 'running';
    buttons.cancel.hidden = !unfinished;
    buttons.retry.hidden = buttons.remove.hidden = unfinished;
    const stage = STAGES[job.stage] || '';
    if (unfinished && stage !== said) speak((said = stage));
  }

  return { page, update, close: () => resized.disconnect() };
}

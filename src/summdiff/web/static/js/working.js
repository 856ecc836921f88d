// The page of a video that is being watched: progress by stage with the time left, and a button to cancel.

import { api, pictureAddress } from './api.js';
import { copyOf, make, part, speak, toastError } from './dom.js';
import { STAGES, clock, coding, percent, plural, timeLeft } from './words.js';

const ORDER = ['load', 'look', 'listen', 'score'];
const SOMETIMES = ['listen']; // shown once it begins
const PICTURES = 6;

export function workingPage(video, { remove }) {
  const page = copyOf('tpl-working');
  part(page, 'title').textContent = video.title;
  part(page, 'facts').textContent = `${clock(video.duration)} · ${video.width} × ${video.height} · ${coding(video)}`;
  const stages = ORDER.map((name) => {
    const bar = make('progress', { max: 1, value: 0, 'aria-label': STAGES[name] });
    return make('li', { hidden: SOMETIMES.includes(name) }, make('span', { textContent: STAGES[name] }), bar, make('output'));
  });
  part(page, 'stages').append(...stages);
  const each = video.duration / PICTURES;
  part(page, 'strip').append(
    ...Array.from({ length: PICTURES }, (_, k) =>
      make('img', { alt: '', src: pictureAddress(video.id, k * each, (k + 1) * each) }),
    ),
  );
  const buttons = Object.fromEntries(['cancel', 'retry', 'remove'].map((name) => [name, part(page, name)]));
  let job = null;
  let said = '';
  let stage = { name: '', began: 0 };
  const tell = (promise) => promise.catch(toastError);
  buttons.cancel.addEventListener('click', () => job && tell(api.cancel(job.id)));
  buttons.retry.addEventListener('click', () => tell(api.analyze(video.id)));
  buttons.remove.addEventListener('click', () => remove(video.id));

  function update(now) {
    job = now.analysis;
    if (stage.name !== job.stage) stage = { name: job.stage, began: performance.now() };
    const at = job.state === 'waiting' ? -1 : ORDER.indexOf(job.stage);
    stages.forEach((item, place) => {
      const share = place < at ? 1 : place > at ? 0 : Math.min(job.done / Math.max(job.total, 1e-9), 1);
      if (place === at) item.hidden = false;
      item.className = place < at ? 'done' : place === at ? 'current' : '';
      const [, bar, output] = item.children;
      if (place === at && ORDER[place] === 'load' && job.state === 'running') bar.removeAttribute('value');
      else bar.value = share;
      const left = timeLeft(share, (performance.now() - stage.began) / 1000);
      output.textContent = place === at && share > 0 ? `${percent(share)}${left ? `, ${left}` : ''}` : '';
    });
    const failed = job.state === 'failed';
    page.classList.toggle('failed', failed);
    part(page, 'say').textContent = {
      waiting: job.ahead ? `Next in line, after ${plural(job.ahead, 'other video')}.` : 'Starting.',
      running: '',
      failed: job.error,
      cancelled: 'Cancelled.',
      done: 'Ready.',
    }[job.state];
    part(page, 'say').setAttribute('role', failed ? 'alert' : 'status');
    const unfinished = job.state === 'waiting' || job.state === 'running';
    buttons.cancel.hidden = !unfinished;
    buttons.retry.hidden = buttons.remove.hidden = unfinished;
    const words = STAGES[job.stage] || '';
    if (unfinished && words !== said) speak((said = words));
  }

  return { page, update, close: () => {} };
}

// The start page: adding videos, and a grid of those that are there, with their pictures, lengths and states.

import { api, pictureAddress } from './api.js';
import { copyOf, icon, make, part, toast, toastError } from './dom.js';
import { STAGES, bytes, clock, percent } from './words.js';

/** Connect the drop box. `on` has pick() and path(text). */
function setUpDrop(box, on) {
  part(box, 'pick').addEventListener('click', on.pick);
  const form = part(box, 'path');
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const text = form.elements.path.value;
    if (text.trim()) on.path(text).then((added) => added && form.reset());
  });
}

export class Library {
  /** `on` has pick(), path(text), open(video), remove(video), cancelUpload(key). */
  constructor(on) {
    this.on = on;
    this.page = copyOf('tpl-library');
    setUpDrop(part(this.page, 'drop'), on);
    this.cards = new Map(); // id of a video or key of an upload -> card
    part(this.page, 'save-all').addEventListener('click', () => this.#saveAll());
  }

  close() {}

  /** Show the session, and the uploads: [key, {title, share, current}]. */
  update(session, uploads) {
    this.session = session;
    part(this.page, 'path').hidden = !session.typed_paths;
    part(this.page, 'limits').textContent = `Most video files work, up to ${bytes(session.max_upload)} each.`;
    const any = session.videos.length + uploads.length > 0;
    this.page.classList.toggle('full', any);
    part(this.page, 'films-section').hidden = !any;
    const before = this.cards;
    this.cards = new Map([
      ...session.videos.map((video) => [video.id, before.get(video.id) ?? this.#card(video)]),
      ...uploads.map(([key, { title }]) => [key, before.get(key) ?? this.#uploadCard(key, title)]),
    ]);
    for (const video of session.videos) this.#fill(this.cards.get(video.id), video);
    for (const [key, upload] of uploads) {
      const card = this.cards.get(key);
      card.querySelector('progress').value = upload.share;
      part(card, 'state').textContent = upload.current ? `Uploading ${percent(upload.share)}` : 'Waiting to upload';
    }
    const grid = part(this.page, 'films');
    const cards = [...this.cards.values()];
    [...grid.children].filter((child) => !cards.includes(child)).forEach((child) => child.remove());
    cards.forEach((card, place) => card !== grid.children[place] && grid.insertBefore(card, grid.children[place]));
    part(this.page, 'save-all').hidden = session.videos.filter(({ versions }) => versions).length < 2;
    this.#follow();
  }

  #card(video) {
    const open = make(
      'button',
      { className: 'film-open' },
      make('img', { alt: '', loading: 'lazy', src: pictureAddress(video.id, video.duration * 0.3, video.duration * 0.5) }),
      make('span', { className: 'film-title', textContent: video.title }),
      make('span', { className: 'film-facts', 'data-state': '' }),
      make('progress', { max: 1, value: 0, 'aria-hidden': 'true' }),
    );
    open.addEventListener('click', () => this.on.open(video.id));
    return make('li', { className: 'film' }, open, this.#away(`Remove ${video.title}`, () => this.on.remove(video.id)));
  }

  #uploadCard(key, title) {
    const box = make(
      'div',
      { className: 'film-open' },
      make('span', { className: 'film-blank' }),
      make('span', { className: 'film-title', textContent: title }),
      make('span', { className: 'film-facts', 'data-state': '' }),
      make('progress', { max: 1, value: 0, 'aria-label': `Upload of ${title}` }),
    );
    const away = this.#away(`Stop the upload of ${title}`, () => this.on.cancelUpload(key));
    return make('li', { className: 'film sending' }, box, away);
  }

  #away(label, action) {
    const button = make('button', { className: 'icon film-away', title: label, 'aria-label': label }, icon('close'));
    button.addEventListener('click', action);
    return button;
  }

  #fill(card, video) {
    const job = video.analysis;
    const busy = job && ['waiting', 'running'].includes(job.state);
    const share = job ? Math.min(job.done / Math.max(job.total, 1e-9), 1) : 0;
    const words = busy
      ? job.state === 'waiting'
        ? 'Next in line'
        : `${STAGES[job.stage] ?? 'Starting'} ${percent(share)}`
      : video.versions
        ? `Ready${video.warnings.length ? ', with a warning' : ''}`
        : { failed: 'Could not be read', cancelled: 'Cancelled.' }[job?.state] ?? '';
    part(card, 'state').textContent = `${clock(video.duration)} · ${words}`;
    const bar = card.querySelector('progress');
    bar.hidden = !busy;
    bar.value = share;
    card.classList.toggle('failed', job?.state === 'failed' && !video.versions);
    card.classList.toggle('ready', video.versions > 0);
  }

  /** Save the summary of every video that is ready, and download all as one archive. */
  async #saveAll() {
    const videos = this.session.videos.filter(({ versions }) => versions);
    const jobs = []; // followed when all are asked for: the first may be done before the last is
    try {
      for (const video of videos) {
        const { present } = await api.edits(video.id);
        const decisions = present ?? { version: 0, budget: (await api.version(video.id, 0)).budget };
        jobs.push((await api.exportFiles(video.id, { ...decisions, formats: ['mp4'] })).id);
      }
    } catch (error) {
      toastError(error);
      return;
    }
    this.jobs = jobs;
    this.#follow();
  }

  #follow() {
    if (!this.jobs) return;
    const all = this.session.videos.flatMap(({ exports }) => exports);
    const jobs = this.jobs.map((id) => all.find((job) => job.id === id)).filter(Boolean);
    const open = jobs.filter(({ state }) => ['waiting', 'running'].includes(state));
    const say = part(this.page, 'save-all-say');
    const done = jobs.filter(({ state }) => state === 'done');
    part(this.page, 'save-all').disabled = open.length > 0;
    say.textContent = open.length ? `Saving ${jobs.length - open.length + 1} of ${this.jobs.length}…` : '';
    if (open.length || jobs.length < this.jobs.length) return;
    this.jobs = null;
    for (const job of jobs.filter(({ state }) => state === 'failed')) toast(job.error, 'error');
    if (!done.length) return;
    const query = done.map(({ id }) => `job=${encodeURIComponent(id)}`).join('&');
    make('a', { href: `/api/exports?${query}`, download: '' }).click();
    say.textContent = `Saved ${done.length} videos.`;
  }
}

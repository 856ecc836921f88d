// The button that saves the video: it writes it and downloads it at once, with the expected length and size.

import { api, fileAddress } from './api.js';
import { make, part, speak, toast, toastError } from './dom.js';
import { bytes, clock, percent, timeLeft } from './words.js';

export class Saving {
  /** `decisions()` returns what to save. */
  constructor(root, video, decisions) {
    this.root = root;
    this.video = video;
    this.decisions = decisions;
    this.job = null; // id of the job that this page waits for
    part(root, 'save').addEventListener('click', () => this.save());
    part(root, 'saving-cancel').addEventListener('click', () => this.job && api.cancel(this.job).catch(() => {}));
  }

  /** Show the length of a selection and its expected size, `relative` to what its parts take in the film's file. */
  expect({ seconds, size: own }, duration, relative) {
    const size = relative * (own ?? (this.video.size * seconds) / duration);
    part(this.root, 'save-say').textContent = `${clock(seconds)} · about ${bytes(size)} · MP4${this.video.has_audio ? ' with sound' : ''}`;
  }

  async save() {
    if (this.job) return;
    this.began = performance.now();
    part(this.root, 'saved').hidden = true;
    try {
      const job = await api.exportFiles(this.video.id, { ...this.decisions(), formats: ['mp4'] });
      this.job = job.id;
      this.#show(job);
    } catch (error) {
      toastError(error);
    }
  }

  /** Follow the jobs of the video. */
  update(video) {
    this.video = video;
    const job = video.exports.find(({ id }) => id === this.job);
    if (!job) return;
    if (job.state === 'done') this.#done(job);
    else if (job.state === 'failed') toast(job.error, 'error');
    if (['waiting', 'running'].includes(job.state)) this.#show(job);
    else this.#end();
  }

  #show(job) {
    const share = job.done / Math.max(job.total, 1e-9);
    const box = part(this.root, 'saving');
    const had = document.activeElement === part(this.root, 'save');
    box.hidden = false;
    part(this.root, 'saving-bar').value = share;
    part(this.root, 'save').disabled = true;
    if (had) part(this.root, 'saving-cancel').focus();
    const left = timeLeft(share, (performance.now() - this.began) / 1000);
    const words = job.state === 'waiting' && job.ahead ? 'Next in line' : `Saving… ${percent(share)}`;
    part(this.root, 'save-say').textContent = left ? `${words} · ${left}` : words;
  }

  #end() {
    const had = document.activeElement === part(this.root, 'saving-cancel');
    this.job = null;
    part(this.root, 'saving').hidden = true;
    part(this.root, 'save').disabled = false;
    if (had) part(this.root, 'save').focus();
    this.onEnd?.();
  }

  #done(job) {
    const [name] = job.files;
    const link = make('a', { href: fileAddress(this.video.id, job.id, 0), download: name, textContent: name });
    part(this.root, 'saved').replaceChildren('Saved ', link, ` · ${bytes(job.sizes[0])}`);
    part(this.root, 'saved').hidden = false;
    link.click();
    speak(`Saved ${name}.`);
  }
}

// The export dialog: choose formats, follow the progress, download the files.

import { api, archiveAddress, fileAddress } from './api.js';
import { make, part, toast } from './dom.js';
import { FORMATS, clock, plural } from './words.js';

const DISSOLVE_SECONDS = 0.5;
const GROUPS = ['Watch', 'Edit', 'Data', 'Other'];

export class Exporting {
  constructor() {
    this.dialog = document.getElementById('export-dialog');
    part(this.dialog, 'write').addEventListener('click', () => this.#write());
    this.checked = new Set(['mp4']);
    this.items = new Map(); // video, job and state -> element of the list
  }

  /** Open for a video; `selection()` returns the selection to export. */
  open({ video, formats, unavailableFormats, choice, selection }) {
    this.video = video;
    this.selection = selection;
    part(this.dialog, 'what').textContent =
      `${clock(choice.seconds)} in ${plural(choice.parts.length, 'part')} of “${video.title}”`;
    this.#offer(formats);
    part(this.dialog, 'lacking').textContent = unavailableFormats.length
      ? `${unavailableFormats.join(', ')}: after pip install 'summdiff[export]'.`
      : '';
    this.update(video);
    this.dialog.showModal();
  }

  /** Show the jobs of the video. */
  update(video) {
    if (this.video?.id !== video.id) return;
    this.video = video;
    part(this.dialog, 'written').hidden = video.exports.length === 0;
    // Elements are kept, so that nothing disappears under a finger or the focus; only progress bars change.
    const before = this.items;
    this.items = new Map(
      video.exports.map((job) => {
        const key = `${video.id} ${job.id} ${job.state}`;
        const item = before.get(key) ?? this.#item(job);
        const bar = item.querySelector('progress');
        if (bar) Object.assign(bar, { max: job.total, value: job.done });
        return [key, item];
      }),
    );
    const list = part(this.dialog, 'list');
    const items = [...this.items.values()].reverse();
    [...list.children].filter((child) => !items.includes(child)).forEach((child) => child.remove());
    items.forEach((item, place) => item !== list.children[place] && list.insertBefore(item, list.children[place]));
  }

  #offer(formats) {
    if (this.offered === formats.join()) return;
    this.offered = formats.join();
    const box = (name) => {
      const [, words] = FORMATS[name] || ['Other', ''];
      const input = make('input', { type: 'checkbox', name, checked: this.checked.has(name) });
      input.addEventListener('change', () => (input.checked ? this.checked.add(name) : this.checked.delete(name)));
      return make(
        'label',
        { className: 'format' },
        input,
        make('b', { textContent: name }),
        make('span', { textContent: words }),
      );
    };
    const groups = GROUPS.map((group) => [group, formats.filter((name) => (FORMATS[name]?.[0] || 'Other') === group)]);
    part(this.dialog, 'formats').replaceChildren(
      ...groups
        .filter(([, names]) => names.length)
        .map(([group, names]) => make('fieldset', {}, make('legend', { textContent: group }), ...names.map(box))),
    );
  }

  #item(job) {
    if (job.state === 'done') {
      const links = job.files.map((name, place) =>
        make('a', {
          href: fileAddress(this.video.id, job.id, place),
          download: name.split('/').pop(),
          textContent: name,
        }),
      );
      if (links.length > 2) {
        links.unshift(
          make('a', {
            href: archiveAddress(this.video.id, job.id),
            download: '',
            className: 'together',
            textContent: `All ${links.length} files as one .zip`,
          }),
        );
      }
      return make('li', { className: 'done' }, ...links);
    }
    if (job.state === 'failed') return make('li', { className: 'failed', role: 'alert', textContent: job.error });
    if (job.state === 'cancelled') return make('li', { className: 'cancelled', textContent: 'Cancelled' });
    const cancel = make('button', { className: 'quiet', textContent: 'Cancel' });
    cancel.addEventListener('click', () => api.cancel(job.id).catch((error) => toast(error.message, 'error')));
    const bar = make('progress', { 'aria-label': 'Writing' });
    return make('li', { className: 'running' }, bar, cancel);
  }

  async #write() {
    const formats = [...part(this.dialog, 'formats').querySelectorAll('input:checked')].map((input) => input.name);
    if (!formats.length) {
      toast('Choose at least one format.', 'error');
      return;
    }
    try {
      const transition = part(this.dialog, 'dissolve').checked ? DISSOLVE_SECONDS : 0;
      await api.exportFiles(this.video.id, { ...this.selection(), formats, transition });
    } catch (error) {
      toast(error.message, 'error');
    }
  }
}

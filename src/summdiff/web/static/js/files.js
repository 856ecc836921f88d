// The dialog with everything else that can be written: previews to share, timelines for editors, more formats.

import { api, archiveAddress, fileAddress } from './api.js';
import { make, part, toast, toastError } from './dom.js';
import { bytes, clock, plural } from './words.js';

const PREVIEWS = [
  ['gif', 'GIF', 'Plays everywhere: chats, mails, pages. Under 5 MB, without sound.'],
  ['webp', 'WebP', 'Sharper and smaller. For chats and pages. Without sound.'],
  ['sheet', 'Contact sheet', 'One picture of every chosen shot.'],
];
const EDITORS = [
  ['fcp7xml', 'Adobe Premiere Pro', 'File › Import'],
  ['fcp7xml', 'DaVinci Resolve', 'File › Import › Timeline'],
  ['fcpxml', 'Final Cut Pro', 'File › Import › XML'],
  ['otio', 'Kdenlive', 'File › OpenTimelineIO Import'],
  ['edl', 'Another editor', 'A cut list (EDL), which nearly every editor opens'],
];
const MORE = {
  html: ['Report', 'A page with the player, the chart and all shots'],
  png: ['Chart', 'Highlights over time, as a picture'],
  svg: ['Chart, scalable', 'For papers and slides'],
  transcript: ['Transcript', 'What is said, with times'],
  srt: ['Subtitles', 'For players, beside the video'],
  vtt: ['Chapters and subtitles', 'For web pages'],
  json: ['Summary data', 'Everything that was decided, for programs'],
  csv: ['Tables', 'Shots and scores, for spreadsheets'],
  ffmetadata: ['Chapters for FFmpeg', ''],
  txt: ['Lists for FFmpeg and yt-dlp', ''],
};
const TEXTS = [
  ['transcript', 'Text', 'All that is said, with times; a star marks the summary', '.txt'],
  ['transcript', 'Markdown', 'The same as a list, the summary in bold', '.md'],
  ['srt', 'SRT', 'Subtitles of the summary, for players'],
  ['vtt', 'WebVTT', 'Subtitles of the summary, for web pages', '.subtitles.vtt'],
];
const NEED_WORDS = ['srt', 'transcript'];

export class Files {
  constructor() {
    this.dialog = document.getElementById('files-dialog');
    this.items = new Map(); // video, job and state -> element of the list
    this.title = document.getElementById('files-title');
  }

  /** Open a section ('share', 'words', 'editor', 'more'); `context` has video, formats, unavailable, choice, decisions(). */
  open(section, context) {
    Object.assign(this, context);
    const { choice, video } = context;
    part(this.dialog, 'what').textContent =
      `${clock(choice.seconds)} in ${plural(choice.parts.length, 'part')} of “${video.title}”`;
    const [title, choices] = {
      share: ['Share a preview', this.#buttons(PREVIEWS)],
      words: ['Download the transcript', this.#buttons(TEXTS)],
      editor: ['Send to my editor', this.#buttons(EDITORS)],
      more: ['More formats', this.#boxes()],
    }[section];
    this.title.textContent = title;
    part(this.dialog, 'choices').replaceChildren(...choices);
    const note = part(this.dialog, 'lacking');
    note.hidden = ['share', 'words'].includes(section);
    note.textContent = {
      editor: 'Keep the film next to this file, or show your editor where it is.',
      more: context.unavailable.length ? `For ${context.unavailable.join(', ')}: pip install 'summdiff[export]'` : '',
    }[section] ?? '';
    this.update(video);
    this.dialog.showModal();
  }

  /** Show the jobs of the video. */
  update(video) {
    if (this.video?.id !== video.id) return;
    this.video = video;
    const jobs = video.exports.filter(({ id }) => this.own?.has(id));
    part(this.dialog, 'ready').hidden = jobs.length === 0;
    // Elements are kept, so that nothing disappears under a finger or the focus; only progress bars change.
    const before = this.items;
    this.items = new Map(
      jobs.map((job) => {
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
    for (const job of jobs.filter(({ id, state }) => state === 'done' && this.waiting?.has(id))) {
      this.#download(job, this.waiting.get(job.id));
      this.waiting.delete(job.id);
    }
  }

  #buttons(rows) {
    return rows.map(([format, name, words, suffix]) => {
      const button = make(
        'button',
        { className: 'choice', disabled: !this.formats.includes(format) },
        make('b', { textContent: name }),
        make('span', { textContent: this.formats.includes(format) ? words : "Needs pip install 'summdiff[export]'" }),
      );
      button.addEventListener('click', () => this.#write([format], suffix));
      return button;
    });
  }

  #boxes() {
    const known = [...PREVIEWS, ...EDITORS].map(([format]) => format);
    const others = this.formats.filter((name) => name !== 'mp4' && !known.includes(name));
    const boxes = others.map((name) => {
      const [title, words] = MORE[name] ?? [name, ''];
      const lacking = NEED_WORDS.includes(name) && !this.video.has_words;
      return make(
        'label',
        { className: 'choice box' },
        make('input', { type: 'checkbox', name, disabled: lacking }),
        make('b', { textContent: title }),
        make('span', { textContent: lacking ? 'This film has no subtitles or transcript' : words }),
      );
    });
    const write = make('button', { className: 'primary', textContent: 'Save files', 'data-write': '' });
    write.addEventListener('click', () => {
      const formats = [...this.dialog.querySelectorAll('.box input:checked')].map((input) => input.name);
      if (formats.length) this.#write(formats);
      else toast('Choose at least one format.', 'error');
    });
    return [...boxes, make('div', { className: 'row end' }, write)];
  }

  /** Write formats and download what comes of it, or the only file with a suffix. */
  async #write(formats, suffix = '') {
    try {
      const job = await api.exportFiles(this.video.id, { ...this.decisions(), formats });
      this.own = (this.own ?? new Set()).add(job.id);
      this.waiting = (this.waiting ?? new Map()).set(job.id, suffix);
      this.update(this.video);
    } catch (error) {
      toastError(error);
    }
  }

  #download(job, suffix) {
    const place = suffix ? job.files.findIndex((name) => name.endsWith(suffix)) : 0;
    const several = job.files.length > 1 && !suffix;
    const href = several ? archiveAddress(this.video.id, job.id) : fileAddress(this.video.id, job.id, place);
    make('a', { href, download: several ? '' : job.files[place] }).click();
  }

  #item(job) {
    if (job.state === 'done') {
      const links = job.files.map((name, place) =>
        make(
          'span',
          {},
          make('a', { href: fileAddress(this.video.id, job.id, place), download: name.split('/').pop(), textContent: name }),
          ` ${bytes(job.sizes[place])}`,
        ),
      );
      if (links.length > 1) {
        const all = { href: archiveAddress(this.video.id, job.id), download: '', className: 'together' };
        links.unshift(make('a', { ...all, textContent: `All ${links.length} files as one .zip` }));
      }
      return make('li', { className: 'done' }, ...links);
    }
    if (job.state === 'failed') return make('li', { className: 'failed', role: 'alert', textContent: job.error });
    if (job.state === 'cancelled') return make('li', { className: 'cancelled', textContent: 'Cancelled.' });
    const cancel = make('button', { className: 'quiet small', textContent: 'Cancel' });
    cancel.addEventListener('click', () => api.cancel(job.id).catch(toastError));
    return make('li', { className: 'running' }, 'Saving…', make('progress', { 'aria-label': 'Saving' }), cancel);
  }
}

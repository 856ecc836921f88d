// Adding videos and projects: files that are chosen or dropped, one upload at a time, and paths on the server's computer.

import { api, upload } from './api.js';
import { toast, toastError } from './dom.js';
import { bytes } from './words.js';

export class Adding {
  /** `on` has session(), changed(), added(video, alone): `alone` if it is the only one. */
  constructor(on) {
    this.on = on;
    this.uploads = new Map(); // key -> {title, file, share, cancel}, in the order of sending
    this.current = null; // key of the running upload: one at a time, as browsers have few connections per server
    const picker = document.getElementById('picker');
    picker.addEventListener('change', () => {
      this.files([...picker.files]);
      picker.value = '';
    });
    this.pick = () => picker.click();
    this.#listenToDrops();
    addEventListener('beforeunload', (event) => this.uploads.size && event.preventDefault());
  }

  /** The uploads as [key, {title, share, current}]. */
  get list() {
    return [...this.uploads].map(([key, { title, share }]) => [key, { title, share, current: key === this.current }]);
  }

  async files(files) {
    const isProject = ({ name }) => name.endsWith('.json');
    for (const file of files.filter(isProject)) await this.#project(file); // a film in the same drop goes with it
    const films = files.filter((each) => !isProject(each));
    const alone = films.length === 1 && !this.uploads.size && !this.on.session()?.videos.length;
    for (const file of films) {
      const most = this.on.session()?.max_upload ?? Infinity;
      if (file.size > most) {
        toast(`“${file.name}” has ${bytes(file.size)}; this studio takes up to ${bytes(most)}.`, 'error');
        continue;
      }
      const key = crypto.randomUUID?.() ?? String(Math.random());
      this.uploads.set(key, { title: file.name, file, share: 0, alone, cancel: () => this.#forget(key) });
    }
    this.#send();
  }

  cancel(key) {
    this.uploads.get(key)?.cancel();
  }

  /** Add a file of the server's computer; returns whether it was added. */
  async path(text) {
    try {
      this.on.added(await api.addLocal(text), true);
      return true;
    } catch (error) {
      toastError(error);
      return false;
    }
  }

  async #project(file) {
    try {
      const { title, video } = await api.openProject(file);
      if (video) this.on.added(video, true);
      else toast(`Now add “${title}”, the film of this project.`);
    } catch (error) {
      toastError(error);
    }
  }

  #forget(key) {
    this.uploads.delete(key);
    this.on.changed();
  }

  /** Upload the next waiting file. */
  #send() {
    this.on.changed();
    if (this.current !== null || !this.uploads.size) return;
    const [key, entry] = this.uploads.entries().next().value;
    this.current = key;
    const { done, cancel } = upload(entry.file, (share) => {
      entry.share = share;
      this.on.changed();
    });
    entry.cancel = cancel;
    done
      .then((video) => this.on.added(video, entry.alone))
      .catch((error) => error.message && toast(error.message, 'error'))
      .finally(() => {
        this.uploads.delete(key);
        this.current = null;
        this.#send();
      });
  }

  #listenToDrops() {
    let over = 0; // nested elements under the dragged file
    const veil = document.getElementById('drop-veil');
    const dragsFile = (event) => [...(event.dataTransfer?.types || [])].includes('Files');
    addEventListener('dragenter', (event) => {
      if (!dragsFile(event)) return;
      over += 1;
      veil.hidden = false;
    });
    addEventListener('dragleave', (event) => {
      if (!dragsFile(event)) return;
      over = Math.max(0, over - 1);
      veil.hidden = over === 0;
    });
    addEventListener('dragover', (event) => dragsFile(event) && event.preventDefault());
    addEventListener('drop', (event) => {
      if (!dragsFile(event)) return;
      event.preventDefault();
      over = 0;
      veil.hidden = true;
      this.files([...event.dataTransfer.files]);
    });
  }
}

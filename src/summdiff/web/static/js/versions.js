// The versions of a video: what was computed for it, and the request for another one.

import { api } from './api.js';
import { toastError } from './dom.js';

export class Versions {
  /** Calls `onNew(version, own)` for each version that comes later; `own` if this page has asked for it. */
  constructor(video, onNew) {
    this.video = video;
    this.onNew = onNew;
    this.known = new Map(); // number -> version
    this.asked = false;
  }

  /** Load the first ones. */
  async load(count) {
    const numbers = Array.from({ length: count }, (_, number) => number);
    const versions = await Promise.all(numbers.map((number) => api.version(this.video, number)));
    versions.forEach((version) => this.known.set(version.version, version));
  }

  get(number) {
    return this.known.get(number) ?? this.known.get(0);
  }

  get latest() {
    return [...this.known.values()].at(-1);
  }

  get all() {
    return [...this.known.values()];
  }

  /** Let another version be computed: `request` has budget, keep, drop and about. */
  async ask(request) {
    this.asked = true;
    try {
      await api.addVersion(this.video, request);
    } catch (error) {
      this.asked = false;
      toastError(error);
    }
  }

  /** Load those that there are meanwhile. */
  async update(count) {
    if (this.loading || count <= this.known.size) return;
    this.loading = true;
    try {
      for (let number = this.known.size; number < count; number += 1) {
        const version = await api.version(this.video, number);
        if (this.closed) return;
        this.known.set(number, version);
        const own = this.asked;
        this.asked = false;
        this.onNew(version, own);
      }
    } catch {
      // The page says elsewhere that the connection is lost; the next state of the video asks again.
    } finally {
      this.loading = false;
    }
  }

  close() {
    this.closed = true;
  }
}

// The waveform and the segments of speech of the stretch that the timeline shows.

import { api } from './api.js';
import { Latest, later } from './latest.js';

export class Wave {
  constructor(video, hasAudio, onLoad) {
    this.video = video;
    this.hasAudio = hasAudio;
    this.onLoad = onLoad;
    this.shown = null; // {from, to, levels, speech}
    const loading = new Latest((from, to, count) => this.#load(from, to, count));
    this.fetch = later((from, to, count) => loading.ask(from, to, count), 120);
  }

  get speech() {
    return this.shown?.speech ?? [];
  }

  /** Draw [from, from + span) seconds into a band of the context, at `top`. */
  draw(context, from, span, width, top, height, colours) {
    if (!this.hasAudio) return;
    const key = `${from} ${span} ${width}`;
    if (this.key !== key) {
      this.key = key;
      this.fetch(from, from + span, Math.round(width / 2));
    }
    if (!this.shown) return;
    const scale = width / span;
    context.fillStyle = colours.speech;
    for (const [start, end] of this.shown.speech) {
      if (end > from && start < from + span) context.fillRect((start - from) * scale, top + height - 3, (end - start) * scale, 3);
    }
    const { levels } = this.shown;
    const each = (this.shown.to - this.shown.from) / levels.length;
    context.fillStyle = colours.wave;
    const tall = height - 5;
    levels.forEach((level, place) => {
      const x = (this.shown.from + place * each - from) * scale;
      const down = Math.max((level / 100) * tall, 0.5);
      if (x > -4 && x < width) context.fillRect(x, top + (tall - down) / 2, Math.max(each * scale - 0.5, 0.5), down);
    });
  }

  async #load(from, to, count) {
    try {
      const { levels, speech } = await api.sound(this.video, from, to, count);
      this.shown = levels.length ? { from, to, levels, speech } : null;
      this.hasAudio = levels.length > 0;
      this.onLoad();
    } catch {
      // Without it, only the waveform is missing.
    }
  }
}

// Pictures along the timeline. Each stands for an equal stretch of the video, by powers of two of the zoom, and is
// fetched when it is needed; meanwhile a picture of a coarser zoom takes its place.

import { pictureAddress } from './api.js';

const KEPT = 240; // pictures in memory
const AT_ONCE = 4; // requests

export class Strip {
  constructor(video, duration, aspect, onLoad) {
    this.video = video;
    this.duration = duration;
    this.aspect = Math.min(Math.max(aspect, 0.6), 2.2);
    this.onLoad = onLoad;
    this.images = new Map(); // "level place" -> image, the latest used last
    this.wanted = [];
    this.loading = 0;
  }

  /** Draw the pictures of [from, from + span) seconds into a band of the context. */
  draw(context, from, span, width, height) {
    const across = height * this.aspect;
    const level = Math.max(0, Math.round(Math.log2((this.duration / span) * (width / across))));
    const count = 2 ** level;
    const each = this.duration / count;
    const scale = width / span;
    this.wanted = [];
    for (let place = Math.max(0, Math.floor(from / each)); place < count && place * each < from + span; place += 1) {
      const image = this.#image(level, place);
      if (image) cover(context, image, (place * each - from) * scale, 0, each * scale + 0.5, height);
    }
    this.#load();
  }

  close() {
    this.wanted = [];
    this.onLoad = () => {};
  }

  /** The picture, or the best coarser one until it is there. */
  #image(level, place) {
    const image = this.#kept(level, place);
    if (image) return image;
    if (!this.images.has(`${level} ${place}`)) this.wanted.push([level, place]);
    for (let up = 1; up <= level; up += 1) {
      const coarser = this.#kept(level - up, place >> up);
      if (coarser) return coarser;
    }
    return null;
  }

  #kept(level, place) {
    const key = `${level} ${place}`;
    const image = this.images.get(key);
    if (!image?.complete || !image.naturalWidth) return null;
    this.images.delete(key);
    this.images.set(key, image);
    return image;
  }

  #load() {
    while (this.loading < AT_ONCE && this.wanted.length) {
      const [level, place] = this.wanted.shift();
      const each = this.duration / 2 ** level;
      const image = new Image();
      this.loading += 1;
      image.onload = image.onerror = () => {
        this.loading -= 1;
        this.onLoad();
      };
      image.src = pictureAddress(this.video, place * each, (place + 1) * each);
      this.images.set(`${level} ${place}`, image);
      while (this.images.size > KEPT) this.images.delete(this.images.keys().next().value);
    }
  }
}

/** Draw an image, cropped to fill the rectangle. */
function cover(context, image, x, y, width, height) {
  const scale = Math.max(width / image.naturalWidth, height / image.naturalHeight);
  const across = Math.min(image.naturalWidth, width / scale);
  const down = Math.min(image.naturalHeight, height / scale);
  const left = (image.naturalWidth - across) / 2;
  context.drawImage(image, left, (image.naturalHeight - down) / 2, across, down, x, y, width, height);
}

// The filmstrip: one image of thumbnails, each for an equal stretch of the video.

export class Filmstrip {
  constructor(address, layout, onLoad) {
    this.layout = layout;
    this.image = new Image();
    this.image.onload = () => {
      this.ready = true;
      onLoad();
    };
    this.ready = false;
    this.image.src = address;
  }

  /** Width of a thumbnail divided by its height. */
  get aspect() {
    return this.layout.width / this.layout.height;
  }

  /** Draw the thumbnail of a time, cropped to fill the rectangle. */
  draw(context, seconds, x, y, width, height) {
    if (!this.ready) return;
    const { count, columns, width: w, height: h } = this.layout;
    const place = Math.min(count - 1, Math.max(0, Math.floor(seconds / this.layout.seconds)));
    const scale = Math.max(width / w, height / h);
    const across = Math.min(w, width / scale);
    const down = Math.min(h, height / scale);
    const left = (place % columns) * w + (w - across) / 2;
    const top = Math.floor(place / columns) * h + (h - down) / 2;
    context.drawImage(this.image, left, top, across, down, x, y, width, height);
  }
}

// The player: the browser's own if it can play the video, else stills from the filmstrip with a clock of our own.
// Both have a playhead, and both can play only the summary.

const NEAR_END = 0.04; // seconds: browsers stop a little before the end of a part

export class Player {
  /** Calls `onTime(seconds)` during playback and `onState()` when it starts, stops or fails. All times count from the
      first frame, which a browser displays at `startInPlayer` seconds of its own clock. */
  constructor({ video, address, duration, startInPlayer, onTime, onState }) {
    this.video = video;
    this.duration = duration;
    this.startInPlayer = startInPlayer;
    this.onTime = onTime;
    this.onState = onState;
    this.parts = [];
    this.summaryOnly = false;
    this.stills = false; // the browser cannot play this video
    this.clock = { time: 0, playing: false, last: 0 };
    video.addEventListener('loadedmetadata', () => {
      if (!video.videoWidth) this.#useStills();
    });
    video.addEventListener('error', () => this.#useStills());
    for (const event of ['play', 'pause', 'ended', 'volumechange']) video.addEventListener(event, () => this.onState());
    video.addEventListener('seeking', () => this.onTime(this.time));
    video.addEventListener('seeked', () => this.onTime(this.time));
    // Hidden tabs have no animation frames, but playback continues.
    video.addEventListener('timeupdate', () => this.summaryOnly && this.playing && this.#skip());
    video.src = address;
    this.frame = requestAnimationFrame(this.#tick);
  }

  get time() {
    return this.stills ? this.clock.time : Math.max(0, this.video.currentTime - this.startInPlayer);
  }

  get playing() {
    return this.stills ? this.clock.playing : !this.video.paused && !this.video.ended;
  }

  /** The chosen parts, [start, end) in seconds, in order. */
  setParts(parts) {
    this.parts = parts;
  }

  seek(seconds) {
    const time = Math.min(Math.max(seconds, 0), Math.max(this.duration - 0.01, 0));
    if (this.stills) this.clock.time = time;
    else this.video.currentTime = time + this.startInPlayer;
    this.onTime(time);
  }

  async play({ summaryOnly = false } = {}) {
    this.summaryOnly = summaryOnly;
    if (summaryOnly && this.parts.length) {
      const inside = this.parts.some(([start, end]) => this.time >= start - NEAR_END && this.time < end - NEAR_END);
      if (!inside) {
        const next = this.parts.find(([start]) => start >= this.time) || this.parts[0];
        this.seek(next[0]);
      }
    } else if (this.time >= this.duration - 0.1) {
      this.seek(0);
    }
    if (this.stills) {
      this.clock.playing = true;
      this.clock.last = performance.now();
      this.onState();
      return;
    }
    try {
      await this.video.play();
    } catch {
      this.onState(); // the browser may refuse, or the video changed meanwhile
    }
  }

  pause() {
    this.clock.playing = false;
    if (!this.stills) this.video.pause();
    this.onState();
  }

  close() {
    cancelAnimationFrame(this.frame);
    this.video.pause();
    this.video.removeAttribute('src');
    this.video.load();
    this.onTime = this.onState = () => {};
  }

  #useStills() {
    if (this.stills || !this.video.getAttribute('src')) return;
    this.stills = true;
    this.onState();
  }

  #tick = (now) => {
    this.frame = requestAnimationFrame(this.#tick);
    if (!this.playing) return;
    if (this.stills) {
      this.clock.time = Math.min(this.duration, this.clock.time + (now - this.clock.last) / 1000);
      this.clock.last = now;
      if (this.clock.time >= this.duration) this.pause();
    }
    if (this.summaryOnly) this.#skip();
    this.onTime(this.time);
  };

  /** Skip parts that are not in the summary, and stop after its last part. */
  #skip() {
    if (!this.parts.length || this.video.seeking) return;
    const time = this.time;
    for (const [start, end] of this.parts) {
      if (time < start - NEAR_END) {
        this.seek(start);
        return;
      }
      if (time < end - NEAR_END) return;
    }
    this.pause();
  }
}

// The player: the browser's own if it can play the video, else pictures with a clock of our own.
// Both have a playhead, and both can play only the summary.

const NEAR_END = 0.04; // seconds: browsers stop a little before the end of a part
// Browsers cut `currentTime` to microseconds, which would show the frame before the one that starts there.
const NUDGE = 0.001;
const REVERSE = 0.2; // seconds between the pictures of playing backwards

export class Player {
  /** Calls `onTime(seconds)` during playback and `onState()` when it starts, stops or fails. All times count from the
      first frame and leave out gaps in the film; `times` has them beside those of the browser's clock, at the first frame
      and after each gap. */
  constructor({ video, address, duration, fps, times, onTime, onState }) {
    this.video = video;
    this.duration = duration;
    this.fps = fps;
    this.times = times;
    this.onTime = onTime;
    this.onState = onState;
    this.parts = [];
    this.place = -1; // of the part that is played; -1 outside the summary
    this.summaryOnly = false;
    this.speed = 1;
    this.backwards = 0; // speed of playing backwards
    this.stills = false; // the browser cannot play this video
    this.clock = { time: 0, playing: false, last: 0 };
    video.addEventListener('loadedmetadata', () => {
      if (!video.videoWidth) this.#useStills();
    });
    video.addEventListener('error', () => this.#useStills());
    for (const event of ['play', 'pause', 'ended', 'volumechange', 'ratechange'])
      video.addEventListener(event, () => this.onState());
    video.addEventListener('seeking', () => this.onTime(this.time));
    video.addEventListener('seeked', () => this.onTime(this.time));
    // Hidden tabs have no animation frames, but playback continues.
    video.addEventListener('timeupdate', () => this.summaryOnly && this.playing && this.#skip());
    video.src = address;
    this.frame = requestAnimationFrame(this.#tick);
  }

  get time() {
    return this.stills ? this.clock.time : this.#fromBrowser(this.video.currentTime);
  }

  get playing() {
    if (this.backwards) return true;
    return this.stills ? this.clock.playing : !this.video.paused && !this.video.ended;
  }

  /** The chosen parts, [start, end) in seconds, in the order in which they are played. */
  setParts(parts) {
    this.parts = parts;
    this.place = this.#placeAt(this.time);
  }

  /** Seconds of the summary before the playhead. */
  get passed() {
    if (this.place < 0) return 0;
    const before = this.parts.slice(0, this.place).reduce((sum, [start, end]) => sum + end - start, 0);
    const [start, end] = this.parts[this.place];
    return before + Math.min(Math.max(this.time - start, 0), end - start);
  }

  /** Show the frame that is on display at a time: the only way to move the playhead. */
  seek(seconds) {
    const time = Math.min(Math.max(seconds, 0), Math.max(this.duration - 0.01, 0));
    this.place = this.#placeAt(time);
    this.#show(time);
  }

  /** Show the frame that is `count` frames away. */
  step(count) {
    this.pause();
    const frame = Math.floor((this.time + NUDGE) * this.fps + 1e-6) + count;
    this.seek((frame + 0.5) / this.fps - NUDGE);
  }

  async play({ summaryOnly = false } = {}) {
    this.#stopBackwards();
    this.summaryOnly = summaryOnly && this.parts.length > 0;
    if (this.summaryOnly) {
      this.place = this.#placeAt(this.time + NEAR_END);
      if (this.place < 0) {
        const next = this.parts.findIndex(([start]) => start >= this.time);
        this.#enter(Math.max(next, 0));
      }
    } else if (this.time >= this.duration - 0.1) this.seek(0);
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
    this.#stopBackwards();
    this.clock.playing = false;
    if (!this.stills) this.video.pause();
    this.onState();
  }

  setSpeed(speed) {
    this.speed = speed;
    this.video.playbackRate = speed;
    this.onState();
  }

  /** Play backwards, faster with each call. Browsers cannot, so pictures are shown one after the other. */
  playBackwards() {
    const speed = Math.min(8, this.backwards ? this.backwards * 2 : 1);
    this.pause();
    this.backwards = speed;
    this.timer = setInterval(() => {
      if (this.video.seeking) return;
      this.seek(this.time - REVERSE * speed);
      if (this.time <= NUDGE * 2) this.pause();
    }, REVERSE * 1000);
    this.onState();
  }

  close() {
    this.#stopBackwards();
    cancelAnimationFrame(this.frame);
    this.video.pause();
    this.video.removeAttribute('src');
    this.video.load();
    this.onTime = this.onState = () => {};
  }

  #show(time) {
    if (this.stills) this.clock.time = time;
    else this.video.currentTime = this.#toBrowser(time) + NUDGE;
    this.onTime(time);
  }

  #toBrowser(time) {
    const [here, there] = this.times.findLast(([at]) => at <= time + NUDGE) ?? this.times[0];
    return time - here + there;
  }

  /** A time in a gap is that of its end. */
  #fromBrowser(time) {
    const place = Math.max(this.times.findLastIndex(([, at]) => at <= time), 0);
    const [here, there] = this.times[place];
    return Math.min(Math.max(0, time - there + here), this.times[place + 1]?.[0] ?? Infinity);
  }

  /** Playing on in a gap, the browser would show its last picture until the gap ends. */
  #leaveGap() {
    const time = this.time;
    const browser = this.#toBrowser(time);
    if (!this.video.seeking && this.video.currentTime < browser - NEAR_END) this.#show(time);
  }

  #placeAt(time) {
    return this.parts.findIndex(([start, end]) => time >= start - NEAR_END && time < end - NEAR_END);
  }

  #enter(place) {
    this.place = place;
    this.#show(this.parts[place][0]);
  }

  #stopBackwards() {
    clearInterval(this.timer);
    this.backwards = 0;
  }

  #useStills() {
    if (this.stills || !this.video.getAttribute('src')) return;
    this.stills = true;
    this.onState();
  }

  #tick = (now) => {
    this.frame = requestAnimationFrame(this.#tick);
    if (!this.playing || this.backwards) return;
    if (this.stills) {
      this.clock.time = Math.min(this.duration, this.clock.time + ((now - this.clock.last) / 1000) * this.speed);
      this.clock.last = now;
      if (this.clock.time >= this.duration) this.pause();
    }
    if (!this.stills) this.#leaveGap();
    if (this.summaryOnly) this.#skip();
    this.onTime(this.time);
  };

  /** Go on with the next part at the end of one, and stop after the last. */
  #skip() {
    if (!this.parts.length || this.video.seeking) return;
    if (this.place < 0) this.place = this.#placeAt(this.time);
    if (this.place < 0) {
      const next = this.parts.findIndex(([start]) => start >= this.time);
      if (next < 0) this.pause();
      else this.#enter(next);
      return;
    }
    if (this.time < this.parts[this.place][1] - NEAR_END * Math.max(1, this.speed)) return;
    if (this.place + 1 >= this.parts.length) this.pause();
    else if (Math.abs(this.parts[this.place + 1][0] - this.parts[this.place][1]) < NEAR_END) this.place += 1;
    else this.#enter(this.place + 1);
  }
}

// Drawing of the timeline: pictures, waveform, curve and shots on one canvas.

import { colour } from './dom.js';
import { holdMost } from './spans.js';
import { clock } from './words.js';

const STRIP = 46; // CSS pixels of height
const WAVE = 34;
const GAP = 6;
const SHOTS = 12;
const RULER = 18;
const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];

export function drawLanes(timeline, context, width, height) {
  context.clearRect(0, 0, width, height);
  const wave = timeline.wave.hasAudio ? WAVE : 0;
  drawStrip(timeline, context, width);
  drawParts(timeline, context, STRIP, height - RULER);
  const colours = { wave: colour('wave'), speech: colour('speech') };
  timeline.wave.draw(context, timeline.from, timeline.span, width, STRIP + GAP, wave - GAP, colours);
  drawCurve(timeline, context, width, STRIP + wave + GAP, height - RULER - SHOTS - GAP);
  drawShots(timeline, context, height - RULER - SHOTS);
  drawRuler(timeline, context, width, height);
}

function drawStrip(timeline, context, width) {
  const { from, span, parts } = timeline;
  context.save();
  context.beginPath();
  context.roundRect(0, 0, width, STRIP, 6);
  context.clip();
  context.fillStyle = colour('well');
  context.fillRect(0, 0, width, STRIP);
  timeline.strip.draw(context, from, span, width, STRIP);
  context.fillStyle = colour('fade'); // over what is not in the summary
  let last = from;
  for (const [start, end] of [...[...parts].sort(([a], [b]) => a - b), [from + span, Infinity]]) {
    if (end < from) continue;
    const until = Math.min(start, from + span);
    if (until > last) context.fillRect(timeline.x(last), 0, timeline.x(until) - timeline.x(last), STRIP);
    last = Math.max(last, end);
    if (last >= from + span) break;
  }
  context.restore();
}

function drawParts(timeline, context, top, bottom) {
  context.fillStyle = colour('lit-wash');
  for (const [start, end] of timeline.parts) {
    if (end < timeline.from || start > timeline.from + timeline.span) continue;
    const left = timeline.x(start);
    context.fillRect(left, top, Math.max(timeline.x(end) - left, 1), bottom - top);
  }
}

/** The curve over the range of the film's values; with details over that of its band, which is drawn as well. */
function drawCurve(timeline, context, width, top, bottom) {
  const { version, from, span, details } = timeline;
  const { mean, std, rate } = version;
  if (timeline.scaledFor !== version || timeline.scaledWith !== details) {
    const low = details ? mean.map((value, k) => value - std[k]) : mean;
    const high = details ? mean.map((value, k) => value + std[k]) : mean;
    timeline.low = Math.max(0, low.reduce((a, b) => Math.min(a, b), 1));
    timeline.high = Math.min(1, high.reduce((a, b) => Math.max(a, b), 0));
    [timeline.scaledFor, timeline.scaledWith] = [version, details];
  }
  const { low, high } = timeline;
  const y = (score) => bottom - ((Math.min(Math.max(score, low), high) - low) / Math.max(high - low, 1e-6)) * (bottom - top);
  const first = Math.max(0, Math.floor(from * rate) - 1);
  const last = Math.min(mean.length - 1, Math.ceil((from + span) * rate) + 1);
  const stride = Math.max(1, Math.floor((last - first) / (2 * width))); // at most two points per pixel
  const points = [];
  for (let k = first; k <= last; k += stride) {
    const until = Math.min(k + stride, mean.length);
    let [value, spread] = [0, 0];
    for (let j = k; j < until; j += 1) {
      value += mean[j];
      spread += std[j];
    }
    points.push([timeline.x((k + 0.5 * (until - k)) / rate), value / (until - k), spread / (until - k)]);
  }
  if (details) {
    context.beginPath();
    points.forEach(([x, value, spread]) => context.lineTo(x, y(value + spread)));
    [...points].reverse().forEach(([x, value, spread]) => context.lineTo(x, y(value - spread)));
    context.fillStyle = colour('band');
    context.fill();
  }
  context.beginPath();
  points.forEach(([x, value]) => context.lineTo(x, y(value)));
  context.strokeStyle = colour('curve');
  context.lineWidth = 2;
  context.lineJoin = 'round';
  context.stroke();
}

function drawShots(timeline, context, top) {
  const { version, from, span, keep, drop } = timeline;
  const [first, last] = [timeline.shotAt(from), timeline.shotAt(from + span)];
  for (let place = first; place <= last; place += 1) {
    const shot = version.shots[place];
    const x = timeline.x(shot.start);
    const across = Math.max(timeline.x(shot.end) - x - 1, 0.75);
    const kept = holdMost(keep, shot.start, shot.end);
    const left = !kept && holdMost(drop, shot.start, shot.end);
    context.fillStyle = colour(kept ? 'keep' : 'block');
    context.fillRect(x, top + (kept || left ? 0 : 3), across, kept ? SHOTS : SHOTS - 6);
    if (left) {
      context.save();
      context.beginPath();
      context.rect(x, top, across, SHOTS);
      context.clip();
      context.strokeStyle = colour('drop');
      context.lineWidth = 1.5;
      for (let at = x - SHOTS; at < x + across; at += 5) {
        context.beginPath();
        context.moveTo(at, top + SHOTS);
        context.lineTo(at + SHOTS, top);
        context.stroke();
      }
      context.restore();
    }
  }
}

function drawRuler(timeline, context, width, height) {
  const { from, span } = timeline;
  const step = TICKS.find((tick) => (tick / span) * width >= 72) || TICKS.at(-1);
  context.fillStyle = colour('soft');
  context.font = `500 11px ${getComputedStyle(document.body).fontFamily}`;
  context.textBaseline = 'alphabetic';
  for (let k = Math.ceil(from / step); k * step <= from + span; k += 1) {
    const text = clock(k * step, step < 1);
    const room = context.measureText(text).width;
    context.fillText(text, Math.min(Math.max(timeline.x(k * step) - room / 2, 0), width - room), height - 3);
  }
}

// Formatting of numbers and names.

import { holdMost, secondsIn } from './spans.js';

/** Seconds as m:ss or h:mm:ss, with tenths if `tenths`; cut off after rounding to milliseconds, as players do. */
export function clock(seconds, tenths = false) {
  const milliseconds = Math.round(seconds * 1000);
  const whole = Math.floor(milliseconds / 1000);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = String(whole % 60).padStart(2, '0');
  const tail = tenths ? `.${Math.floor((milliseconds % 1000) / 100)}` : '';
  return hours ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}${tail}` : `${minutes}:${rest}${tail}`;
}

/** Seconds in words, for screen readers. */
export function spokenTime(seconds) {
  const whole = Math.round(seconds);
  const parts = [
    [Math.floor(whole / 3600), 'hour'],
    [Math.floor(whole / 60) % 60, 'minute'],
    [whole % 60, 'second'],
  ].filter(([count], place) => count || (place === 2 && whole < 60));
  return parts.map(([count, word]) => `${count} ${word}${count === 1 ? '' : 's'}`).join(' ');
}

const UNITS = { s: 1, sec: 1, second: 1, m: 60, min: 60, minute: 60, h: 3600, hour: 3600 };

/** Parse "90", "1:30", "1:02:03", "20 s", "1.5 min", "1m30s" or "25%" of `whole` to seconds; NaN for other texts. */
export function secondsOf(text, whole) {
  const plain = text.trim().toLowerCase().replace(',', '.');
  const share = /^(\d+(?:\.\d+)?) ?%$/.exec(plain);
  if (share) return (Number(share[1]) / 100) * whole;
  if (/^\d+(:\d+){0,2}(\.\d+)?$/.test(plain)) {
    return plain.split(':').reduce((sum, field) => sum * 60 + Number(field), 0);
  }
  const pieces = [...plain.matchAll(/(\d+(?:\.\d+)?) ?([a-z]+?)s?(?=[\d ]|$)/g)];
  const known = pieces.every(([, , unit]) => unit in UNITS || (unit === '' && pieces.length === 1));
  if (!pieces.length || !known || pieces.map(([all]) => all).join('') !== plain.replace(/(?<=[a-z]) +/g, '')) return NaN;
  return pieces.reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS[unit] ?? 1), 0);
}

/** A share as a percentage. */
export function percent(share) {
  const value = 100 * share;
  return `${value < 10 ? value.toFixed(1).replace(/\.0$/, '') : Math.round(value)}%`;
}

/** A number of bytes in kB, MB or GB. */
export function bytes(size) {
  if (size >= 1e9) return `${+(size / 1e9).toPrecision(3)} GB`;
  return size >= 1e6 ? `${+(size / 1e6).toPrecision(2)} MB` : `${Math.max(1, Math.round(size / 1e3))} kB`;
}

export function plural(count, word) {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

/** Time left of work that is `share` done after `seconds`; '' while that cannot be known. */
export function timeLeft(share, seconds) {
  if (share < 0.05 || seconds < 1.5) return '';
  const left = (seconds * (1 - share)) / share;
  return left < 5 ? 'a few seconds left' : `about ${left < 90 ? `${Math.round(left / 5) * 5} s` : `${Math.round(left / 60)} min`} left`;
}

const CODECS = {
  h264: 'H.264',
  hevc: 'HEVC (H.265)',
  av1: 'AV1',
  vp8: 'VP8',
  vp9: 'VP9',
  mpeg4: 'MPEG-4',
  mpeg2video: 'MPEG-2',
  mpeg1video: 'MPEG-1',
  prores: 'ProRes',
  dnxhd: 'DNxHD',
  mjpeg: 'Motion JPEG',
  theora: 'Theora',
  wmv3: 'WMV',
  ffv1: 'FFV1',
};
const CONTAINERS = {
  'mov,mp4,m4a,3gp,3g2,mj2': 'MP4',
  'matroska,webm': 'Matroska',
  avi: 'AVI',
  mpegts: 'MPEG-TS',
  mpeg: 'MPEG',
  ogg: 'Ogg',
  flv: 'Flash Video',
  asf: 'Windows Media',
  mxf: 'MXF',
};

/** Codec and container of a video: "HEVC (H.265) in Matroska". */
export function coding(video) {
  const container = video.media_type === 'video/webm' ? 'WebM' : CONTAINERS[video.container] || video.container;
  return `${CODECS[video.codec] || video.codec || 'unknown'} in ${container}`;
}

/** Names of the stages of a job. */
export const STAGES = {
  load: 'Getting ready',
  look: 'Watching the video',
  listen: 'Listening to what is said',
  score: 'Picking highlights',
  write: 'Saving',
};

/** How good another choice is, compared with the first one. */
export function goodness(expected) {
  return expected > 0.96 ? 'About as good' : expected > 0.92 ? 'Nearly as good' : 'A little less good';
}

/** How much another choice shares with the first one. */
export function sharing(overlap) {
  if (overlap < 0.02) return 'all different moments';
  if (overlap < 0.35) return 'mostly different moments';
  return overlap < 0.65 ? 'about half the same moments' : 'mostly the same moments';
}

/** A shot by its number and whether it is in the summary. */
export function shotWords(shot, place, { parts, keep, drop }) {
  const pick = holdMost(keep, shot.start, shot.end) ? ', kept' : holdMost(drop, shot.start, shot.end) ? ', left out' : '';
  const seconds = secondsIn(parts, shot.start, shot.end);
  if (seconds < 0.01) return `shot ${place + 1}, ${pick ? pick.slice(2) : 'not included'}`;
  const whole = shot.end - shot.start - seconds < 0.05;
  return `shot ${place + 1}, ${whole ? '' : `${seconds.toFixed(1)} s `}in the summary${pick}`;
}

// Spans [start, end) of a video in seconds, and lists of them.

const NEAR = 0.01; // seconds: less comes from rounding

/** Seconds of these spans that lie in [start, end). */
export function secondsIn(spans, start, end) {
  return spans.reduce((sum, [from, to]) => sum + Math.max(0, Math.min(to, end) - Math.max(from, start)), 0);
}

export function total(spans) {
  return spans.reduce((sum, [start, end]) => sum + end - start, 0);
}

/** Whether these spans hold most of [start, end). */
export function holdMost(spans, start, end) {
  return secondsIn(spans, start, end) > (end - start) / 2;
}

/** The spans without [start, end). */
export function without(spans, start, end) {
  return spans.flatMap(([from, to]) => {
    if (to <= start + NEAR || from >= end - NEAR) return [[from, to]];
    return [
      [from, Math.min(to, start)],
      [Math.max(from, end), to],
    ].filter(([a, b]) => b - a > NEAR);
  });
}

/** The spans and [start, end), in order, joined where they overlap or touch. */
export function joined(spans, start, end) {
  const merged = [];
  for (const [from, to] of [...spans, [start, end]].sort(([a], [b]) => a - b)) {
    const last = merged.at(-1);
    if (last && from <= last[1] + NEAR) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

/** Positions of the shots of which these spans hold a part. */
export function shotsIn(spans, shots) {
  return shots.flatMap(({ start, end }, place) => (secondsIn(spans, start, end) > NEAR ? [place] : []));
}

export function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

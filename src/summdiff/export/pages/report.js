"use strict";
(() => {
  const video = document.querySelector("video");
  const missing = document.getElementById("missing");
  const fail = () => { video.hidden = true; missing.hidden = false; };
  video.addEventListener("error", fail);
  if (video.error) fail();
  for (const button of document.querySelectorAll("button[data-at]")) {
    button.addEventListener("click", () => {
      if (video.hidden) return;
      video.currentTime = Number(button.dataset.at);
      video.play().catch(() => {});
      video.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth", block: "center" });
    });
  }
  const shots = document.getElementById("shots");
  const only = document.getElementById("only");
  const filter = () => shots.classList.toggle("only-chosen", only.checked);
  only.addEventListener("change", filter);
  filter();
  const cues = JSON.parse(document.getElementById("cues").textContent);
  if (cues.length) {
    const track = video.addTextTrack("subtitles", "Subtitles");
    for (const cue of cues) track.addCue(new VTTCue(cue.start, cue.end, cue.text.replace(/&/g, "&amp;").replace(/</g, "&lt;")));
    track.mode = "showing";
  }
})();

"""The takes of one seed as one page: their pictures, where the seed ends, how far from it they stay, and their sound.

Self-contained HTML: the notes are in it, and a small synthesizer of the browser's own plays them. The same takes give
the same bytes.
"""

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aeolian.music.notes import Notes
from aeolian.rendering import theme


@dataclass(frozen=True, eq=False)
class TakeOnPage:
    """A take: the name of its file, its notes with the seed's, and its distance from the seed, NaN if unknown."""

    name: str
    notes: Notes
    distance: float


def draw_page(title: str, boundary_s: float, takes: Sequence[TakeOnPage]) -> str:
    """The page, the nearest take marked."""
    known = [take.distance for take in takes if np.isfinite(take.distance)]
    shown = [
        {
            "name": take.name,
            "distance": f"{take.distance:.2f}" if np.isfinite(take.distance) else "unknown",
            "nearest": bool(known) and take.distance == min(known),
            "notes": [
                [round(on, 3), round(off, 3), pitch, velocity]
                for on, off, pitch, velocity in take.notes.sorted().rows()
            ],
        }
        for take in takes
    ]
    data = json.dumps({"boundary": round(boundary_s, 3), "takes": shown}, ensure_ascii=True, separators=(",", ":"))
    page = _PAGE.replace("TITLE", html.escape(title))
    for name in ("GROUND", "PANEL", "TEXT", "QUIET_TEXT", "ACCENT", "SECOND", "LINE"):
        page = page.replace(f"var({name})", getattr(theme, name))
    return page.replace("DATA", data.replace("<", "\\u003c"))


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>TITLE</title>
<style>
body { background: var(GROUND); color: var(TEXT); font: 15px system-ui, sans-serif }
body { margin: 2rem auto; max-width: 68rem; padding: 0 1rem }
h1 { font-size: 1.3rem; font-weight: 500 }
p, small { color: var(QUIET_TEXT) }
section { background: var(PANEL); border-radius: 6px; margin: 1rem 0; padding: .8rem 1rem }
header { align-items: baseline; display: flex; gap: 1rem }
h2 { font-size: 1rem; font-weight: 500; margin: 0 }
button { background: none; border: 1px solid var(LINE); border-radius: 4px; color: var(ACCENT) }
button { cursor: pointer; font: inherit; padding: .2rem .8rem }
canvas { cursor: pointer; display: block; height: 160px; margin-top: .6rem; width: 100% }
.nearest { color: var(ACCENT) }
</style>
<h1>TITLE</h1>
<p>What goes on from the seed, several times. The line is where the seed ends. Distance: 1 is as far from its seed
as what composers go on with usually is. Click into a picture to hear it from there.</p>
<main></main>
<script type="application/json" id="takes">DATA</script>
<script>
"use strict";
const { boundary, takes } = JSON.parse(document.getElementById("takes").textContent);
const longest = Math.max(...takes.map(take => Math.max(0, ...take.notes.map(note => note[1]))));
let playing = null;

function draw(take, at) {
  const canvas = take.canvas, width = canvas.width = canvas.clientWidth * devicePixelRatio;
  const height = canvas.height = canvas.clientHeight * devicePixelRatio, pen = canvas.getContext("2d");
  const pitches = take.notes.map(note => note[2]), low = Math.min(...pitches) - 2, high = Math.max(...pitches) + 2;
  const x = seconds => seconds / longest * width, y = pitch => height - (pitch - low) / (high - low) * height;
  for (const [on, off, pitch, velocity] of take.notes) {
    pen.fillStyle = on < boundary - 1e-3 ? "var(QUIET_TEXT)" : "var(ACCENT)";
    pen.globalAlpha = 0.35 + 0.65 * velocity / 127;
    pen.fillRect(x(on), y(pitch), Math.max(1, x(off) - x(on)), Math.max(2, height / (high - low) * 0.8));
  }
  pen.globalAlpha = 1;
  pen.fillStyle = "var(SECOND)";
  pen.fillRect(x(boundary), 0, devicePixelRatio, height);
  if (at !== undefined) { pen.fillStyle = "var(TEXT)"; pen.fillRect(x(at), 0, devicePixelRatio, height); }
}

function stop() {
  if (!playing) return;
  const { context, take, timer } = playing;
  playing = null;
  clearInterval(timer);
  context.close();
  take.button.textContent = "play";
  draw(take);
}

function strike(context, output, at, [on, off, pitch, velocity]) {
  const gain = context.createGain(), loud = 0.12 * (velocity / 127) ** 1.5, end = at + off - on;
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(loud, at + 0.006);
  gain.gain.setTargetAtTime(loud * 0.15, at + 0.006, 0.9);
  gain.gain.setTargetAtTime(0, end, 0.08);
  gain.connect(output);
  for (const [partial, share] of [[1, 1], [2, 0.4], [3, 0.18], [4, 0.08]]) {
    const oscillator = context.createOscillator(), level = context.createGain();
    oscillator.frequency.value = 440 * 2 ** ((pitch - 69) / 12) * partial;
    level.gain.value = share;
    oscillator.connect(level).connect(gain);
    oscillator.start(at);
    oscillator.stop(end + 0.6);
  }
}

function play(take, from) {
  stop();
  const context = new AudioContext(), output = context.createDynamicsCompressor();
  const begin = context.currentTime + 0.1 - from;
  output.connect(context.destination);
  let next = take.notes.findIndex(note => note[0] >= from);
  take.button.textContent = "stop";
  const timer = setInterval(() => {
    const now = context.currentTime - begin;
    while (next >= 0 && next < take.notes.length && take.notes[next][0] < now + 0.5) {
      strike(context, output, Math.max(context.currentTime, begin + take.notes[next][0]), take.notes[next]);
      next += 1;
    }
    draw(take, now);
    if (now > Math.max(...take.notes.map(note => note[1])) + 1) stop();
  }, 40);
  playing = { context, take, timer };
}

for (const take of takes) {
  const section = document.createElement("section"), header = document.createElement("header");
  const name = document.createElement("h2"), about = document.createElement("small");
  take.button = document.createElement("button");
  take.canvas = document.createElement("canvas");
  name.textContent = take.name;
  about.textContent = `distance ${take.distance}${take.nearest ? ", the nearest" : ""}`;
  if (take.nearest) about.className = "nearest";
  take.button.textContent = "play";
  take.button.onclick = () => playing && playing.take === take ? stop() : play(take, Math.max(0, boundary - 5));
  take.canvas.onclick = event => play(take, event.offsetX / take.canvas.clientWidth * longest);
  header.append(take.button, name, about);
  section.append(header, take.canvas);
  document.querySelector("main").append(section);
  draw(take);
}
addEventListener("resize", () => takes.forEach(take => draw(take)));
</script>
</html>
"""

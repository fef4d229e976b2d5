/* Sends a large file in slices that survive a lost connection or a deploy.
   <form data-uploader data-upload-url="/audiences/imports/imp_1/data" data-done-url="…"> with input[type=file] and
   the parts [data-upload-status] (hidden at first), progress, [data-upload-text], [data-upload-cancel].
   data-start-url instead of data-upload-url: POST of the form's other fields and the file's name and size answers
   JSON {"upload_url", "done_url"}. Each slice is PUT to <upload url>?offset=N; 409 with {"offset": N} says where the server stands.
   Without JavaScript the same form posts the whole file. */
"use strict";
(() => {
  const SLICE = 8 * 1024 * 1024;
  const TRIES = 5;
  const megabytes = (bytes) => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
  const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });
  const running = new Set();

  class Refused extends Error {}

  async function words(response) {
    const text = await response.text();
    try { return JSON.parse(text).error || text; } catch { return text.startsWith("<") ? `The server answered with ${response.status}.` : text; }
  }

  async function put(url, body, signal) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const response = await fetch(url, { method: "PUT", body, signal, headers: { "X-CSRFToken": window.carillon.csrf(), "Content-Type": "application/octet-stream", "Accept": "application/json" } });
        if (response.ok || response.status === 409) return response;
        if (response.status === 401) throw new Refused("You were signed out. Sign in in another tab, then press Upload again: it goes on where it stopped.");
        if (response.status < 500 && response.status !== 429 && response.status !== 408) throw new Refused(await words(response));
        if (attempt >= TRIES) throw new Refused(await words(response));
      } catch (error) {
        if (error instanceof Refused || error.name === "AbortError") throw error;
        if (attempt >= TRIES) throw new Refused("The connection was lost. Press Upload again: it goes on where it stopped.");
      }
      await pause(500 * 2 ** attempt);
    }
  }

  async function places(form, file) {
    if (form.dataset.uploadUrl) return { upload: form.dataset.uploadUrl, done: form.dataset.doneUrl };
    const fields = new FormData(form);
    for (const [name, value] of [...fields]) if (value instanceof File) fields.delete(name);
    fields.set("filename", file.name); fields.set("size", String(file.size));
    const response = await fetch(form.dataset.startUrl, { method: "POST", body: fields, headers: { "X-CSRFToken": window.carillon.csrf(), "Accept": "application/json" } });
    if (!response.ok) throw new Refused(await words(response));
    const answer = await response.json();
    form.dataset.uploadUrl = answer.upload_url; form.dataset.doneUrl = answer.done_url;
    return { upload: answer.upload_url, done: answer.done_url };
  }

  function report(form, sent, file, started, startedAt) {
    const bar = form.querySelector("progress");
    bar.max = file.size || 1; bar.value = sent;
    const seconds = (performance.now() - started) / 1000;
    const rate = seconds > 0.5 ? (sent - startedAt) / seconds : 0;
    const left = rate > 0 ? Math.ceil((file.size - sent) / rate) : null;
    form.querySelector("[data-upload-text]").textContent = `${megabytes(sent)} of ${megabytes(file.size)} MB${rate ? `, ${megabytes(rate)} MB/s, ${left > 90 ? `${Math.ceil(left / 60)} min` : `${left} s`} left` : ""}`;
  }

  async function send(form, file, signal) {
    const { upload, done } = await places(form, file);
    const join = upload.includes("?") ? "&" : "?";
    let offset = 0; let started = performance.now(); let startedAt = 0;
    do {
      const response = await put(`${upload}${join}offset=${offset}`, file.slice(offset, offset + SLICE), signal);
      const answer = await response.json().catch(() => ({}));
      if (response.status === 409) {
        if (!Number.isInteger(answer.offset)) throw new Refused(answer.error || "This upload cannot be continued. Start it again.");
        if (answer.offset > file.size) throw new Refused("The server holds more than this file has. Choose the same file as before, or start again.");
        offset = answer.offset; started = performance.now(); startedAt = offset;
      } else {
        offset = Number.isInteger(answer.offset) ? answer.offset : Math.min(offset + SLICE, file.size);
      }
      report(form, offset, file, started, startedAt);
    } while (offset < file.size);
    window.carillon.say("Upload finished");
    running.clear();
    location.assign(done);
  }

  function check(form, file) {
    const limit = Number(form.dataset.limitBytes || 0);
    const kinds = (form.querySelector("input[type=file]").accept || "").split(",").map((kind) => kind.trim().toLowerCase()).filter((kind) => kind.startsWith("."));
    if (file.size === 0) return "This file is empty.";
    const expected = Number(form.dataset.expectBytes || 0);
    if (expected && file.size !== expected) return "This is not the file whose upload was begun: its size differs. Choose the same one, or start again.";
    if (limit && file.size > limit) return `This file has ${megabytes(file.size)} MB; the limit is ${megabytes(limit)} MB. Split it and upload the parts.`;
    if (kinds.length && !kinds.some((kind) => file.name.toLowerCase().endsWith(kind))) return `This is not one of ${kinds.join(", ")}. Export the sheet as CSV first.`;
    return "";
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("[data-uploader]");
    const input = form?.querySelector("input[type=file]");
    if (!form || !input?.files.length) return;
    event.preventDefault();
    if (running.has(form)) return;
    const file = input.files[0];
    const problem = check(form, file);
    if (problem) { window.carillon.toast("bad", problem); return; }
    const stop = new AbortController(); const status = form.querySelector("[data-upload-status]");
    running.add(form); status.hidden = false;
    form.querySelector("[data-upload-cancel]")?.addEventListener("click", () => stop.abort(), { once: true });
    try { await send(form, file, stop.signal); } catch (error) {
      window.carillon.toast(error.name === "AbortError" ? "info" : "bad", error.name === "AbortError" ? "Upload stopped. Press Upload to go on." : error.message || "The upload failed.");
    } finally { running.delete(form); if (!running.size) status.hidden = true; }
  });

  document.addEventListener("dragover", (event) => { const area = event.target.closest?.(".drop"); if (area) { event.preventDefault(); area.classList.add("over"); } });
  document.addEventListener("dragleave", (event) => event.target.closest?.(".drop")?.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    const area = event.target.closest?.(".drop"); const input = area?.querySelector("input[type=file]");
    if (!input) return;
    event.preventDefault(); area.classList.remove("over");
    if (event.dataTransfer.files.length) { input.files = event.dataTransfer.files; input.dispatchEvent(new Event("change", { bubbles: true })); }
  });
  addEventListener("beforeunload", (event) => { if (running.size) event.preventDefault(); });
})();

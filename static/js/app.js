/* Behaviour of every page. Each function is keyed by a data attribute and works by delegation on the document, so
   content that htmx swaps in needs no set-up. htmx events are heard here alone. */
"use strict";
(() => {
  const root = document.documentElement;
  const byId = (id) => (id ? document.getElementById(id) : null);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const on = (name, listener, capture = false) => document.addEventListener(name, listener, capture);
  const click = (selector, handler) => on("click", (event) => {
    const element = event.target.closest?.(selector);
    if (element) handler(element, event);
  });
  const say = (text) => { const line = byId("page-status"); if (line) line.textContent = text; };
  const csrf = () => byId("csrf")?.content || "";
  const visible = (element) => element.getClientRects().length > 0;
  const dialog = () => byId("dialog");
  root.classList.add("js");

  /* ---- toasts ---- */
  const ICONS = { ok: "circle-check", warn: "triangle-alert", bad: "octagon-alert" };
  function toast(kind, text, actions = []) {
    const template = byId("toast-template");
    const element = template.content.firstElementChild.cloneNode(true);
    const use = element.querySelector("use");
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${ICONS[kind] || "info"}`));
    element.dataset.kind = kind;
    if (kind === "bad") element.setAttribute("role", "alert");
    element.querySelector("p").textContent = text;
    for (const [label, run] of actions) {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "button small", textContent: label });
      button.addEventListener("click", () => run(button, element));
      element.insertBefore(button, element.lastElementChild);
    }
    byId("toasts").append(element);
    return element;
  }
  function fade(element) {
    if (element.dataset?.kind === undefined || element.dataset.kind === "bad" || element.dataset.kind === "warn") return;
    const leave = () => (element.matches(":hover, :focus-within") ? setTimeout(leave, 2000) : element.remove());
    setTimeout(leave, 8000);
  }
  click("[data-dismiss]", (button) => button.closest(".toast, .banner, .callout").remove());
  on("app:toast", (event) => toast(event.detail.kind || "ok", event.detail.text || event.detail.value || ""));

  /* ---- copy ---- */
  async function copyText(text) {
    try { await navigator.clipboard.writeText(text); } catch { // plain http beyond localhost has no clipboard API
      const area = Object.assign(document.createElement("textarea"), { value: text, className: "vh" });
      (dialog()?.open ? dialog() : document.body).append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    say(""); requestAnimationFrame(() => say("Copied"));
  }
  click("[data-copy]", (button) => {
    const use = button.querySelector("use");
    const before = use.getAttribute("href");
    copyText(button.dataset.copy).then(() => {
      use.setAttribute("href", before.replace(/#.*/, "#check"));
      setTimeout(() => use.setAttribute("href", before.replace(/#.*/, "#copy")), 1500);
    });
  });

  /* ---- CSRF: the newest token replaces that of the form ---- */
  on("htmx:configRequest", (event) => {
    const { verb, headers, formData } = event.detail;
    if (verb === "get") return;
    headers["X-CSRFToken"] = csrf();
    if (formData.has("csrf_token")) formData.set("csrf_token", csrf());
  });
  on("submit", (event) => {
    const field = event.target.elements?.namedItem?.("csrf_token");
    if (field && csrf()) field.value = csrf();
  }, true);

  /* ---- errors of requests ---- */
  const SENTENCES = { 404: "It is not there any more. Reload the page.", 413: "That is larger than this installation accepts.",
    500: "The server had a fault. Nothing was lost; try again.", 502: "The server is restarting. Try again in a moment.", 503: "The server is busy. Try again in a moment." };
  function sentence(xhr) {
    const type = xhr.getResponseHeader("Content-Type") || "";
    const first = type.startsWith("text/plain") ? xhr.responseText.trim().split("\n")[0] : "";
    return first || SENTENCES[xhr.status] || `The server answered with ${xhr.status}.`;
  }
  const ask = (verb, path, source, target) => htmx.ajax(verb, path, { source, target, swap: source.getAttribute("hx-swap") || "innerHTML" });
  function repeat(detail) {
    const { verb, path } = detail.requestConfig;
    ask(verb, path, detail.elt, detail.target);
  }
  function failed(detail, text, wait = 0) {
    if (detail.elt.hasAttribute("data-poll")) return pollFailed(detail.elt);
    const id = detail.xhr?.getResponseHeader?.("X-Request-Id") || "";
    const facts = `${text}\n${detail.requestConfig.verb.toUpperCase()} ${detail.requestConfig.path}\nstatus ${detail.xhr?.status || "none"}, request ${id || "unknown"}, ${new Date().toISOString()}`;
    const retry = ["Retry", (_button, element) => { element.remove(); repeat(detail); }];
    const element = toast("bad", text + (id ? ` (request ${id})` : ""), [...(detail.xhr?.status === 403 ? [] : [retry]), ["Copy details", () => copyText(facts)]]);
    if (wait) countDown(element.querySelector(".button"), wait);
    return element;
  }
  function countDown(button, seconds) {
    button.disabled = seconds > 0;
    button.textContent = seconds > 0 ? `Retry in ${seconds} s` : "Retry";
    if (seconds > 0) setTimeout(() => countDown(button, seconds - 1), 1000);
  }
  on("htmx:responseError", ({ detail }) => failed(detail, sentence(detail.xhr), detail.xhr.status === 429 ? Number(detail.xhr.getResponseHeader("Retry-After")) || 10 : 0));
  on("htmx:sendError", ({ detail }) => failed(detail, "The server cannot be reached. Your input is still here."));
  on("htmx:timeout", ({ detail }) => failed(detail, "No answer within 30 seconds. Your input is still here."));

  /* ---- polled regions ---- */
  const polls = new Map();
  function pollFailed(element) {
    const state = polls.get(element.id) || { failures: 0, since: Date.now() };
    state.failures += 1; state.last = Date.now();
    polls.set(element.id, state);
    if (state.failures === 3) {
      const note = Object.assign(document.createElement("p"), { id: `paused-${element.id}`, className: "poll-paused" });
      note.append(`Live updates paused since ${new Date(state.since).toLocaleTimeString()}. `);
      const button = Object.assign(document.createElement("button"), { type: "button", className: "button small", textContent: "Retry" });
      button.addEventListener("click", () => { state.last = 0; const region = byId(element.id); ask("get", region.getAttribute("hx-get"), region, region); });
      note.append(button);
      byId(element.id)?.after(note);
      say("Live updates paused");
    }
  }
  on("htmx:beforeRequest", (event) => {
    const { elt, target, xhr } = event.detail;
    if (elt.hasAttribute("data-poll")) {
      const state = polls.get(elt.id);
      const selection = getSelection();
      const reading = !selection.isCollapsed && elt.contains(selection.anchorNode);
      if (document.hidden || reading || (state?.failures >= 3 && Date.now() - state.last < 10000)) return event.preventDefault();
    } else {
      target?.setAttribute("aria-busy", "true");
      saving.add(elt);
    }
    keepFocus(xhr);
    if (target?.id === "dialog" && !dialog().open) opener = document.activeElement.id || elt.id;
    return undefined;
  });
  on("htmx:afterRequest", ({ detail }) => {
    const { elt, target, successful } = detail;
    saving.delete(elt);
    if (!elt.hasAttribute("data-poll")) target?.removeAttribute("aria-busy"); else if (successful) { polls.delete(elt.id); byId(`paused-${elt.id}`)?.remove(); }
    if (successful && elt.matches("[data-guard]")) dirty.delete(elt);
  });

  /* ---- saving ends a live view, none ends saving ---- */
  const saving = new Set();
  on("htmx:confirm", (event) => {
    const { elt, verb } = event.detail;
    const form = elt.closest("form[hx-post]");
    if (saving.has(form)) { if (verb === "get") event.preventDefault(); } else if (elt === form) htmx.trigger(form, "htmx:abort");
  });
  /* A poll leaves the place of a coming answer alone. */
  on("htmx:beforeSwap", ({ detail }) => {
    const { requestConfig, target, xhr } = detail;
    if (requestConfig.elt.hasAttribute("data-poll") && (target.ariaBusy || target.querySelector(".htmx-request, [aria-busy]"))) detail.shouldSwap = false;
    keepFocus(xhr);
    if (target.id === "dialog" && detail.shouldSwap) toastsInto(document.body);
  });

  /* ---- dialog, and the focus after a swap ---- */
  let opener = "";
  const keepFocus = (xhr) => { if (document.activeElement !== document.body) xhr.focused = document.activeElement.id; };
  function focusAgain(...ids) {
    const next = ids.map(byId).find((element) => element && visible(element)) || byId("main");
    next.focus({ preventScroll: next.id === "main" });
  }
  /* An open dialog makes the rest inert: the toasts move into it and out. */
  const toastsInto = (home) => home.append(byId("toasts"));
  function openDialog() {
    const box = dialog();
    if (!box.firstElementChild) return box.close();
    if (!box.open) box.showModal();
    toastsInto(box);
    const first = box.querySelector("[data-error-summary], [autofocus]") || box.querySelector("input:not([type=hidden]), select, textarea") || box.querySelector("h2");
    first?.focus();
    return undefined;
  }
  function closeDialog() {
    const box = dialog();
    if (!box?.open) return;
    toastsInto(document.body);
    box.close();
    box.replaceChildren();
    focusAgain(opener);
  }
  click("[data-close]", (button, event) => { if (button.closest("dialog")) { event.preventDefault(); closeDialog(); } });
  on("app:dialog-close", closeDialog);
  on("cancel", (event) => { if (event.target.id === "dialog") { event.preventDefault(); closeDialog(); } }, true);
  on("htmx:afterSwap", ({ detail }) => { if (detail.target.id === "dialog") openDialog(); });
  on("htmx:afterSettle", ({ detail }) => {
    const { elt, target, xhr } = detail;
    if (target?.id !== "dialog" || !dialog().open) focusSummary(elt);
    if (xhr?.focused !== undefined && document.activeElement === document.body && !dialog().open) focusAgain(xhr.focused, opener);
    refreshTimes(elt);
    refreshFrames();
    document.dispatchEvent(new CustomEvent("app:settled", { detail: { element: elt } }));
  });
  function focusSummary(within) {
    const summary = within?.matches?.("[data-error-summary]") ? within : within?.querySelector?.("[data-error-summary]");
    if (!summary) return;
    summary.focus();
    if (!document.title.startsWith("Error: ")) document.title = `Error: ${document.title}`;
  }
  click("[data-error-summary] a", (link, event) => {
    const field = byId(link.hash.slice(1));
    if (!field) return;
    event.preventDefault();
    (field.matches("fieldset, div") ? field.querySelector("input, select, textarea") || field : field).focus();
  });

  /* ---- times ---- */
  const STEPS = [[60, "second", 1], [3600, "minute", 60], [86400, "hour", 3600], [3888000, "day", 86400]];
  function relative(date) { // the same words as dashboard/timefmt.py
    const distance = (date - Date.now()) / 1000; const size = Math.abs(distance);
    if (size < 5) return "just now";
    const step = STEPS.find(([limit]) => size < limit);
    if (!step) return null;
    const count = Math.floor(size / step[2]); const words = `${count} ${step[1]}${count === 1 ? "" : "s"}`;
    return distance > 0 ? `in ${words}` : `${words} ago`;
  }
  function refreshTimes(within = document) {
    for (const element of all("time[data-rel]", within)) {
      const words = relative(new Date(element.dateTime));
      if (words && words !== element.textContent) element.textContent = words;
    }
  }
  setInterval(() => { if (!document.hidden) refreshTimes(); }, 30000);

  /* ---- theme and density ---- */
  on("change", ({ target }) => {
    const form = target.closest?.("[data-appearance]");
    if (form) {
      root.dataset[target.name] = target.value;
      fetch(form.action, { method: "POST", body: new FormData(form), redirect: "manual", headers: { "X-CSRFToken": csrf() } });
    }
    if (target.dataset?.frameWidth) byId(target.dataset.frameWidth).closest(".mail-frame").dataset.width = target.value;
    if (target.dataset?.frameScheme) byId(target.dataset.frameScheme).closest(".mail-frame").dataset.scheme = target.value;
  });

  /* ---- mail preview: the old one stays until the new has loaded ---- */
  function refreshFrames() {
    for (const note of all("[data-frame-url]")) {
      const frame = byId(note.dataset.frame || "mail-frame");
      if (!frame || frame.getAttribute("src") === note.dataset.frameUrl || frame.dataset.next === note.dataset.frameUrl) continue;
      const next = frame.cloneNode(false);
      frame.dataset.next = note.dataset.frameUrl;
      next.removeAttribute("data-next"); next.removeAttribute("id"); next.removeAttribute("loading");
      next.src = note.dataset.frameUrl; next.className = "vh"; next.tabIndex = -1;
      next.addEventListener("load", () => {
        const shown = byId(note.dataset.frame || "mail-frame");
        if (shown?.dataset.next !== next.getAttribute("src")) return next.remove();
        next.id = shown.id; next.className = shown.className; next.removeAttribute("tabindex");
        return shown.remove();
      }, { once: true });
      frame.after(next);
    }
  }

  /* ---- menus ---- */
  on("toggle", ({ target }) => {
    if (!target.matches?.("details.menu") || !target.open) return;
    all("details.menu[open]").filter((menu) => menu !== target).forEach((menu) => { menu.open = false; });
    const list = target.querySelector(".menu-list"); const anchor = target.getBoundingClientRect();
    if (target.closest(".scroll")) { // a scrolling region would cut the list off
      const below = anchor.bottom + list.offsetHeight < innerHeight;
      Object.assign(list.style, { position: "fixed", insetInlineEnd: `${root.clientWidth - anchor.right}px`, top: below ? `${anchor.bottom + 4}px` : "auto", bottom: below ? "auto" : `${innerHeight - anchor.top + 4}px` });
    } else if (list.getBoundingClientRect().left < 0) {
      Object.assign(list.style, { insetInline: "0 auto" });
    }
  }, true);
  const closeMenus = (except) => all("details.menu[open]").filter((menu) => !menu.contains(except)).forEach((menu) => { menu.open = false; });
  on("click", ({ target }) => { closeMenus(target); if (target.closest?.(".menu-list a, .menu-list button[type=submit]")) closeMenus(null); });
  on("scroll", ({ target }) => { if (target.matches?.(".scroll")) { closeMenus(null); keepScroll(); } }, true);
  on("focusin", ({ target }) => closeMenus(target));

  /* ---- buttons that cannot act say why; passwords; tabs; selection; rows ---- */
  on("click", (event) => {
    const button = event.target.closest?.("[aria-disabled=true]");
    if (!button) return;
    event.preventDefault(); event.stopImmediatePropagation();
    if (button.dataset.reason) toast("warn", button.dataset.reason);
  }, true);
  click("[data-reveal]", (button) => {
    const field = byId(button.dataset.reveal); const show = field.type === "password";
    field.type = show ? "text" : "password";
    button.setAttribute("aria-pressed", String(show));
  });
  click("[role=tab]", (tab) => {
    for (const other of all("[role=tab]", tab.closest("[role=tablist]"))) {
      other.setAttribute("aria-selected", String(other === tab));
      other.tabIndex = other === tab ? 0 : -1;
      const panel = byId(other.getAttribute("aria-controls"));
      if (panel) panel.hidden = other !== tab;
    }
  });
  function countSelected(table) {
    const boxes = all("[data-select]", table); const count = boxes.filter((box) => box.checked).length;
    for (const bar of all("[data-selection]")) { bar.hidden = count === 0; const number = bar.querySelector("[data-selected-count]"); if (number) number.textContent = count; }
    const head = table.querySelector("[data-select-all]");
    if (head) { head.checked = count > 0 && count === boxes.length; head.indeterminate = count > 0 && count < boxes.length; }
  }
  on("change", ({ target }) => {
    if (!target.matches?.("[data-select-all], [data-select]")) return;
    const table = target.closest("table");
    if (target.matches("[data-select-all]")) all("[data-select]", table).forEach((box) => { box.checked = target.checked; });
    countSelected(table);
  });
  const rowLink = (row) => row?.querySelector("[data-row-link], th a");
  click("tbody tr", (row, event) => {
    const link = rowLink(row);
    if (!link || event.target.closest("a, button, input, label, select, summary, details, dialog, textarea") || !getSelection().isCollapsed) return;
    if (event.ctrlKey || event.metaKey) window.open(link.href, "_blank", "noopener"); else link.click();
  });

  /* A search field has asked while it was typed in: leaving it must not ask again. */
  on("change", (event) => { if (event.target.matches?.("form[hx-get] input[hx-get]")) event.stopPropagation(); }, true);

  /* ---- unsaved changes ---- */
  const dirty = new Set();
  on("input", ({ target }) => { const form = target.form || target.closest?.("form"); if (form?.matches("[data-guard]")) dirty.add(form); });
  on("submit", ({ target }) => { if (!target.hasAttribute("hx-post")) dirty.delete(target); });
  on("app:saved", () => dirty.clear());
  addEventListener("beforeunload", (event) => { if ([...dirty].some((form) => form.isConnected)) event.preventDefault(); });

  /* ---- combobox: Esc closes, then clears ---- */
  const listOf = (input) => byId(input.getAttribute("aria-controls"));
  const options = (input) => all("[role=option]", listOf(input));
  function showList(input, open) {
    listOf(input).hidden = !open;
    input.setAttribute("aria-expanded", String(open));
    if (!open) mark(input, null);
  }
  function mark(input, option) {
    options(input).forEach((other, index) => { other.id ||= `${input.id}-option-${index}`; other.setAttribute("aria-selected", String(other === option)); });
    if (option) { input.setAttribute("aria-activedescendant", option.id); option.scrollIntoView({ block: "nearest" }); } else input.removeAttribute("aria-activedescendant");
  }
  function pick(input, option) {
    const hidden = input.closest("[data-combobox]").querySelector("input[type=hidden]");
    hidden.value = option.dataset.value; input.value = option.dataset.text || option.textContent.trim();
    input.dataset.picked = input.value;
    showList(input, false);
    hidden.dispatchEvent(new Event("change", { bubbles: true }));
  }
  on("htmx:afterSettle", ({ detail }) => { const box = detail.target?.closest?.("[data-combobox]"); const input = box?.querySelector("[role=combobox]"); if (input && document.activeElement === input && input.dataset.picked !== input.value) showList(input, options(input).length > 0); });
  click("[data-combobox] [role=option]", (option) => { const input = option.closest("[data-combobox]").querySelector("[role=combobox]"); pick(input, option); input.focus(); });
  on("focusout", ({ target }) => { if (target.matches?.("[role=combobox]")) setTimeout(() => showList(target, false), 150); });
  function comboboxKey(input, event) {
    const choices = options(input); const at = choices.findIndex((choice) => choice.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (!choices.length) return;
      event.preventDefault(); showList(input, true);
      mark(input, choices[(at + (event.key === "ArrowDown" ? 1 : at < 0 ? 0 : -1) + choices.length) % choices.length]);
    } else if (event.key === "Enter" && at >= 0) { event.preventDefault(); pick(input, choices[at]); } else if (event.key === "Escape") {
      if (!listOf(input).hidden) { event.preventDefault(); event.stopPropagation(); showList(input, false); } else input.value = "";
    }
  }

  /* ---- keyboard ---- */
  let afterG = 0;
  const typing = (event) => event.composedPath().some((element) => element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName) && !/^(checkbox|radio|button|submit)$/.test(element.type));
  function act(selector) {
    const element = all(selector).find(visible);
    if (!element) return false;
    if (element.matches("input, select, textarea")) { element.focus(); element.select?.(); } else element.click();
    return true;
  }
  function moveRow(step) {
    const rows = all("main tbody tr").filter(rowLink); const now = rows.findIndex((row) => row.contains(document.activeElement));
    rowLink(rows[Math.min(Math.max(now + step, 0), rows.length - 1)])?.focus();
    return rows.length > 0;
  }
  function moveTab(tab, key) {
    const tabs = all("[role=tab]", tab.closest("[role=tablist]")); const at = tabs.indexOf(tab);
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[key];
    if (next !== undefined) tabs[(next + tabs.length) % tabs.length].focus();
    return next !== undefined;
  }
  function command(event) {
    const key = event.key.toLowerCase();
    if (key === "k") return act('[data-key="/"]');
    if (key === "s") return act('[data-key="Ctrl+S"]');
    if (key === "p" && event.shiftKey) return act('[data-key="Ctrl+Shift+P"]');
    if (key !== "enter") return false;
    return act('[data-key="Ctrl+Enter"]') || Boolean((event.target.form || event.target.closest?.("form"))?.querySelector(".button.primary")?.click());
  }
  function single(event) {
    if (root.dataset.singleKeys === "off" || event.altKey || dialog()?.open) return false;
    if (Date.now() - afterG < 1500) { afterG = 0; if (act(`[data-go="${CSS.escape(event.key)}"]`)) return true; }
    const row = document.activeElement?.closest?.("tbody tr");
    switch (event.key) {
      case "g": afterG = Date.now(); return true;
      case "j": return moveRow(1);
      case "k": return moveRow(-1);
      case "o": if (row) rowLink(row)?.click(); return Boolean(row);
      case "x": row?.querySelector("[data-select]")?.click(); return Boolean(row);
      default: return event.key.length === 1 && act(`[data-key="${CSS.escape(event.key)}"]`);
    }
  }
  on("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const { target } = event;
    if (target.matches?.("[role=combobox]")) comboboxKey(target, event);
    if (target.matches?.("[role=tab]") && moveTab(target, event.key)) return event.preventDefault();
    if (event.key === "Escape") {
      const menu = target.closest?.("details.menu[open]");
      if (menu) { menu.open = false; menu.querySelector("summary").focus(); } else if (!typing(event)) {
        const boxes = all("[data-select]:checked"); boxes.forEach((box) => { box.checked = false; }); if (boxes.length) countSelected(boxes[0].closest("table"));
      }
      return undefined;
    }
    const handled = event.ctrlKey || event.metaKey ? command(event) : !typing(event) && single(event);
    if (handled) event.preventDefault();
    return undefined;
  });

  /* ---- the place in scrolling regions, kept with history ---- */
  let scrollTimer = 0;
  function keepScroll() {
    clearTimeout(scrollTimer);
    scrollTimer = setTimeout(() => {
      const places = Object.fromEntries(all(".scroll[id]").map((region) => [region.id, [region.scrollLeft, region.scrollTop]]));
      history.replaceState({ ...history.state, places }, "");
    }, 200);
  }
  function start() {
    for (const [id, place] of Object.entries(history.state?.places || {})) byId(id)?.scrollTo(...place);
    all("#toasts > .toast").forEach(fade);
    const toasts = byId("toasts");
    if (toasts) new MutationObserver((records) => records.forEach((record) => record.addedNodes.forEach((node) => { if (node.dataset) fade(node); }))).observe(toasts, { childList: true });
    document.querySelector(".rail a[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
    focusSummary(document.body);
    refreshTimes();
    refreshFrames();
  }
  window.carillon = { toast, csrf, say };
  if (document.readyState === "loading") on("DOMContentLoaded", start); else start();
})();

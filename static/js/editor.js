/* Turns textarea[data-editor] into a code editor (CodeMirror 6 from static/vendor/editor-bundle.js).
   The textarea stays the field that is posted: text is copied back and an `input` event sent on every change, so
   preview, drafts and posting work the same with and without the editor.
     data-language="html|text|json"    data-variables='[{"name", "source", "sample"}]'    data-part (else its name)
   [data-diagnostics='[{part, severity, line, column, end_column, message}]'] anywhere in the page, read again after
   each swap, marks problems; line and column count from 1, end_column is exclusive.
   [data-insert="text"] inserts at the cursor of the editor used last; [data-goto="part:line:column"] jumps there.
   It lives in a shadow root, where its style sheet needs no exception from the content security policy. */
"use strict";
(() => {
  const CM = window.CarillonEditor;
  const PLAIN_KEY = "carillon.plain-editor";
  const editors = new Map(); // textarea -> EditorView
  let lastUsed = null;

  const style = CM.HighlightStyle.define([
    { tag: [CM.tags.keyword, CM.tags.controlKeyword, CM.tags.operatorKeyword, CM.tags.definitionKeyword], color: "var(--special)" },
    { tag: [CM.tags.variableName, CM.tags.propertyName], color: "var(--info)" },
    { tag: [CM.tags.string, CM.tags.attributeValue], color: "var(--ok)" },
    { tag: [CM.tags.number, CM.tags.bool, CM.tags.null], color: "var(--warn)" },
    { tag: [CM.tags.tagName, CM.tags.angleBracket], color: "var(--accent)" },
    { tag: CM.tags.attributeName, color: "var(--neutral)" },
    { tag: [CM.tags.comment, CM.tags.meta, CM.tags.documentMeta], color: "var(--muted)", fontStyle: "italic" },
    { tag: [CM.tags.brace, CM.tags.processingInstruction], color: "var(--special)", fontWeight: "600" },
    { tag: CM.tags.invalid, color: "var(--bad)" },
  ]);

  const look = (rows) => CM.EditorView.theme({
    "&": { backgroundColor: "var(--surface)", color: "var(--text)", fontSize: "var(--fs-1)", maxHeight: "70vh" },
    "&.cm-focused": { outline: "none" },
    ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55", minHeight: `${(rows * 1.26).toFixed(1)}rem` },
    ".cm-content": { caretColor: "var(--text)", padding: "var(--s2) 0" },
    ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--muted)", borderRight: "1px solid var(--border)" },
    ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--sunken) 55%, transparent)" },
    ".cm-cursor": { borderLeftColor: "var(--text)" },
    "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "color-mix(in srgb, var(--accent) 26%, transparent)" },
    ".cm-selectionMatch": { backgroundColor: "var(--warn-bg)" },
    "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--accent-bg)", outline: "1px solid var(--accent)" },
    ".cm-tooltip": { backgroundColor: "var(--surface)", color: "var(--text)", border: "1px solid var(--border)", borderRadius: "var(--r)", boxShadow: "var(--shadow)" },
    ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", maxHeight: "16em" },
    ".cm-tooltip-autocomplete ul li": { padding: "var(--s0) var(--s2)" },
    ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent-bg)", color: "var(--accent)" },
    ".cm-completionDetail": { color: "var(--muted)", fontStyle: "normal" },
    ".cm-tooltip.cm-completionInfo": { padding: "var(--s1) var(--s2)", maxWidth: "22rem" },
    ".cm-panels": { backgroundColor: "var(--bg)", color: "var(--text)" },
    ".cm-panels.cm-panels-bottom": { borderTop: "1px solid var(--border)" },
    ".cm-panel.cm-search": { padding: "var(--s2)", font: "var(--fs-1) var(--font)" },
    ".cm-textfield": { backgroundColor: "var(--surface)", color: "var(--text)", border: "1px solid var(--control)", borderRadius: "var(--s1)", fontSize: "var(--fs-1)" },
    ".cm-button": { background: "var(--surface)", color: "var(--text)", border: "1px solid var(--edge)", borderRadius: "var(--s1)", fontSize: "var(--fs-1)" },
    ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--bad)", textUnderlineOffset: "3px" },
    ".cm-lintRange-warning": { backgroundImage: "none", textDecoration: "underline wavy var(--warn)", textUnderlineOffset: "3px" },
    ".cm-lintRange-info": { backgroundImage: "none", textDecoration: "underline dotted var(--info)", textUnderlineOffset: "3px" },
    ".cm-diagnostic": { fontFamily: "var(--font)", padding: "var(--s1) var(--s2)" },
    ".cm-diagnostic-error": { borderLeft: "3px solid var(--bad)" },
    ".cm-diagnostic-warning": { borderLeft: "3px solid var(--warn)" },
    ".cm-diagnostic-info": { borderLeft: "3px solid var(--info)" },
    ".cm-foldPlaceholder": { backgroundColor: "var(--sunken)", color: "var(--muted)", border: "1px solid var(--border)" },
  });

  function variablesOf(textarea) {
    try { return JSON.parse(textarea.dataset.variables || "[]"); } catch { return []; }
  }
  function completion(variable, label) {
    const sample = variable.sample === undefined || variable.sample === null || variable.sample === "" ? "" : String(variable.sample);
    return { label, type: "variable", detail: variable.source || "", info: sample ? `Sample: ${sample.slice(0, 200)}` : undefined, boost: 10 };
  }
  function language(textarea) {
    const kind = textarea.dataset.language || "html";
    if (kind === "json") return CM.json();
    const known = variablesOf(textarea);
    const top = new Map();
    for (const variable of known) { const [head] = variable.name.split("."); if (!top.has(head)) top.set(head, completion(variable.name === head ? variable : { source: variable.source }, head)); }
    const properties = (path) => {
      const prefix = `${path.join(".")}.`;
      const found = new Map();
      for (const variable of known) if (variable.name.startsWith(prefix)) { const part = variable.name.slice(prefix.length).split(".")[0]; found.set(part, completion(variable, part)); }
      return [...found.values()];
    };
    const settings = { variables: [...top.values()], properties };
    return CM.jinja(kind === "html" ? { ...settings, base: CM.html() } : settings);
  }

  function copyBack(textarea, view) {
    textarea.value = view.state.doc.toString();
    textarea.dispatchEvent(new Event("input", { bubbles: true }));
  }
  function extensions(textarea, label) {
    const multi = textarea.rows > 2;
    const keys = CM.defaultKeymap.filter((binding) => binding.key !== "Mod-Enter"); // the page's own command
    return [
      multi ? [CM.lineNumbers(), CM.foldGutter(), CM.highlightActiveLineGutter(), CM.lintGutter()] : [],
      CM.highlightActiveLine(), CM.highlightSpecialChars(), CM.history(), CM.drawSelection(), CM.indentOnInput(), CM.bracketMatching(),
      CM.closeBrackets(), CM.autocompletion(), CM.highlightSelectionMatches(), CM.search({ top: false }), CM.syntaxHighlighting(style),
      CM.indentUnit.of("  "), CM.EditorView.lineWrapping, language(textarea), look(Math.max(textarea.rows || 3, 1)),
      CM.placeholder(textarea.placeholder || ""), CM.EditorState.readOnly.of(textarea.readOnly || textarea.disabled),
      CM.EditorView.contentAttributes.of({
        "aria-label": label, "tabindex": "0", "spellcheck": textarea.dataset.language === "json" ? "false" : "true",
        "aria-description": "Code editor. Press Escape, then Tab, to leave it.",
        ...(textarea.getAttribute("aria-invalid") ? { "aria-invalid": "true" } : {}),
      }),
      CM.keymap.of([...CM.closeBracketsKeymap, ...keys, ...CM.searchKeymap, ...CM.historyKeymap, ...CM.foldKeymap, ...CM.completionKeymap, ...CM.lintKeymap, CM.indentWithTab]),
      CM.EditorView.updateListener.of((update) => {
        if (update.docChanged) copyBack(textarea, update.view);
        if (update.focusChanged && update.view.hasFocus) lastUsed = textarea;
      }),
    ];
  }

  function mount(textarea) {
    const label = textarea.labels?.[0]?.textContent.trim() || textarea.getAttribute("aria-label") || textarea.name;
    const host = document.createElement("div");
    host.className = "editor-host";
    textarea.after(host);
    const shadow = host.attachShadow({ mode: "open" });
    const view = new CM.EditorView({ doc: textarea.value, parent: shadow, root: shadow, extensions: extensions(textarea, label) });
    editors.set(textarea, view);
    textarea.hidden = true;
    textarea.removeAttribute("required"); // a hidden field cannot show the browser's message; the server checks it
    textarea.focus = () => view.focus();
    for (const element of textarea.labels || []) element.addEventListener("click", () => { if (editors.has(textarea)) view.focus(); });
  }
  function unmount(textarea) {
    const view = editors.get(textarea);
    if (!view) return;
    const host = view.dom.getRootNode().host;
    view.destroy();
    host.remove();
    editors.delete(textarea);
    textarea.hidden = false;
    delete textarea.focus;
  }

  function position(doc, line, column) {
    const at = doc.line(Math.min(Math.max(line || 1, 1), doc.lines));
    return Math.min(at.from + Math.max((column || 1) - 1, 0), at.to);
  }
  function toDiagnostic(doc, problem) {
    const from = position(doc, problem.line, problem.column);
    let to = problem.end_column ? position(doc, problem.line, problem.end_column) : from;
    if (to <= from) to = Math.min(from + 1, doc.line(Math.min(Math.max(problem.line || 1, 1), doc.lines)).to);
    return { from, to: Math.max(to, from), severity: problem.severity, message: problem.message };
  }
  function readDiagnostics() {
    const holder = document.querySelector("[data-diagnostics]");
    if (!holder) return;
    let problems = [];
    try { problems = JSON.parse(holder.dataset.diagnostics || "[]"); } catch { return; }
    for (const [textarea, view] of editors) {
      const part = textarea.dataset.part || textarea.name;
      const own = problems.filter((problem) => problem.part === part && problem.line).map((problem) => toDiagnostic(view.state.doc, problem));
      view.dispatch(CM.setDiagnostics(view.state, own.sort((left, right) => left.from - right.from)));
    }
  }

  const plain = () => localStorage.getItem(PLAIN_KEY) === "1";
  function refresh() {
    for (const textarea of editors.keys()) if (!textarea.isConnected) editors.delete(textarea);
    for (const textarea of document.querySelectorAll("textarea[data-editor]")) {
      if (plain()) unmount(textarea); else if (!editors.has(textarea)) mount(textarea);
    }
    for (const button of document.querySelectorAll("[data-plain-editor]")) button.setAttribute("aria-pressed", String(plain()));
    readDiagnostics();
  }

  function insert(text) {
    const textarea = lastUsed?.isConnected ? lastUsed : document.querySelector("textarea[data-editor]");
    if (!textarea) return;
    const view = editors.get(textarea);
    if (view) {
      view.dispatch(view.state.replaceSelection(text), { scrollIntoView: true });
      view.focus();
    } else {
      textarea.setRangeText(text, textarea.selectionStart, textarea.selectionEnd, "end");
      textarea.dispatchEvent(new Event("input", { bubbles: true }));
      textarea.focus();
    }
  }
  function goTo(part, line, column) {
    const textarea = [...document.querySelectorAll("textarea[data-editor], input[name], textarea[name]")].find((field) => (field.dataset.part || field.name) === part);
    if (!textarea) return;
    textarea.closest("details:not([open])")?.setAttribute("open", "");
    const view = editors.get(textarea);
    if (view) {
      const at = position(view.state.doc, Number(line), Number(column));
      view.dispatch({ selection: { anchor: at }, effects: CM.EditorView.scrollIntoView(at, { y: "center" }) });
      view.focus();
    } else {
      const before = textarea.value.split("\n").slice(0, Math.max(Number(line) - 1, 0)).join("\n").length + (line > 1 ? 1 : 0);
      textarea.focus();
      textarea.setSelectionRange?.(before + Number(column) - 1, before + Number(column) - 1);
    }
  }

  document.addEventListener("focusin", ({ target }) => { if (target.matches?.("textarea[data-editor], input[data-insertable]")) lastUsed = target; });
  document.addEventListener("click", (event) => {
    const element = event.target.closest?.("[data-plain-editor], [data-insert], [data-goto]");
    if (!element) return;
    if (element.matches("[data-plain-editor]")) {
      localStorage.setItem(PLAIN_KEY, plain() ? "0" : "1");
      refresh();
    } else if (element.matches("[data-insert]")) {
      insert(element.dataset.insert);
    } else {
      event.preventDefault();
      const pieces = element.dataset.goto.split(":");
      goTo(pieces.slice(0, -2).join(":"), pieces.at(-2), pieces.at(-1));
    }
  });
  document.addEventListener("app:settled", refresh);
  refresh();
})();

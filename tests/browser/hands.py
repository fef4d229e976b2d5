"""Two ways to do the same with a page: with a mouse, and with a keyboard alone.

A journey is written once against `Hands`. The keyboard walks with Tab from where the focus is, and each stop of the
walk is judged (ux.md A2): the focus is on something, it can be seen, and nothing lies over it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from playwright.sync_api import Download, Locator, Page, expect

#: What Tab has reached, against the wanted element: (whether it is that, whether that lies ahead, what is wrong with
#: this stop, whether Tab writes something here).
_STOP = """(wanted) => {
  let at = document.activeElement;
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  const host = (element) => element.getRootNode().host || element;
  const inside = wanted === at || wanted.contains(host(at)) && wanted.matches('.editor-host, label, fieldset');
  const group = wanted.type === 'radio' && at.type === 'radio' && at.name === wanted.name && at.form === wanted.form;
  const outer = host(at);
  const ahead = at === document.body || outer.compareDocumentPosition(wanted) & Node.DOCUMENT_POSITION_FOLLOWING;
  const name = at.outerHTML.slice(0, 160).replace(/\\s+/g, ' ');
  const indents = outer.matches('.editor-host');
  const answer = (problem) => [inside || group, Boolean(ahead), problem && `${problem}: ${name}`, indents];
  if (at === document.body || at === document.documentElement) return answer('the focus is on nothing');
  if (at.tagName === 'IFRAME') return answer('');
  const around = [at, at.nextElementSibling, at.closest('label'), outer, at.closest('.bar-search')].filter(Boolean);
  const drawn = (element) => {
    const style = getComputedStyle(element);
    return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
  };
  const picker = at.matches('input[type=date], input[type=datetime-local]');  // rings its own parts
  const marked = around.some(drawn) || picker || (outer.matches('.editor-host') && at.isContentEditable);
  if (!marked) return answer('the focus cannot be seen');
  const label = at.closest('label');
  const box = (label && getComputedStyle(at).opacity === '0' ? label : at).getClientRects()[0];
  const left = Math.max(box.left, 0), right = Math.min(box.right, innerWidth);
  const top = Math.max(box.top, 0), bottom = Math.min(box.bottom, innerHeight);
  if (left >= right || top >= bottom) return answer('the focus is outside the window');
  let hit = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
  while (hit?.shadowRoot && hit.shadowRoot.elementFromPoint) {
    const within = hit.shadowRoot.elementFromPoint((left + right) / 2, (top + bottom) / 2);
    if (!within || within === hit) break;
    hit = within;
  }
  const shadowed = hit && hit.getRootNode() !== document && outer === host(hit);
  const free = hit && (at.contains(hit) || label?.contains(hit) || shadowed);
  return answer(free ? '' : `${hit?.outerHTML.slice(0, 80)} lies over the focus`);
}"""
_TYPES = "document.activeElement.matches('input, select, textarea')"
_BUSY = "document.querySelector('.htmx-request, .htmx-swapping, .htmx-settling') !== null"
_MOST_STOPS = 200
_ARROW_REST = 60  # milliseconds
_COMPLETION_REST = 150  # milliseconds: CodeMirror takes no Enter for a list that has only just opened


def _place_of(select: Locator, words: str) -> int:
    """The place of an option, from 0; waits for it, since options come and go with other choices."""
    expect(select.locator("option", has_text=words).first).to_be_attached()
    texts = [text.strip() for text in select.locator("option").all_inner_texts()]
    return texts.index(words) if words in texts else next(n for n, text in enumerate(texts) if text.startswith(words))


class Hands(ABC):
    """What a person does to a page, whatever they hold."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @abstractmethod
    def press(self, what: Locator) -> None:
        """Use a link, a button, a summary."""

    @abstractmethod
    def write(self, field: Locator, text: str) -> None:
        """Put a text in place of what a field holds."""

    @abstractmethod
    def choose(self, select: Locator, option: str) -> None:
        """Take the option of a select whose words are these, or begin with them."""

    @abstractmethod
    def pick(self, radio: Locator) -> None:
        """Take one radio button of a group."""

    @abstractmethod
    def tick(self, box: Locator) -> None:
        """Change a check box or a switch."""

    @abstractmethod
    def visit(self, section: str) -> None:
        """Go to a section of the rail by its words."""

    @abstractmethod
    def save(self) -> None:
        """Save what the page at hand edits."""

    @abstractmethod
    def edit(self, editor: Locator, text: str) -> None:
        """Put a text in place of what a code editor holds."""

    @abstractmethod
    def accept_completion(self, words: str) -> None:
        """Take the offered completion with these words in a code editor."""

    def _replace(self, text: str) -> None:
        """Typed over a selection, Chromium adds a styled span of its own to an editor, which the policy refuses."""
        self.page.keyboard.press("Control+a")
        self.page.keyboard.press("Delete")
        self.page.keyboard.insert_text(text)

    def _await(self, what: Locator) -> Locator:
        """What is to be used, on a page whose scripts have run: no person is quicker than they are, a driver is."""
        expect(what).to_be_visible()
        self.page.wait_for_load_state()
        return what

    def button(self, words: str) -> None:
        """Press the visible button or link button that is called so."""
        either = self.page.get_by_role("button", name=words, exact=True)
        self.press(either.or_(self.page.get_by_role("link", name=words, exact=True)).filter(visible=True).first)

    def menu(self, menu: str, words: str) -> None:
        """Open the menu with this id and use its entry that is called so."""
        box = self.page.locator(f"#{menu}")
        self.press(box.locator("summary").first)
        self.press(box.get_by_role("link", name=words).or_(box.get_by_role("button", name=words)))

    def field(self, words: str) -> Locator:
        """The control with this label; "optional" may stand behind it."""
        exact = self.page.get_by_label(words, exact=True)
        return exact.or_(self.page.get_by_label(f"{words} optional", exact=True)).filter(visible=True).first

    def fill(self, words: str, text: str) -> None:
        """Put a text into the field with this label."""
        self.write(self.field(words), text)

    def download(self, what: Locator) -> Download:
        """Use a link that answers with a file."""
        with self.page.expect_download() as waiting:
            self.press(what)
        return waiting.value

    def attach(self, field: Locator, file: Path) -> None:
        """Choose a file for a file input."""
        with self.page.expect_file_chooser() as waiting:
            self.press(field)
        waiting.value.set_files(file)


class Mouse(Hands):
    """Clicks; only text is typed."""

    def press(self, what: Locator) -> None:
        self._await(what).click()

    def write(self, field: Locator, text: str) -> None:
        self._await(field).click()
        field.fill(text)

    def choose(self, select: Locator, option: str) -> None:
        self._await(select).select_option(index=_place_of(select, option))

    def pick(self, radio: Locator) -> None:
        radio.locator("xpath=ancestor::label[1]").click()

    tick = pick

    def visit(self, section: str) -> None:
        self.page.locator(".rail").get_by_role("link", name=section, exact=True).click()
        self.page.wait_for_load_state()

    def save(self) -> None:
        self.page.locator('[data-key="Ctrl+S"]').click()

    def edit(self, editor: Locator, text: str) -> None:
        self._await(editor).click()
        self._replace(text)

    def accept_completion(self, words: str) -> None:
        self.page.locator(".cm-tooltip-autocomplete li", has_text=words).first.click()


class Keyboard(Hands):
    """No pointer at all: Tab, Enter, Space, arrows and the desk's own keys."""

    def press(self, what: Locator) -> None:
        self.reach(what)
        self.page.keyboard.press("Enter")

    def write(self, field: Locator, text: str) -> None:
        self.reach(field)
        if field.get_attribute("type") in ("date", "datetime-local"):
            return self._write_moment(text)
        self._replace(text)
        return None

    def _write_moment(self, text: str) -> None:
        """The parts of a date as Chromium asks for them in en-US: month, day, year, hour, minute, half of the day."""
        day, _, time = text.partition("T")
        year, month, number = day.split("-")
        self.page.keyboard.type(f"{month}{number}{year}")
        if time:
            hour, minute = (int(part) for part in time.split(":"))
            self.page.keyboard.press("ArrowRight")
            self.page.keyboard.type(f"{hour % 12 or 12:02}{minute:02}{'P' if hour >= 12 else 'A'}")

    def choose(self, select: Locator, option: str) -> None:
        self.reach(select)
        wanted = _place_of(select, option)
        step = wanted - select.evaluate("(select) => select.selectedIndex")
        self.page.keyboard.press("Alt+ArrowDown")
        for _ in range(abs(step)):
            self.page.keyboard.press("ArrowDown" if step > 0 else "ArrowUp")
        self.page.keyboard.press("Enter")
        expect(select).to_have_js_property("selectedIndex", wanted)

    def pick(self, radio: Locator) -> None:
        self.reach(radio)
        for _ in range(12):
            if radio.is_checked():
                return
            self.page.keyboard.press("ArrowDown")
            self._see_what_it_does()
        raise AssertionError(f"arrows do not reach {radio}")

    def _see_what_it_does(self) -> None:
        """Nobody presses the next arrow before the page has answered the last: a swap of it takes 20 ms to settle."""
        self.page.wait_for_timeout(_ARROW_REST)
        for _ in range(40):
            if not self.page.evaluate(_BUSY):
                return
            self.page.wait_for_timeout(_ARROW_REST)

    def tick(self, box: Locator) -> None:
        self.reach(box)
        self.page.keyboard.press("Space")

    def visit(self, section: str) -> None:
        link = self.page.locator(".rail").get_by_role("link", name=section, exact=True)
        key = link.get_attribute("data-go")
        if not key or self.page.evaluate(_TYPES):
            self.press(link)
            self.page.wait_for_load_state()
            return
        with self.page.expect_navigation():
            self.page.keyboard.press("g")
            self.page.keyboard.press(key)

    def save(self) -> None:
        self.page.keyboard.press("Control+s")

    def edit(self, editor: Locator, text: str) -> None:
        self.reach(editor)
        self._replace(text)

    def accept_completion(self, words: str) -> None:
        expect(self.page.locator(".cm-tooltip-autocomplete li[aria-selected]")).to_contain_text(words)
        self.page.wait_for_timeout(_COMPLETION_REST)
        self.page.keyboard.press("Enter")

    def reach(self, wanted: Locator) -> None:
        """Walk to an element with Tab, or Shift+Tab where it lies behind; past the rail by the skip link."""
        self._await(wanted)
        arrived, ahead, problem, indents = wanted.evaluate(_STOP)
        if problem and not arrived and wanted.evaluate("(element) => Boolean(element.closest('main'))"):
            self._skip()
            arrived, ahead, problem, indents = wanted.evaluate(_STOP)
        stops = 0
        while not arrived:
            if indents:
                self.page.keyboard.press("Escape")  # in a code editor Tab indents
            assert stops < _MOST_STOPS, f"Tab does not reach {wanted}"
            self.page.keyboard.press("Tab" if ahead else "Shift+Tab")
            arrived, ahead, problem, indents = wanted.evaluate(_STOP)
            assert not problem, problem
            stops += 1
        assert not problem, problem

    def _skip(self) -> None:
        skip = self.page.locator(".skip")
        if skip.count() and self.page.evaluate("document.activeElement === document.body"):
            self.page.keyboard.press("Tab")
            expect(skip).to_be_focused()
            self.page.keyboard.press("Enter")

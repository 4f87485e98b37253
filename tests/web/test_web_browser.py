"""The page of a live run in a real browser: what is pressed, drawn and seen, and that nothing is asked of any network."""

import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browser import browser

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from live_run import live_run, until

from tracker.errors import SettingsError
from tracker.web import OutdatedError, ZoneDoor, version_of


@pytest.fixture(scope="module")
def chromium():
    with browser() as running:
        yield running


class ZonesOfRun:
    """Takes zones as a run does; two areas are one too many."""

    def __init__(self):
        self.now = {"anchor": "centre"}
        self.door = ZoneDoor(change=self.change, now=lambda: self.now)

    def change(self, body, version):
        if len(body["areas"]) > 1:
            raise SettingsError("zones.areas: the polygon crosses itself; give its corners in order")
        if version not in (None, version_of(self.now)):
            raise OutdatedError("zones: somebody else has changed them")
        self.now = body


@pytest.fixture(scope="module")
def zones():
    return ZonesOfRun()


@pytest.fixture(scope="module")
def running(tmp_path_factory, zones):
    with live_run(tmp_path_factory.mktemp("snapshots"), zones=zones.door) as run:
        run.live.controls.on("zones", lambda zones: None)
        yield run


@pytest.fixture
def opened(chromium, running):
    """Open the page; at the end no script has failed and no other server was asked."""
    contexts, problems, asked, refusals = [], [], [], []

    def open_page(url=None, *, width=1280, height=900, scheme="light", touch=False):
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, has_touch=touch, reduced_motion="reduce"
        )
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda said: problems.append(said.text) if said.type in ("error", "warning") else None)
        page.on("request", lambda request: asked.append(request.url))
        page.goto(url or running.url)
        page.wait_for_selector("#state[data-state=live]")
        page.wait_for_selector("#picture:visible")
        return page

    open_page.refusals = refusals
    yield open_page
    for context in contexts:
        context.close()
    expected = ("ERR_CONNECTION_REFUSED", *refusals)  # what the browser says of answers that are no success
    assert [problem for problem in problems if not any(words in problem for words in expected)] == []
    assert {urlsplit(url).hostname for url in asked} <= {"127.0.0.1"}


def test_picture_counts_and_events_are_there(opened):
    page = opened()
    assert page.title() == "rtsp://cam-3/main · tracker"
    assert page.text_content(".count[data-lane='1'] .objects") == "1"
    assert page.evaluate("[picture.naturalWidth, picture.naturalHeight]") == [160, 120]
    assert page.locator("#events li").count() == 2
    assert "new" in page.text_content("#events li")
    assert page.text_content("#effort") == "full"
    assert float(page.text_content("#fps")) > 0


def test_buttons_ask_the_run_and_show_what_it_does(opened, running):
    page = opened()
    page.click("#freeze")
    page.wait_for_selector("#freeze[aria-pressed=true]")
    assert running.status.frozen
    page.click("#freeze")
    page.wait_for_selector("#freeze[aria-pressed=false]")
    page.click("#pause")
    page.wait_for_selector("#state[data-state=paused]")
    page.click("#pause")
    page.wait_for_selector("#state[data-state=live]")
    assert page.is_disabled("#record")


def test_a_reset_is_asked_first(opened, running):
    page, before = opened(), running.segmenter.resets
    page.click("#reset")
    page.keyboard.press("Enter")  # the focus is on Cancel
    page.wait_for_selector("#sure", state="hidden")
    page.click("#reset")
    page.keyboard.press("Escape")
    page.wait_for_selector("#sure", state="hidden")
    assert running.segmenter.resets == before
    page.click("#reset")
    page.click("#sure button[value=yes]")
    until(lambda: running.segmenter.resets == before + 1, "the reset")


def test_a_snapshot_says_its_name(opened):
    page = opened()
    page.click("#snapshot")
    page.wait_for_selector("#said:has-text('Kept as')")
    assert Path(page.text_content("#said").removeprefix("Kept as ")).is_file()


@pytest.mark.slow
def test_a_second_viewer_sees_what_the_first_one_changes(opened):
    first, second = opened(), opened(scheme="dark")
    first.check("input[value='slots,gmm']")
    second.wait_for_selector("input[value='slots,gmm']:checked")
    until(lambda: second.evaluate("picture.naturalWidth") == 322, "both lanes side by side")
    second.check("input[value='slots']")
    first.wait_for_selector("input[value='slots']:checked")
    until(lambda: first.evaluate("picture.naturalWidth") == 160, "one lane")
    until(lambda: first.text_content("#viewers") == "2", "the count of viewers")


def place(page, x, y):
    """Pixels of the window, of a point of the picture in shares."""
    box = page.locator("#stage").bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def test_a_polygon_is_drawn_with_the_mouse_dragged_named_and_deleted(opened, zones):
    page = opened()
    open_zones(page)
    page.click("#draw")
    for x, y in ((0.2, 0.2), (0.6, 0.2), (0.6, 0.7)):
        page.mouse.click(*place(page, x, y))
    page.click("#finish")
    page.fill("#list input[data-key=name]", "front door")
    page.locator("#stage").scroll_into_view_if_needed()
    page.mouse.move(*place(page, 0.6, 0.7))
    page.mouse.down()
    page.mouse.move(*place(page, 0.5, 0.8), steps=4)
    page.mouse.up()
    assert page.is_visible("#unsaved")
    page.click("#save")
    page.wait_for_selector("#unsaved", state="hidden")
    until(lambda: "areas" in zones.now, "the zones")
    assert zones.now["anchor"] == "centre"  # what the page does not show goes back as it came
    ((name, points),) = zones.now["areas"].items()
    assert name == "front door"
    assert [share for point in points for share in point] == pytest.approx([0.2, 0.2, 0.6, 0.2, 0.5, 0.8], abs=0.01)
    page.click("#list button:has-text('Delete')")
    page.click("#save")
    page.wait_for_selector("#unsaved", state="hidden")
    until(lambda: zones.now["areas"] == {}, "the zone's end")


def test_a_line_is_drawn_with_the_keyboard(opened, zones):
    page = opened()
    page.focus("#zones summary")
    page.keyboard.press("Enter")
    page.select_option("#kind", "lines")
    page.focus("#draw")
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("Space")
    for key in ("Shift+ArrowDown", "Shift+ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    page.keyboard.press("Space")
    page.fill("#list input[data-key=forward]", "east")
    page.focus("#save")
    page.keyboard.press("Enter")
    page.wait_for_selector("#unsaved", state="hidden")
    until(lambda: zones.now["lines"], "the line")
    assert zones.now["lines"] == {
        "line 1": {"points": [[0.5, 0.45], [0.51, 0.55]], "forward": "east", "backward": "out"}
    }
    page.click("#list button:has-text('Delete')")
    page.click("#save")
    page.wait_for_selector("#unsaved", state="hidden")


def test_what_is_drawn_before_the_zones_have_come_is_added_to_them(opened, zones):
    page = opened()
    zones.now = {"anchor": "centre", "lines": {"line 1": {"points": [[0.1, 0.1], [0.9, 0.1]]}}}
    asked = []
    page.route("**/zones", lambda route: asked.append(route) if route.request.method == "GET" else route.continue_())
    page.click("#zones summary")
    until_in_page(page, lambda: asked)
    page.select_option("#kind", "lines")
    page.click("#add")
    page.wait_for_selector("#unsaved")
    asked[0].continue_()
    page.wait_for_selector("#list li:nth-child(2)")
    page.click("#save")
    page.wait_for_selector("#unsaved", state="hidden")
    assert zones.now["anchor"] == "centre"
    assert set(zones.now["lines"]) == {"line 1", "line 2"}
    zones.now = {"anchor": "centre"}


def open_zones(page):
    """Open the part about zones, and wait until those of the run have come."""
    page.click("#zones summary")
    page.wait_for_selector("#zones[data-version]")


def until_in_page(page, condition):
    """Wait while the page's own messages are taken."""
    for _ in range(600):
        if condition():
            return
        page.wait_for_timeout(50)
    pytest.fail("the page did not ask")


def test_corners_are_numbers_and_what_the_run_refuses_is_shown(opened, zones):
    page = opened()
    open_zones(page)
    page.click("#add")
    page.fill("[aria-label='Corner 1 of zone 1, x in percent']", "12.5")
    page.click("#list button:has-text('Add corner')")
    page.click("#save")
    until(lambda: zones.now.get("areas"), "the zone")
    assert zones.now["areas"]["zone 1"] == [[0.125, 0.35], [0.65, 0.35], [0.65, 0.65], [0.35, 0.65], [0.2375, 0.5]]
    page.click("#add")
    opened.refusals.append("status of 400")
    page.click("#save")
    page.wait_for_selector("#zoneproblem:has-text('crosses itself')")
    page.fill("#list li:last-child input[data-key=name]", "zone 1")
    page.click("#save")
    page.wait_for_selector("#zoneproblem:has-text('used twice')")
    page.click("#discard")
    until(lambda: page.locator("#list li").count() == 1, "the discarding")
    page.click("#list button:has-text('Delete')")
    page.click("#save")
    page.wait_for_selector("#unsaved", state="hidden")


@pytest.mark.slow
def test_beside_each_other_lanes_have_the_same_zones(opened, running, zones):
    page = opened(width=390, height=844)
    running.live.controls.ask("lanes", ("slots", "gmm"))
    page.wait_for_selector("input[value='slots,gmm']:checked")
    open_zones(page)
    page.click("#draw")
    boxes = [page.locator(what).bounding_box() for what in ("#picture", "#shapes")]
    assert boxes[0] == pytest.approx(boxes[1], abs=1)  # corners lie where they are drawn
    for x, y in ((0.6, 0.2), (0.9, 0.2), (0.2, 0.9), (0.1, 0.2)):  # in the right one, and in the left one
        page.mouse.click(*place(page, x, y))  # the last is the first corner again: it closes the polygon
    page.wait_for_selector("#drawing", state="hidden")
    assert page.locator("#shapes path.areas").count() == 2
    page.click("#save")
    until(lambda: zones.now.get("areas"), "the zone")
    points = zones.now["areas"]["zone 1"]
    assert [share for point in points for share in point] == pytest.approx([0.2, 0.2, 0.8, 0.2, 0.4, 0.9], abs=0.01)
    running.live.controls.ask("lanes", ("slots",))
    page.click("#list button:has-text('Delete')")
    page.click("#save")
    page.wait_for_selector("#unsaved", state="hidden")


NAMELESS = """() => [...document.querySelectorAll('button, input, select, summary, img')].filter((each) =>
  !each.closest('[hidden]') && !(each.textContent.trim() || each.getAttribute('aria-label') || each.alt
  || (each.labels && [...each.labels].some((label) => label.textContent.trim())))).map((each) => each.outerHTML)"""


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_a_phone_shows_everything_within_its_width(opened, scheme):
    page = opened(width=390, height=844, scheme=scheme, touch=True)
    page.tap("#zones summary")
    page.tap("#add")
    page.wait_for_selector("#list li")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    small = """() => [...document.querySelectorAll('button, select')].filter((each) => each.offsetParent
        && each.getBoundingClientRect().height < 43).map((each) => each.textContent)"""
    assert page.evaluate(small) == []
    assert page.evaluate(NAMELESS) == []


@pytest.mark.slow
def test_events_are_read_aloud_only_if_asked(opened):
    page = opened()
    assert page.get_attribute("#events", "aria-live") == "off"
    page.check("#aloud")
    assert page.get_attribute("#events", "aria-live") == "polite"


@pytest.mark.slow
def test_what_the_run_waits_for_is_said(opened, running):
    page = opened()
    running.stream.silent.set()
    try:
        counts = None
        while counts is not running.page.counts:  # a frame may be on its way
            counts = running.page.counts
            time.sleep(0.2)
        running.live.board.change(state="waiting", note="no picture for 12 s, trying again in 4 s")
        page.wait_for_selector("#note:has-text('no picture for 12 s, trying again in 4 s')")
        assert page.text_content("#state") == "no picture"
    finally:
        running.stream.silent.clear()
    page.wait_for_selector("#note", state="hidden")


@pytest.mark.slow
def test_a_page_that_is_not_looked_at_asks_for_nothing(opened, running):
    page = opened()
    until(lambda: running.page.screen.viewers == 1, "the viewer")
    hide = """(hidden) => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
        document.dispatchEvent(new Event('visibilitychange')); }"""
    page.evaluate(hide, True)
    until(lambda: running.page.screen.viewers == 0, "the viewer's leaving")
    page.evaluate(hide, False)
    until(lambda: running.page.screen.viewers == 1, "the viewer's return")


def test_the_page_says_that_the_run_is_gone_and_finds_the_next(opened, tmp_path):
    with live_run(tmp_path) as run:
        page, port = opened(run.url), run.port
    page.wait_for_selector("#gone:has-text('The run has ended')")
    assert page.is_disabled("#freeze")
    with live_run(tmp_path, port=port):
        page.wait_for_selector("#gone", state="hidden")
        page.wait_for_selector("#state[data-state=live]")
        page.wait_for_selector("#freeze:enabled")
        until(lambda: page.locator("#events li").count() == 2, "the events of the new run alone")


@pytest.mark.slow
def test_the_token_leaves_the_address_and_the_page_goes_on_with_a_cookie(opened, tmp_path):
    with live_run(tmp_path, host="0.0.0.0") as run:
        local = f"http://127.0.0.1:{run.port}/"
        page = opened(local + "?" + urlsplit(run.url).query)
        assert page.url == local
        assert "tracker-" not in page.evaluate("document.cookie")
        page.reload()
        page.wait_for_selector("#state[data-state=live]")
        page.click("#freeze")
        until(lambda: run.status.frozen, "the freezing")


def test_the_page_is_small():
    import tracker.web

    files = list((Path(tracker.web.__file__).parent / "static").iterdir())
    assert sum(file.stat().st_size for file in files) < 150_000
    assert not any("http://" in text.replace("http://www.w3.org/", "") for text in (file.read_text() for file in files))

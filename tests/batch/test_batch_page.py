"""The page of a batch: what it says, how large it is, and that a browser opens it."""

import re
from dataclasses import replace

from browser import browser

from tracker.batch.marks import Mark, ResultKey
from tracker.batch.page import overview, render

KEY = ResultKey("", "", (), "")


def marks(count):
    for n in range(count):
        name = f"camera {n % 40:02}/2026-11-{1 + n % 28:02}T12-00-00-entrance-{n:05}"
        if n % 50 == 7:
            yield Mark(name, "s", KEY, "failed", f"{name}.mp4: not a video <b>", 0.2)
        else:
            yield Mark(
                name, "s", KEY, "done", None, float(n), 250, 25.0, (64, 48), {"gmm": n % 9, "slots": 2}, (), True
            )


def test_the_page_sums_up_and_names_failures_and_the_slowest():
    text = render(overview(marks(100)))
    head = re.sub(r"<[^>]*>|\s+", " ", text.split("</header>")[0])
    assert "100 clips" in head
    assert "2 failed" in head
    assert "24,500 frames" in head
    assert "0:16:20 of video" in head
    assert "slots: 196 identities" in head
    assert "entrance-00007.mp4: not a video &lt;b&gt;" in text
    assert "<b>" not in text
    assert text.count("1:39") == 1  # seconds of the slowest


def test_a_clip_that_failed_is_not_among_the_slowest():
    slow = Mark("gone", "s", KEY, "failed", "not a video", 1000.0)
    assert [name for _, name in overview([slow, *marks(3)]).slowest] == [mark.name for mark in reversed(list(marks(3)))]


def test_a_page_without_clips_and_one_of_more_than_it_has_room_for_are_made(monkeypatch):
    assert "none yet" in render(overview([]))
    monkeypatch.setattr("tracker.batch.page.TABLE_BYTES", 10_000)
    found = overview(marks(500))
    assert found.left_out + len(found.rows) == 500
    assert sum(row[1] for row in found.rows) == 10  # every failure
    assert "have no room on this page" in render(found)


def test_the_page_is_small_however_many_clips_failed():
    failed = (replace(mark, state="failed", problem="the disk is full; " * 40) for mark in marks(20_000))
    found = overview(failed)
    assert len(render(found)) < 3e6
    assert found.failed == 20_000
    assert found.left_out > 0


def test_the_page_of_5000_clips_is_small_and_a_browser_opens_it(tmp_path):
    path = tmp_path / "report.html"
    path.write_text(render(overview(marks(5000))))
    assert path.stat().st_size < 3e6
    with browser() as chromium:
        page, errors = chromium.new_page(viewport={"width": 390, "height": 800}), []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(path.as_uri())
        assert page.locator("#count").inner_text() == "5,000 of 5,000"
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert page.locator("#rows tr").count() == 200
        page.locator("#head button", has_text="work").click()
        name = "camera%2039/2026-11-16T12-00-00-entrance-04999"
        assert page.locator("#rows a").first.get_attribute("href") == f"{name}.tracked.mp4"
        page.locator("[data-state='0']").click()
        assert page.locator("#count").inner_text() == "100 of 5,000"
        page.fill("#find", "entrance-00057")
        assert page.locator("#rows .failed").inner_text() == "failed"
        assert errors == []

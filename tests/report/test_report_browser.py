"""The page of a run in a real browser: what is clicked, what is seen, and that nothing is asked of any network."""

import io
from dataclasses import replace

import numpy as np
import pytest
from browser import browser
from PIL import Image as Pillow
from test_report import hand_made, moment, record, recorded

from tracker.report import ReportData, render_page

FRAME_S = 0.1


@pytest.fixture(scope="module")
def chromium():
    with browser() as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pages of real runs over a drawn street: both lanes, four lanes, and one whose video has gone."""
    folder = tmp_path_factory.mktemp("pages")
    two = hand_made(recorded({"gmm": "gmm", "slots": "slots"}, video=folder / "compare.mp4"))
    many = hand_made(recorded({"mog2": "mog2", "knn": "knn", "slots": "slots", "slots-wide": "gmm"}, frames=20))
    lanes = tuple(replace(lane, tracks=()) for lane in two.run.lanes)
    times_s = tuple(100 + time_s for time_s in two.run.times_s)
    later = replace(two.run, lanes=lanes, start_s=100.0, end_s=106.0, times_s=times_s)
    switch = next(event for event in two.events if event.kind == "switch")
    for name, data in {
        "report": two,
        "four": replace(many, video=None),
        "gone": replace(two, video="gone.mp4"),
        "later": replace(two, run=later, events=(replace(switch, time_s=104.2),), errors={}),
        "hostile": replace(two, title=HOSTILE, video=HOSTILE.replace("/", "")),
        "single": ReportData(
            title="a", size=(64, 48), fps=10.0, outcome="failed", run=record(moment(0, {"a": []})), video="gone.mp4"
        ),
        "busy": replace(
            two, events=(*two.events, *(replace(switch, kind="merge", time_s=0.05 * n) for n in range(110)))
        ),
        "crowded": replace(
            two,
            events=(
                *(replace(switch, time_s=float(n)) for n in range(3)),
                *(replace(switch, kind="birth", time_s=n / 300) for n in range(1800)),
            ),
        ),
        "part": replace(
            two,
            errors={
                name: replace(
                    curves, **{key: (*getattr(curves, key)[:30], *(None,) * 30) for key in ("misses", "false_boxes")}
                )
                for name, curves in two.errors.items()
            },
        ),
        "agree": ReportData(
            title="a",
            size=(64, 48),
            fps=10.0,
            outcome="complete",
            run=record(moment(0, {"a": [], "b": []}, found={"a": 9, "b": 9})),
        ),
        "bare": ReportData(title="a", size=two.size, fps=None, outcome="interrupted", run=two.run),
    }.items():
        (folder / f"{name}.html").write_text(render_page(data), encoding="utf-8")
    return folder


HOSTILE = "</script><script>document.title = 'taken'</script>\u2028.mp4"


@pytest.fixture
def opened(chromium, folder):
    """Open a page by name; at the end no script has failed, and nothing but the disk was asked."""
    contexts, problems, asked = [], [], []

    def open_page(name="report", *, width=1280, height=900, scheme="light"):
        context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda said: problems.append(said.text) if said.type in ("error", "warning") else None)
        page.on("request", lambda request: asked.append(request.url))
        page.goto((folder / f"{name}.html").as_uri())
        page.wait_for_selector("#timeline svg")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [problem for problem in problems if "ERR_FILE_NOT_FOUND" not in problem] == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def in_sight(page, selector):
    """The element's box after it was scrolled to: the mouse has only what is seen."""
    element = page.locator(selector).first
    element.scroll_into_view_if_needed()
    return element.bounding_box()


def video_time(page):
    page.wait_for_function("video.readyState > 0 && !video.seeking")
    return page.evaluate("video.currentTime")


def test_the_video_is_known_in_length_and_shown(opened):
    page = opened()
    page.wait_for_function("video.readyState > 0")
    assert page.evaluate("video.duration") == pytest.approx(6.0, abs=0.11)
    assert page.evaluate("video.videoWidth") == 2 * 240 + 2
    assert page.locator("#novideo").is_hidden()


def test_the_video_opens_where_the_lanes_disagree_most(opened):
    page = opened()
    said = page.locator("#opening")
    assert "where the lanes disagree most" in said.inner_text()
    wanted = float(said.locator("[data-seek]").first.get_attribute("data-seek"))
    assert wanted > 0
    assert video_time(page) == pytest.approx(wanted, abs=0.01)
    assert page.evaluate("video.poster").startswith("data:image/jpeg")
    assert page.evaluate("now") == pytest.approx(wanted, abs=0.01)
    assert "away" not in (page.locator("#player").get_attribute("class") or "")
    page.click("#timeline")
    assert video_time(page) != pytest.approx(wanted, abs=0.01)


def test_a_click_in_the_verdict_goes_to_where_to_look(opened):
    page = opened()
    button = page.locator(".said [data-seek='4.2']")
    button.click()
    assert video_time(page) == pytest.approx(4.2, abs=0.01)


def test_a_click_on_a_row_of_events_seeks_the_video(opened):
    page = opened()
    page.locator("#rows tr", has_text="made for the test").locator("button").click()
    assert video_time(page) == pytest.approx(4.2, abs=FRAME_S)
    assert page.locator("#player").get_attribute("class") == "away"  # seen although its place is far up
    page.locator("#dock").click()
    assert page.locator("#player").get_attribute("class") == ""


def test_a_click_on_a_mark_of_the_timeline_seeks_the_video(opened):
    page = opened()
    mark = page.locator(".mark[data-kind=switch]").first
    mark.click()
    assert video_time(page) == pytest.approx(4.2, abs=FRAME_S)


def test_the_clock_is_the_clips_where_the_run_began_inside_it(opened):
    page = opened("later")
    assert page.locator(".facts").inner_text().split("\n")[-2] == "6.0 s from 1:40.0"
    page.locator(".mark").click()
    assert video_time(page) == pytest.approx(4.2, abs=FRAME_S)
    assert page.locator("#rows .time").inner_text() == "1:44.2"


def test_a_click_between_marks_goes_to_that_time_and_the_line_follows(opened):
    page = opened()
    box = in_sight(page, "#timeline")
    middle = page.evaluate("xOf(3.0, timeline.clientWidth)")
    page.mouse.click(box["x"] + middle, box["y"] + box["height"] - 60)
    assert video_time(page) == pytest.approx(3.0, abs=FRAME_S)
    assert float(page.locator(".now").get_attribute("x1")) == pytest.approx(middle, abs=3)
    page.keyboard.press("ArrowRight")
    assert video_time(page) == pytest.approx(3.1, abs=FRAME_S / 2)
    page.keyboard.press("Home")
    assert video_time(page) == pytest.approx(0, abs=FRAME_S / 2)


def test_the_line_follows_the_video_that_plays(opened):
    page = opened()
    page.evaluate("video.play()")
    page.wait_for_function("now > 0.5")
    assert page.evaluate("Math.abs(now - video.currentTime)") < 2 * FRAME_S


def test_a_drag_looks_closer_and_a_double_click_shows_the_whole_clip(opened):
    page = opened()
    box = in_sight(page, "#timeline")
    left, right = (page.evaluate(f"xOf({t}, timeline.clientWidth)") for t in (1.5, 3.0))
    y = box["y"] + box["height"] - 60
    page.mouse.move(box["x"] + left, y)
    page.mouse.down()
    page.mouse.move(box["x"] + right, y, steps=4)
    page.mouse.up()
    assert page.evaluate("[view.from, view.to]") == pytest.approx([1.5, 3.0], abs=0.03)
    assert page.locator("#whole").is_visible()
    page.mouse.dblclick(box["x"] + right, y)
    assert page.evaluate("[view.from, view.to]") == page.evaluate("[clip.from, clip.to]")
    assert page.locator("#whole").is_hidden()


def test_the_filters_are_those_of_the_timeline_and_of_the_table(opened):
    page = opened()
    rows, marks = page.locator("#rows tr:not([hidden])"), page.locator(".mark")
    everything = rows.count()
    assert marks.count() == everything
    births = page.locator("#rows tr[data-kind=birth]").count()
    page.locator("#kinds [data-key=birth]").click()
    assert rows.count() == marks.count() == everything - births
    assert page.locator("#kinds2 [data-key=birth]").get_attribute("aria-pressed") == "false"
    page.locator("#kinds2 [data-key='1']").click()
    assert set(rows.locator(".lane").all_inner_texts()) == {"gmm"}
    assert page.locator("#shown").inner_text() == f"{rows.count()} of {everything} shown."
    page.locator("#kinds2 [data-key='1']").click()
    page.locator("#kinds [data-key=birth]").click()
    assert rows.count() == marks.count() == everything


def test_a_click_on_a_bar_goes_to_the_birth(opened):
    page = opened()
    birth = page.evaluate("barTracks[0].at(-1)[3][0]")
    box = in_sight(page, "#bars canvas")
    page.mouse.click(box["x"] + 300, box["y"] + box["height"] - 8)
    assert video_time(page) == pytest.approx(birth, abs=FRAME_S)
    colours = page.evaluate(
        "(() => { const c = document.querySelector('#bars canvas');"
        " const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        " const found = new Set(); for (let i = 0; i < d.length; i += 4) if (d[i + 3] === 255)"
        " found.add('#' + [d[i], d[i + 1], d[i + 2]].map((v) => v.toString(16).padStart(2, '0')).join(''));"
        " return [...found]; })()"
    )
    assert set(page.evaluate("barTracks[0].map((track) => track[1])")) <= set(colours)


def luminance(colour):
    linear = [(c / 12.92) if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def contrast(page, ink, paper):
    pair = []
    for name in (ink, paper):
        text = page.evaluate(f"css('--{name}')").lstrip("#")
        pair.append(luminance([int(text[at : at + 2], 16) / 255 for at in (0, 2, 4)]))
    return (max(pair) + 0.05) / (min(pair) + 0.05)


def picture(page):
    return np.asarray(Pillow.open(io.BytesIO(page.screenshot())).convert("L"), float)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_both_themes(opened, scheme):
    page = opened(scheme=scheme)
    for ink in ("ink", "soft", "accent", "bad", "look", "good", *(f"lane-{n}" for n in range(6))):
        for paper in ("paper", "card"):
            assert contrast(page, ink, paper) >= 4.5, (ink, paper)
    for kind in ("birth", "death", "occlusion", "merge", "split", "switch"):
        assert contrast(page, kind, "card") >= 3, kind


def test_dark_is_dark_and_the_button_changes_it(opened):
    light, dark = opened("gone"), opened("gone", scheme="dark")
    assert picture(light).mean() > 180 > 90 > picture(dark).mean()
    dark.locator("#theme").click()  # auto, then light, then dark
    assert picture(dark).mean() > 180
    dark.locator("#theme").click()
    assert picture(dark).mean() < 90


@pytest.mark.parametrize("width", [320, 360, 640])
@pytest.mark.parametrize("name", ["report", "four", "gone", "hostile", "bare"])
def test_on_a_phone_nothing_scrolls_sideways(opened, name, width):
    page = opened(name, width=width, height=740)
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_meetings_of_a_busy_clip_wait_behind_their_chips(opened):
    page = opened("busy")
    assert set(page.evaluate("[...document.querySelectorAll('.mark')].map((m) => m.dataset.kind)")) == {
        "birth",
        "switch",
    }
    assert page.locator("#calm").inner_text() == "Switched off: hidden, merged."
    page.locator("#kinds [data-key=merge]").click()
    assert page.locator(".mark[data-kind=merge]").count() == 110
    assert page.locator("#calm").inner_text() == "Switched off: hidden."


def test_events_that_found_no_room_are_counted_all_the_same(opened):
    page = opened("crowded")
    assert page.locator("#kinds [data-key=birth] small").inner_text() == "1,800"
    assert page.locator("#kinds [data-key=switch] small").inner_text() == "3"
    assert page.locator("#shown").inner_text() == "1,000 of 1,803 shown; this page holds 1,000, spread evenly."


def test_looking_closer_shows_the_bars_of_those_who_are_there(opened):
    page = opened()
    there = "data.lanes[0].tracks.filter((t) => t[3][0] <= 1.5).map((t) => t[0])"
    every = page.locator("#bars .caption span:last-child").first.inner_text()
    page.evaluate("look(0, 1.5)")
    assert page.evaluate("barTracks[0].map((t) => t[0])") == page.evaluate(there)
    assert page.locator("#bars .caption span:last-child").first.inner_text().startswith(every + ", ")
    assert len(page.evaluate(there)) < len(page.evaluate("data.lanes[0].tracks"))
    page.evaluate("look(clip.from, clip.to)")
    assert page.locator("#bars .caption span:last-child").first.inner_text() == every


def test_where_the_truth_ends_errors_are_unknown_and_not_none(opened):
    page = opened("part")
    assert page.locator("#timeline .unknown").count() == 2
    box = page.locator("#timeline .unknown").first
    ends = float(box.get_attribute("x")), float(box.get_attribute("x")) + float(box.get_attribute("width"))
    assert ends == pytest.approx([page.evaluate(f"xOf({t}, timeline.clientWidth)") for t in (3, 6)], abs=0.1)
    assert opened("report").locator("#timeline .unknown").count() == 0


def test_lanes_that_agree_have_no_percent_of_disagreement(opened):
    page = opened("agree")
    assert page.locator("figcaption").inner_text() == "They agree on every pixel of every frame."
    assert "0 %" in page.locator("#timeline text").all_text_contents()
    assert "1 frame" in page.locator(".facts").inner_text().split("\n")


def test_a_finger_drawn_sideways_looks_closer(opened):
    page = opened()
    page.evaluate(
        """(() => {
        const box = timeline.getBoundingClientRect();
        for (const [kind, timeS] of [['down', 1.5], ['move', 2], ['move', 3], ['up', 3]])
            timeline.dispatchEvent(new PointerEvent(`pointer${kind}`, { pointerType: 'touch', button: 0,
                clientX: box.left + xOf(timeS, timeline.clientWidth), clientY: box.top + 90 }));
        })()"""
    )
    assert page.evaluate("[view.from, view.to]") == pytest.approx([1.5, 3.0], abs=0.03)


def test_on_paper_it_is_light_and_without_what_only_a_screen_can_do(opened):
    page = opened(scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("css('--card')") == "#ffffff"
    for gone in ("#stage", "#kinds", "#events .scroll", "#theme", "nav"):
        assert page.locator(gone).is_hidden(), gone
    for kept in ("#timeline", "#bars canvas", "#scenes svg", "#health"):
        assert page.locator(kept).first.is_visible(), kept


def test_four_lanes_are_no_special_case(opened):
    page = opened("four")
    names = ["mog2", "knn", "slots", "slots-wide"]
    assert page.locator(".verdict h2").all_inner_texts() == names
    assert page.locator("#bars canvas").count() == page.locator("#scenes svg").count() == 4
    assert page.locator("#lanes button").count() == 4
    assert page.locator(".differences li").count() == 3
    assert page.locator("#timeline .errors").count() == 4


def test_without_the_video_all_else_works(opened):
    page = opened("gone")
    page.wait_for_selector("#novideo:not([hidden])")
    assert page.locator("#stage").is_hidden()
    page.locator("#rows tr", has_text="made for the test").click()
    assert page.evaluate("now") == pytest.approx(4.2)


def test_a_name_that_is_a_script_is_only_a_name(opened):
    page = opened("hostile")
    assert page.locator("h1").inner_text().startswith("</script><script>document.title")
    assert page.title() != "taken"
    assert page.locator("script").count() == 2


def test_zones_are_told_by_lane_and_direction(opened):
    page = opened()
    area, line = page.locator("#zones table").all()
    cells = [row.locator("th, td").all_inner_texts() for row in area.locator("tr").all()]
    assert cells == [
        ["Area door", "entries", "exits", "inside", "mean stay", "longest"],
        ["gmm", "3", "2", "1", "2.5 s", "4.2 s"],
        ["slots", "4", "2", "2", "1.9 s", "4.2 s"],
    ]
    cells = [row.locator("th, td").all_inner_texts() for row in line.locator("tr").all()]
    assert cells == [["Line gate", "west", "east"], ["gmm", "5", "0"], ["slots", "6", "0"]]
    assert page.locator("#zones .lead a").all_inner_texts() == ["compare.gmm.zones.csv"]
    assert page.locator("nav a[href='#zones']").count() == 1
    assert opened("single").locator("#zones").count() == 0


def test_what_is_not_known_is_left_out(opened):
    page = opened("bare")
    assert page.locator("#health, #scores, .stages, details").count() == 0
    assert page.locator("#shown").inner_text() == "Nothing of note."


def test_one_lane_and_one_frame_without_anybody_make_a_page_too(opened):
    page = opened("single")
    assert page.locator(".verdict p").inner_text() == "No identity found."
    assert page.locator("#disagreement, #health").count() == 0
    assert page.locator("#bars canvas").count() == 1


def test_steps_of_a_frame_do_not_drift(opened):
    page = opened()
    page.locator("#timeline").focus()
    page.keyboard.press("Home")
    for step in range(1, 31):
        page.keyboard.press("ArrowRight")
        assert video_time(page) == pytest.approx(step * FRAME_S, abs=0.01)


def test_everything_that_can_be_clicked_can_be_reached_by_key(opened):
    page = opened()
    page.locator("#timeline").focus()
    assert page.evaluate("document.activeElement.getAttribute('role')") == "slider"
    assert page.evaluate("[...document.querySelectorAll('[data-seek]')].every((e) => e.tagName === 'BUTTON')")
    assert page.evaluate("[...document.querySelectorAll('#rows tr')].every((row) => row.querySelector('button'))")

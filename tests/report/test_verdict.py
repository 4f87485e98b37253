"""What a page says is to be looked at first, and what it says a lane is."""

from dataclasses import replace

import pytest
from test_report import event, few, moment, record, seen

from tracker.report import ErrorCurves, render_page
from tracker.report.verdict import CALM, about_lane, facts, opening
from tracker.settings import RunSettings, load_settings
from tracker.types import INSIDE


def told(data, lane=0):
    return [(fact.text, fact.look_s) for fact in facts(data, data.run.lanes[lane])]


def gone(time_s, note, identity=1):
    return replace(event("death", time_s), ids=(identity,), note=note)


def test_the_video_opens_where_the_lanes_disagree_most():
    moments = [moment(i, {"a": [], "b": []}, found={"a": 30 if i == 40 else 3}) for i in range(60)]
    data = replace(few(), run=record(*moments))
    assert opening(data).time_s == pytest.approx(4.0)
    assert "disagree" in opening(data).why


def test_where_they_agree_it_opens_at_the_first_moment_with_most_objects_and_without_any_at_the_start():
    moments = [moment(i, {"a": [seen(k, 10 * k) for k in range(1, 4 if 20 <= i < 30 else 2)]}) for i in range(60)]
    assert opening(replace(few(), run=record(*moments))).time_s == pytest.approx(2.0)
    assert opening(replace(few(), run=record(*(moment(i, {"a": []}) for i in range(5))))) is None


def test_who_was_lost_inside_the_picture_is_counted_and_the_longest_seen_is_shown():
    moments = [moment(i, {"a": [seen(1, 10), *([seen(2, 40)] if i < 5 else [])]}) for i in range(30)]
    events = [gone(0.4, INSIDE, 2), gone(2.9, f"{INSIDE}, after being hidden"), gone(2.0, "left the picture", 3)]
    data = replace(few(events), run=record(*moments))
    assert told(data) == [("lost sight of 2 of 2 objects inside the picture", 2.9)]
    some = replace(data, event_counts={("death", "a"): 50})
    assert told(some)[0][0].startswith("lost sight of at least 2 of")


def test_exchanges_and_the_worst_errors_follow():
    data = few([event("switch", 1.4), event("switch", 0.7)])
    zeros = [0] * 30
    wrong = [3 if i == 12 else 0 for i in range(30)]
    errors = ErrorCurves.binned(data.run, [i / 10 for i in range(30)], misses=wrong, false_boxes=zeros, switches=zeros)
    assert told(replace(data, errors={"a": errors})) == [
        ("may have exchanged identities 2 times", 0.7),
        ("errs most against the truth by 3 boxes in a frame", pytest.approx(1.2)),
    ]


def test_what_is_calm_or_empty_is_said_to_be_so():
    assert told(few()) == [(CALM, None)]
    assert told(few(), lane=1) == [("found no object", None)]


def test_every_lane_and_variant_is_explained_in_a_line():
    settings = RunSettings().model_dump(mode="json")
    for lane in ("gmm", "slots", "blobs", "rigid", "mog2", "knn"):
        assert 20 < len(about_lane(lane, settings)) < 130
    own = load_settings(overrides=["variants.quick={lane: gmm, changes: [gmm.mixture.history_s=12]}"])
    line = about_lane("quick", own.model_dump(mode="json"))
    assert line == "As lane gmm, changed: gmm.mixture.history_s=12."
    own = load_settings(overrides=["variants.mog2={lane: slots, changes: [slots.working_width=320]}"])
    assert about_lane("mog2", own.model_dump(mode="json")) == "As lane slots, changed: slots.working_width=320."
    assert about_lane("unheard of", {}) == ""


def test_the_page_says_it_above_the_video_and_can_be_clicked():
    page = render_page(replace(few([gone(0.4, INSIDE)]), video="a.mp4"))
    assert page.index("lost sight of 1 of 1 object inside") < page.index("<video")
    assert 'data-seek="0.4"' in page

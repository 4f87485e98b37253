"""`tracker paper`: every experiment fits its recipes, and a small one goes from training to page."""

import json

import cv2
import numpy as np
import pytest
import torch
from browser import browser
from click.testing import CliRunner
from commands import refused

from tracker.cli import cli
from tracker.cli.networks import PAPERS
from tracker.errors import SettingsError, SinkError, WeightsError
from tracker.papers import command, weights
from tracker.papers.__main__ import commands
from tracker.papers.cells import build_cell
from tracker.papers.command import run_paper
from tracker.papers.experiments import EXPERIMENTS, Beyond, Claim
from tracker.papers.index import run_all
from tracker.papers.pictures import COLOURS, owners, sheet
from tracker.papers.report import number_text, score, table
from tracker.papers.settings import ExperimentSettings
from tracker.papers.weights import load_cell, save_cell, ship, trained_digits
from tracker.progress import Shares
from tracker.recipes import PAPERS as CONFIGS
from tracker.settings import read_settings
from tracker.sinks import hold

SMALL = [
    "net.hidden=8", "em.steps=2", "train.batch=4", "train.updates=2", "train.row_every=1", "train.validation_clips=4",
]  # fmt: skip


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_claim_and_figure_has_its_recipe_and_test(name):
    experiment = EXPERIMENTS[name]
    settings = {run: read_settings(ExperimentSettings, [str(CONFIGS / f"{run}.yaml")], []) for run in experiment.runs}
    for claim in experiment.claims:
        assert claim.test in settings[claim.run].tests, claim
        if claim.beyond is not None:
            further = read_settings(ExperimentSettings, [str(CONFIGS / f"{claim.beyond.run}.yaml")], [])
            assert claim.beyond.test in further.tests, claim
    for figure in experiment.figures:
        for run in figure.runs:
            assert figure.kind == "objects" or figure.test in settings[run].tests, figure
        assert figure.kind != "objects" or all(
            f"objects-{n}" in settings[run].tests for run in figure.runs for n in range(1, 6)
        )


def test_the_command_knows_every_experiment():
    assert set(PAPERS) == set(EXPERIMENTS)


def test_an_experiment_goes_from_training_to_page_and_a_second_call_finds_it_done(tmp_path):
    said: list[str] = []
    report = run_paper("denoising", tmp_path / "out", clips=4, overrides=SMALL, say=said.append)
    page = report.read_text()
    figures = sorted(path.name for path in report.parent.glob("figure-*.png"))
    assert len(figures) == len(EXPERIMENTS["denoising"].figures)
    assert all(f'src="{name}"' in page for name in figures)
    assert "stopped before" not in page
    data = json.loads((report.parent / "report.json").read_text())
    assert [line["what"] for line in data["table"]] == [claim.what for claim in EXPERIMENTS["denoising"].claims]
    assert all(np.isfinite(line["ours"]) for line in data["table"])
    assert any("update 2" in text for text in said)
    assert "4 test clips each, seed 1" in page
    assert "training seed 0" in page

    before = (report.parent / "shapes" / "scores.json").stat().st_mtime_ns
    said.clear()
    run_paper("denoising", tmp_path / "out", clips=4, overrides=SMALL, say=said.append)
    assert not any("update" in text for text in said)
    assert (report.parent / "shapes" / "scores.json").stat().st_mtime_ns == before


def test_a_network_that_two_experiments_have_is_trained_once(tmp_path):
    said: list[str] = []
    run_paper("denoising", tmp_path / "denoising", clips=2, overrides=SMALL)
    run_paper("shapes", tmp_path / "shapes", clips=2, overrides=SMALL, say=said.append)
    assert f"shapes: trained already, with the same settings; a copy of {tmp_path / 'denoising' / 'shapes'}" in said
    weights = [(tmp_path / name / "shapes" / "last.safetensors").read_bytes() for name in ("denoising", "shapes")]
    assert weights[0] == weights[1]
    assert not list((tmp_path / "shapes").glob("*part*"))

    said.clear()  # other settings: another training
    run_paper("shapes", tmp_path / "other", clips=2, overrides=[*SMALL, "train.seed=3"], say=said.append)
    assert not any("trained already" in text for text in said)


def test_whose_digits_a_network_learned_is_kept_and_said_and_both_columns_have_the_same_changes(tmp_path, monkeypatch):
    shipped, runs = tmp_path / "networks", tmp_path / "run"
    shipped.mkdir()
    runs.mkdir()
    monkeypatch.setattr(weights, "CHECKOUT", shipped)
    changes = ["net.hidden=8", "net.context=4", "world.digits.path=/somewhere/mnist"]
    recipe = CONFIGS / "flying-mnist.yaml"
    settings = read_settings(ExperimentSettings, [recipe], changes)
    save_cell(build_cell(settings), settings, runs / "best.safetensors", updates=3)
    path = ship(runs, "flying-mnist")
    assert trained_digits(path) == "MNIST"
    about, tensors = weights.read_weights(runs / "best.safetensors", weights.FORMAT)
    del about["digits"]  # as an older training wrote it
    weights.write_weights(tensors, about, runs / "best.safetensors")
    assert trained_digits(ship(runs, "flying-mnist")) == "MNIST"
    assert "/somewhere" not in path.read_bytes()[:20_000].decode("latin-1")

    said, seen, evaluate = [], [], command.evaluate

    def spied(cell, settings, **options):
        seen.append((settings.em.noise, settings.world.digits.path, options["names"]))
        return evaluate(cell, settings, **options)

    monkeypatch.setattr(command, "evaluate", spied)
    asked = ["em.noise=0.1", "em.steps=2", "tests.static.steps=2", "tests.static-annealed.steps=2"]
    run_paper("flying-mnist", tmp_path / "out", recipe="shipped", clips=2, overrides=asked, say=said.append)
    assert any(
        "trained on the digits of MNIST, tested on those of scikit-learn; --digits DIR gives" in line for line in said
    )
    assert len(seen) == 2  # the column of the papers, and what goes beyond them
    assert {(noise, digits) for noise, digits, _ in seen} == {(0.1, None)}


def test_networks_that_ship_are_tested_without_training_and_what_is_missing_is_said(tmp_path, monkeypatch):
    (tmp_path / "networks").mkdir()
    monkeypatch.setattr(weights, "CHECKOUT", tmp_path / "networks")
    dreams = ["tests.dream.steps=4", "tests.dream.watched=2"]
    run_paper("curtain", tmp_path / "c", clips=2, overrides=[*SMALL, "net.context=4", "em.components=2", *dreams])
    run_paper("denoising", tmp_path / "s", clips=2, overrides=SMALL)
    with pytest.raises(SettingsError, match="holds the page of the experiment curtain"):
        run_paper("denoising", tmp_path / "c", clips=2, overrides=SMALL)
    with pytest.raises(WeightsError, match="none of its networks ships"):
        run_paper("curtain", tmp_path / "out", recipe="shipped")
    for trained in (tmp_path / "c" / "curtain", tmp_path / "s" / "shapes"):
        run = trained.name
        assert ship(trained, run).stat().st_size < 0.6 * (trained / "best.safetensors").stat().st_size

    page = run_paper("curtain", tmp_path / "out", recipe="shipped", clips=2, overrides=dreams).read_text()
    assert "The networks that ship" in page
    assert "Changed by --set: tests.dream.steps=4, tests.dream.watched=2. Not the papers' experiment" in page
    assert "published numbers are reached" not in page
    assert "<video" in page
    assert cv2.VideoCapture(str(tmp_path / "out" / "film-2.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 4

    half = run_paper("denoising", tmp_path / "half", recipe="shipped", clips=2)
    assert "Not among the networks that ship: shapes-k1." in half.read_text()
    told = json.loads((half.parent / "report.json").read_text())
    assert {line["run"] for line in told["table"]} == {"shapes"}


def test_a_test_that_an_older_network_does_not_know_is_said_and_stays_empty(tmp_path):
    settings = read_settings(ExperimentSettings, [str(CONFIGS / "shapes-nem.yaml")], [*SMALL, "net.step_size=1"])
    older = settings.model_copy(update={"tests": {"same": settings.tests["same"]}})
    save_cell(build_cell(older), older, tmp_path / "older.safetensors", updates=1)
    said: list[str] = []
    testing = command._Testing(2, "cpu", tmp_path, said.append, Shares(said.append))

    def tested():
        names, path = {"same", "annealed"}, tmp_path / "older.safetensors"
        return command._test_shipped(command._load_shipped("shapes-nem", path, testing, names=names), testing)

    found = tested()
    assert any("older.safetensors: has no test annealed, which stays empty" in line for line in said)
    assert set(found.tests) == {"same"}
    assert np.isnan(score(found.tests, "annealed", "ami"))

    (tmp_path / "shapes-nem.yaml").write_text("tests: {annealed: {share_power: [1, 4], starts: 2}}")
    found = tested()
    assert found.settings.tests["annealed"].starts == 2  # the recipe knows it
    assert np.isfinite(score(found.tests, "annealed", "ami"))


def test_all_experiments_end_with_one_page_that_leads_to_each_and_says_how_long_it_took(tmp_path):
    def carry_out(name, folder):
        folder.mkdir(parents=True)
        table = [{"better": True}, {"better": False}, {"better": None}] if name == "balls" else []
        told = {"networks": [{"name": f"{name}-net"}], "table": table, "papers": name != "curtain"}
        if name == "curtain":
            told["table"] = [{"better": True}]  # of a changed experiment, which counts for nothing
        (folder / "report.json").write_text(json.dumps(told))
        (folder / "figure-1.png").touch()
        return folder / "report.html"

    said: list[str] = []
    page = run_all(tmp_path, carry_out, say=said.append)
    text = page.read_text()
    for name, experiment in EXPERIMENTS.items():
        assert f'href="{name}/report.html">{experiment.title}' in text
        assert f'src="{name}/figure-1.png"' in text
        assert f"{name}-net" in text
        assert f"{name}: done in 0:00" in said
    assert text.count("1 of 2") == 2  # of the balls, and of all
    assert said[-1] == "all experiments: 0:00"
    page.write_text("somebody else's")
    with pytest.raises(SinkError, match=r"index\.html"):
        run_all(tmp_path, carry_out)


def test_an_experiment_that_fails_ends_the_whole_without_an_index(tmp_path):
    def carry_out(name, folder):
        raise WeightsError(f"{name}: none of its networks ships")

    with pytest.raises(WeightsError, match="shapes: none"):
        run_all(tmp_path, carry_out)
    assert not (tmp_path / "index.html").exists()


def without_networks(monkeypatch, folder):
    """As if the tracker were installed by itself."""
    monkeypatch.setattr(weights, "CHECKOUT", folder / "none")
    monkeypatch.setattr(weights, "PACKAGE", "no_such_package")


def test_without_the_networks_one_line_says_what_to_install(tmp_path, monkeypatch):
    without_networks(monkeypatch, tmp_path)
    out = tmp_path / "out"
    line = refused("paper", "curtain", "--shipped", "--out", out)
    assert (
        line == "curtain: the papers' networks are not installed; in a copy of the repository: pip install ./networks"
    )
    assert not out.exists()
    said: list[str] = []
    page = run_paper("shapes", out, clips=2, overrides=[*SMALL, "net.step_size=1"], say=said.append).read_text()
    assert "Beyond the papers" not in page
    assert any("left out: the papers' networks are not installed" in line for line in said)


def test_the_networks_of_the_checkout_go_before_an_installed_package(tmp_path, monkeypatch):
    assert weights.find_networks() == weights.CHECKOUT
    without_networks(monkeypatch, tmp_path)
    assert weights.find_networks() is weights.shipped_file("curtain") is None
    installed = tmp_path / "site" / "installed_networks"
    installed.mkdir(parents=True)
    (installed / "__init__.py").touch()
    (installed / "curtain.safetensors").touch()
    monkeypatch.syspath_prepend(installed.parent)
    monkeypatch.setattr(weights, "PACKAGE", installed.name)
    assert weights.shipped_file("curtain") == installed / "curtain.safetensors"
    assert weights.shipped_file("shapes") is None
    with pytest.raises(WeightsError, match="ship from a copy of the repository"):
        ship(tmp_path, "curtain")


def test_what_is_tested_before_it_ships_is_what_ships(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "CHECKOUT", tmp_path)
    settings = read_settings(ExperimentSettings, [CONFIGS / "shapes.yaml"])
    cell = build_cell(settings)
    save_cell(cell, settings, tmp_path / "best.safetensors", updates=1)
    shipped = load_cell(ship(tmp_path, "shapes"), device=torch.device("cpu"))[0].state_dict()
    assert any(not torch.equal(value, shipped[name]) for name, value in cell.state_dict().items())
    weights.round_as_shipped(cell)
    assert all(torch.equal(value, shipped[name]) for name, value in cell.state_dict().items())


def test_a_single_network_is_trained_tested_and_shipped_by_commands(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "CHECKOUT", tmp_path)

    def ran(*arguments):
        done = CliRunner().invoke(commands, [str(argument) for argument in arguments])
        assert done.exit_code == 0, done.output
        return done

    run, small = tmp_path / "run" / "shapes", [part for change in SMALL for part in ("--set", change)]
    row = json.loads(ran("train", CONFIGS / "shapes.yaml", "--out", run, *small).stderr.splitlines()[-1])
    assert row["step"] == 2
    assert ran("test", run, "--clips", 2, "--test", "same").stdout.startswith("same: ami ")
    assert set(json.loads((run / "scores.json").read_text())["tests"]) == {"same"}
    assert ran("ship", run).stdout == f"{tmp_path / 'shapes.safetensors'}\n"
    assert load_cell(tmp_path / "shapes.safetensors", device=torch.device("cpu"))[2] <= 2
    refusal = CliRunner().invoke(commands, ["test", str(run), "--test", "none"])
    assert (refusal.exit_code, len(refusal.stderr.splitlines())) == (1, 1)


@pytest.mark.parametrize("path", sorted(weights.CHECKOUT.glob("*.safetensors")), ids=lambda path: path.stem)
def test_what_ships_is_the_papers_network_and_names_no_folder(path):
    cell, settings, updates = load_cell(path, device=torch.device("cpu"))
    papers = read_settings(ExperimentSettings, [str(CONFIGS / f"{path.stem}.yaml")], [])
    assert (settings.net, settings.em) == (papers.net, papers.em)  # tests are those of the recipe
    assert settings.world == papers.world
    assert updates > 0
    assert all(torch.isfinite(weight).all() for weight in cell.parameters())


def test_every_recipe_fits_every_experiment():
    for run in {run for experiment in EXPERIMENTS.values() for run in experiment.runs}:
        for recipe in ("short", "quick"):
            settings = read_settings(ExperimentSettings, command._recipe(run, recipe, CONFIGS), [])
            assert (settings.train.schedule, settings.train.clips) == ("cosine", None)
    for file in (CONFIGS / "short").iterdir():
        assert (CONFIGS / file.name).is_file(), file


def test_a_network_that_ships_is_tested_on_what_the_page_shows_and_no_more():
    asked = command._scored(EXPERIMENTS["denoising"], "shapes")
    assert asked == {"objects-1", "objects-2", "objects-3", "objects-4", "objects-5"}
    assert "dream-many" not in command._scored(EXPERIMENTS["balls"], "balls")
    for experiment in EXPERIMENTS.values():
        for run in experiment.runs:
            tests = read_settings(ExperimentSettings, [CONFIGS / f"{run}.yaml"], []).tests
            assert command._scored(experiment, run) <= set(tests), run


def test_a_network_has_its_own_recipe_where_there_is_one():
    def files(run, recipe):
        return [str(file.relative_to(CONFIGS)) for file in command._recipe(run, recipe, CONFIGS)]

    assert files("balls-rnn", "papers") == ["balls-rnn.yaml"]
    assert files("balls-rnn", "short") == ["balls-rnn.yaml", "short/balls-rnn.yaml"]
    assert files("balls-rnn", "quick") == ["balls-rnn.yaml", "quick.yaml"]


def test_a_run_that_was_stopped_says_so(tmp_path):
    changed = [*SMALL, "train.updates=500"]
    report = run_paper("denoising", tmp_path, minutes=1e-6, clips=2, overrides=changed)
    assert "shapes was stopped before its training was over" in report.read_text()


def test_ours_beside_the_published():
    tests = {"net": {"same": {"ami": 0.95, "mse": 0.02, "ari_first": {"40": 0.8}}}}
    claims = (
        Claim("a", "net", "same", "ami", 0.9, "x"), Claim("b", "net", "same", "mse", 0.01, "x", more=False),
        Claim("c", "net", "same", "ari_first/40", None, "x"), Claim("d", "net", "long", "ami", 0.9, "x"),
        Claim("e", "net", "same", "ami", 0.9, "x", beyond=Beyond("other", "still", "how")),
    )  # fmt: skip
    lines = table(claims, tests, {"other": {"still": {"ami": 0.97}}})
    assert [line.better for line in lines] == [True, False, None, None, True]
    assert [line.beyond for line in lines] == [None, None, None, None, 0.97]
    assert table(claims, tests, {})[-1].how is None
    assert lines[0].difference == pytest.approx(0.05)
    assert lines[2].ours == 0.8
    assert np.isnan(lines[3].ours)
    assert np.isnan(score({}, "same", "ari_first/40"))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0181234, "0.0181"), (0.864, "0.864"), (0.79, "0.790"), (27.83, "27.8"), (111.2, "111"), (1234.5, "1,234")],
)
def test_numbers_of_the_page_have_three_digits(value, text):
    assert number_text(value) == text


def test_a_difference_has_the_decimals_of_what_it_is_of_and_what_is_not_known_is_a_dash():
    assert number_text(-0.0071, like=0.0181, sign=True) == "−0.0071"
    assert number_text(0.0661, like=0.864, sign=True) == "+0.066"
    assert [number_text(None), number_text(np.nan), number_text(0.0)] == ["–", "–", "0.000"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_a_phone_and_has_the_colours_of_the_system(paper_page, width, scheme):
    with browser() as running:
        page = running.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
        failed = []
        page.on("pageerror", lambda error: failed.append(str(error)))
        page.goto(paper_page.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == width
        light = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(246, 247, 249)"
        assert light == (scheme == "light")
        assert (page.evaluate("getComputedStyle(document.querySelector('.curve')).filter") == "none") == light
        page.click("#theme")
        assert page.evaluate("document.documentElement.dataset.theme") == "light"
        assert failed == []


@pytest.fixture(scope="module")
def paper_page(tmp_path_factory):
    out = tmp_path_factory.mktemp("paper")
    return run_paper("denoising", out, clips=2, overrides=SMALL)


def test_owners_are_brighter_where_the_frame_is():
    gamma = torch.zeros(2, 1, 1, 2)
    gamma[0, 0, 0, 0] = gamma[1, 0, 0, 1] = 1
    picture = owners(gamma, torch.tensor([[[1.0, 0.0]]]))
    assert tuple(picture[0, 0]) == tuple(COLOURS[0].astype(np.uint8))
    assert (picture[0, 1] <= COLOURS[1] / 2).all()
    assert sheet([[picture, picture], [picture, picture]]).shape[2] == 3


def test_without_recipes_one_line_says_what_to_do(tmp_path):
    with pytest.raises(SettingsError, match="not found; check --configs"):
        run_paper("shapes", tmp_path / "out", configs=tmp_path)
    said = CliRunner().invoke(cli, ["paper", "shapes", "--out", str(tmp_path / "out"), "--configs", str(tmp_path)])
    assert said.exit_code == 1
    assert said.stderr.startswith("tracker: error: ")
    assert len(said.stderr.splitlines()) == 1


def test_a_figure_of_somebody_else_is_refused_before_anything_is_tested(tmp_path):
    (tmp_path / "figure-2.png").write_bytes(b"mine")
    with pytest.raises(SinkError, match=r"figure-2\.png: is a file that tracker did not write"):
        run_paper("shapes", tmp_path, recipe="shipped", clips=2, say=pytest.fail)
    assert [path.name for path in tmp_path.iterdir()] == ["figure-2.png"]


def test_settings_that_do_not_go_together_are_named_by_what_asked_for_them(tmp_path):
    line = refused("paper", "shapes", "--out", tmp_path / "out", "--set", "em.sequential=true")
    assert line == "--set em.sequential=true: em.sequential: wanted for every world but static-shapes"


@pytest.mark.parametrize("change", ["net.hidden=17", "train.updates=7", "world.side_px=32", "net={cell: relational}"])
def test_a_network_that_ships_is_as_it_is(tmp_path, change):
    with pytest.raises(SettingsError):
        run_paper("denoising", tmp_path / "out", recipe="shipped", clips=2, overrides=[change])
    assert not (tmp_path / "out" / "report.html").exists()


def test_what_does_not_fit_the_second_column_is_left_out_before_anything_is_trained(tmp_path):
    said: list[str] = []
    changes = [*SMALL, "net.step_size=1", "em.gradient_steps=1", "train.stages=[{every_step: false}]"]
    page = run_paper("shapes", tmp_path, clips=2, overrides=changes, say=said.append)
    left_out = next(n for n, line in enumerate(said) if line.startswith("flying-shapes, beyond the papers: left out ("))
    assert left_out < next(n for n, line in enumerate(said) if "training in" in line)
    told = json.loads((tmp_path / "report.json").read_text())
    assert told["changes"] == changes
    assert "Changed by --set: net.hidden=8" in page.read_text()


def test_the_baseline_with_one_component_keeps_it(tmp_path):
    run_paper("denoising", tmp_path, clips=2, overrides=[*SMALL, "em.components=3"])
    known = [json.loads((tmp_path / run / "settings.json").read_text()) for run in ("shapes", "shapes-k1")]
    assert [settings["em"]["components"] for settings in known] == [3, 1]


def test_a_recipe_without_a_test_of_the_page_is_refused_before_it_is_trained(tmp_path):
    for name in ("shapes", "shapes-k1"):
        text = (CONFIGS / f"{name}.yaml").read_text().replace("objects-4:", "four:")
        (tmp_path / f"{name}.yaml").write_text(text)
    with pytest.raises(SettingsError, match="shapes: has no test objects-4, which the page shows"):
        run_paper("denoising", tmp_path / "out", clips=2, overrides=SMALL, configs=tmp_path)
    assert not (tmp_path / "out" / "shapes").exists()
    crowd = read_settings(ExperimentSettings, [CONFIGS / "balls.yaml"], ["tests.same.objects=[90,100]"])
    with pytest.raises(SettingsError, match="fit"):
        command._check_tests("balls", crowd, {"same"})


def test_scores_of_other_settings_are_not_taken_for_these(tmp_path):
    run_paper("denoising", tmp_path, clips=4, overrides=SMALL)
    first = (tmp_path / "shapes" / "scores.json").read_text()
    shared = ["test", str(tmp_path / "shapes"), "--clips", "4", "--test"]
    for test in ("same", "clean"):
        assert CliRunner().invoke(commands, [*shared, test, "--set", "em.noise=0.4"]).exit_code == 0
    other = json.loads((tmp_path / "shapes" / "scores.json").read_text())
    assert set(other["tests"]) == {"same", "clean"}  # of one kind they are kept together
    run_paper("denoising", tmp_path, clips=4, overrides=SMALL)
    assert (tmp_path / "shapes" / "scores.json").read_text() == first
    refusal = CliRunner().invoke(commands, [*shared, "same", "--set", "net.hidden=9"])
    assert refusal.exit_code == 1
    assert "a trained network is as it is" in refusal.output


def test_a_training_that_was_stopped_before_its_first_row_is_tested_by_its_last_weights(tmp_path):
    page = run_paper(
        "denoising", tmp_path, minutes=1e-6, clips=2, overrides=[*SMALL, "train.row_every=2", "train.updates=9"]
    )
    assert not (tmp_path / "shapes" / "best.safetensors").exists()
    assert "shapes was stopped before its training was over" in page.read_text()


def test_a_folder_of_digits_is_a_name_whatever_it_is_called(tmp_path):
    (tmp_path / "null").mkdir()
    change = weights.digits_change(tmp_path / "null" / ".." / "null")
    settings = read_settings(ExperimentSettings, [CONFIGS / "flying-mnist.yaml"], change)
    assert settings.world.digits.path == str(tmp_path / "null")
    line = refused("paper", "flying-mnist", "--digits", tmp_path / "none")
    assert line == f"--digits {tmp_path / 'none'}: no such folder; give the one of MNIST's idx files"


def test_only_what_is_the_recipes_network_ships_under_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "CHECKOUT", tmp_path)
    settings = read_settings(ExperimentSettings, [CONFIGS / "shapes.yaml"])
    save_cell(build_cell(settings), settings, tmp_path / "best.safetensors", updates=1)
    for name, says in (
        ("mine", "no recipe has the name mine"),
        ("shapes-k1", "not the one of"),
        ("balls", "not the one of"),
    ):
        with pytest.raises(WeightsError, match=says):
            ship(tmp_path, name)


def test_two_trainings_do_not_write_in_one_folder(tmp_path):
    out = tmp_path / "shapes"
    with hold(out, "curve.jsonl"):
        done = CliRunner().invoke(commands, ["train", str(CONFIGS / "shapes.yaml"), "--out", str(out)])
    assert done.exit_code == 1
    assert "another run" in done.output

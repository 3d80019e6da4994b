"""Files of portfolios: what they define, and the one line for what is refused."""

from pathlib import Path

import pytest

from resources.portfolios import PortfolioFileError, load_portfolios

STRATEGIES = ("macd", "rsi", "sma_cross")
SYMBOLS = ("AAPL", "IBM", "MSFT")
ROOT = Path(__file__).parents[2]


def _load(folder: Path, text: str, name: str = "mine.yaml"):
    (folder / name).write_text(text)
    return load_portfolios(folder, STRATEGIES, SYMBOLS)


def test_without_a_folder_each_strategy_has_the_default():
    found = load_portfolios(None, STRATEGIES, SYMBOLS)
    assert list(found) == list(STRATEGIES)
    rsi = found["rsi"]
    assert (rsi.name, rsi.strategies, rsi.sizing, rsi.slots) == (
        "rsi",
        {"rsi": 1.0},
        "equal_slots",
        3,
    )


def test_the_default_file_is_applied_to_each_strategy(tmp_path: Path):
    found = _load(tmp_path, "slots: 2\nrebalance: weekly", "default.yaml")
    assert {one.name: (one.slots, one.rebalance) for one in found.values()} == dict.fromkeys(
        STRATEGIES, (2, "weekly")
    )


def test_a_file_named_after_a_strategy_replaces_its_portfolio(tmp_path: Path):
    found = _load(tmp_path, "strategies: rsi\nslots: 1", "rsi.yml")
    assert (found["rsi"].slots, found["macd"].slots, len(found)) == (1, 3, 3)


def test_weights_of_strategies_are_shares(tmp_path: Path):
    found = _load(tmp_path, "strategies: {rsi: 1, macd: 3}")
    assert found["mine"].strategies == {"rsi": 0.25, "macd": 0.75}


def test_the_files_of_the_project_are_accepted():
    found = load_portfolios(ROOT / "portfolios", STRATEGIES, SYMBOLS)
    assert list(found) == [*STRATEGIES, "all_strategies"]
    assert set(found["all_strategies"].strategies) == set(STRATEGIES)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("strategies: rsj", 1, "there is no strategy 'rsj'. Did you mean 'rsi'?"),
        (
            "strategies:\n  rsi: 1\n  macd: -1",
            3,
            "strategies.macd is -1; allowed: numbers above 0.",
        ),
        (
            "strategies: rsi\nslots: 20\nlimits:\n  max_weight: 0.01",
            4,
            (
                "slots of 20 give each position 0.05 of the equity, above limits.max_weight of "
                "0.01; allowed: slots of 100 or more."
            ),
        ),
        (
            "strategies: rsi\nlimits: {min_net: 0.5, max_net: 0.2}",
            2,
            "limits.min_net of 0.5 is above limits.max_net of 0.2",
        ),
        ("strategies: rsi\nlimits: {min_net: 0.5}", 2, "an account begins with cash"),
        (
            "strategies: rsi\nlimits: {min_net: 0, max_net: 0}",
            2,
            "net exposure of 0 can't hold: orders fill one after the other",
        ),
        (
            "strategies: rsi\ndirection: short\nsizing: equal_weight\nlimits: {min_net: 0}",
            4,
            "limits.min_net of 0 leaves no room for a position with direction: short.",
        ),
        (
            "strategies: rsi\ndirection: long\nslots: 2\nlimits: {max_net: 0.4}",
            4,
            "slots of 2 give each position 0.5 of the equity, above limits.max_net of 0.4",
        ),
        ("strategies: rsi\nlimits: 0", 2, "limits is 0; needed: limits by name."),
        ("strategies: [[rsi]]", 1, "strategies is [['rsi']]; allowed: a name"),
        ("strategies: rsi\nlimits: {min_gros: 1}", 2, "there is no key 'limits.min_gros'."),
        ("strategies: rsi\nsloots: 3", 2, "there is no key 'sloots'. Did you mean 'slots'?"),
        ("strategies: rsi\nslots: 3\nslots: 4", 3, "key 'slots' is twice."),
        ("strategies: rsi\nslots: 2.5", 2, "slots is 2.5; allowed: whole numbers"),
        ("strategies: rsi\nrebalance: dayly", 2, "Did you mean 'daily'?"),
        ("strategies: rsi\nbenchmark: APPL", 2, "Did you mean 'AAPL'?"),
        ("strategies: rsi\nsymbols: [IBM, MSTF]", 2, "Did you mean 'MSFT'?"),
        ("strategies: rsi\ncosts: [{model: per_shar}]", 2, "Did you mean 'per_share'?"),
        ("strategies: rsi\ncapital: .inf", 2, "capital is inf; allowed: numbers above 0."),
        ("strategies: rsi\nsizing: equal_weight\nslots: 5", 3, "slots is for sizing: equal_slots"),
        ("strategies: rsi\nsizing: volatility_target", 2, "and none is given."),
        ("strategies: rsi\nposition_volatility: 0.1", 2, "is for sizing: volatility_target"),
        ("strategies: [rsi", 1, "not YAML"),
        ("strategies: !!python/name:os.system", 1, "not YAML"),
    ],
)
def test_what_is_refused_is_one_line_with_file_and_line(
    tmp_path: Path, text: str, line: int, message: str
):
    with pytest.raises(PortfolioFileError) as refused:
        _load(tmp_path, text)
    said = str(refused.value)
    assert said.startswith(f"{tmp_path}/mine.yaml, line {line}: ")
    assert message in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("mine.yaml", "slots: 3", "has no key 'strategies'"),
        ("default.yaml", "strategies: rsi", "is applied to each of them"),
        ("rsi.yaml", "strategies: macd", "is named after the strategy 'rsi'"),
        ("my file.yaml", "strategies: rsi", "is not the name of a portfolio"),
        ("mine.yaml", "- rsi", "is no mapping"),
    ],
)
def test_a_file_that_is_no_portfolio_is_refused(tmp_path: Path, name: str, text: str, message: str):
    with pytest.raises(PortfolioFileError, match=message):
        _load(tmp_path, text, name)


@pytest.mark.parametrize("name", ["default", "mine"])
def test_two_files_of_one_name_are_refused(tmp_path: Path, name: str):
    text = "slots: 3" if name == "default" else "strategies: rsi"
    (tmp_path / f"{name}.yml").write_text(text)
    with pytest.raises(PortfolioFileError, match=f"there is a portfolio '{name}' already"):
        _load(tmp_path, text, f"{name}.yaml")


def test_a_limit_of_sectors_needs_sectors(tmp_path: Path):
    (tmp_path / "mine.yaml").write_text("strategies: rsi\nlimits:\n  max_sector_weight: 0.4\n")
    assert load_portfolios(tmp_path, STRATEGIES, SYMBOLS)["mine"].limits.max_sector_weight == 0.4
    with pytest.raises(PortfolioFileError) as refused:
        load_portfolios(tmp_path, STRATEGIES, SYMBOLS, has_sectors=False)
    assert str(refused.value) == (
        f"{tmp_path}/mine.yaml, line 3: limits.max_sector_weight needs the sectors of the symbols; "
        "needed: a column sector in the universe's file."
    )


def test_a_folder_that_is_missing_is_refused(tmp_path: Path):
    with pytest.raises(PortfolioFileError, match="is not a folder: GAUNTLET_PORTFOLIOS"):
        load_portfolios(tmp_path / "none", STRATEGIES, SYMBOLS)


def test_a_sizing_whose_packages_are_missing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("research.portfolio.definition.find_spec", lambda _: None)
    with pytest.raises(PortfolioFileError, match="line 2: sizing: risk_parity needs packages"):
        _load(tmp_path, "strategies: rsi\nsizing: risk_parity")

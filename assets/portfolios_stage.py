"""The step of portfolios: known ones are read, the others are simulated together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid5

import dagster as dg

from assets.asset_keys import PORTFOLIOS
from assets.leaderboard import build_scope
from assets.research_inputs import ResearchInputs
from engine.code_version import code_version
from engine.errors import MissingPackageError, UnbalancedAccountError, UnusableBarsError
from engine.failure import Failure
from engine.processor import digest_linear_algebra
from research.audit.stage_meter import StageMeter
from research.audit.stage_profile import PortfolioFindings, PortfoliosProfile
from research.natural_key import canonical_json
from research.portfolio.attribution import attribute_profit
from research.portfolio.definition import OPTIMIZED, PortfolioDefinition
from research.portfolio.frames import build_equity, build_trades, build_weights
from research.portfolio.measures import describe_portfolio
from research.portfolio.portfolio import Portfolio, simulate_portfolio
from research.portfolio.rows import flatten_facts
from research.portfolio.universe import build_portfolio_universe
from research.protocol_version import portfolio_version
from research.purpose import Purpose
from resources.result_store.manager import BacktestPersistenceManager
from resources.run_artifacts.portfolio_files import PortfolioFiles
from resources.universe import Universe
from strategies.base import Strategy


@dataclass(frozen=True)
class MadePortfolio:
    """A portfolio of a run.

    Parameters
    ----------
    identity
        Of all that decides its numbers.
    facts
        What its file says of it.
    path
        Of its files.
    """

    definition: PortfolioDefinition
    identity: UUID
    facts: Mapping[str, Any]
    path: str


@dataclass
class PortfoliosStage:
    """One execution of the step.

    Attributes
    ----------
    failures
        Strategies that failed on a symbol, where they want nothing.
    why
        Why a portfolio was not made, by name.
    """

    context: dg.AssetExecutionContext
    universe: Universe
    inputs: ResearchInputs
    strategies: Mapping[str, type[Strategy]]
    root: str
    store: BacktestPersistenceManager
    purpose: Purpose
    priority_orders: int
    failures: list[Failure] = field(default_factory=list)
    why: dict[str, str] = field(default_factory=dict)
    _findings: dict[str, PortfolioFindings] = field(default_factory=dict)
    _ratios: dict[tuple[str, str], float] | None = None

    def run(self, definitions: Sequence[PortfolioDefinition]) -> dict[str, MadePortfolio]:
        """Have files and row of each portfolio; return those that there are, by name."""
        files = PortfolioFiles(self.root)
        identities = {one.name: self._identify(one) for one in definitions}
        facts: dict[str, Mapping[str, Any]] = {}
        if not self.inputs.run_settings.ignore_cache:
            known = {one.name: files.find(one.name, identities[one.name]) for one in definitions}
            facts = {name: found for name, found in known.items() if found is not None}
        missing = [one for one in definitions if one.name not in facts]
        self.context.log.debug(
            f"{len(missing)} of {len(definitions)} portfolios to simulate, others known"
        )
        facts |= self._simulate(missing, identities, files)
        made = {
            one.name: MadePortfolio(
                one,
                identities[one.name],
                self._compare(one, facts[one.name]),
                files.path(one.name, identities[one.name]),
            )
            for one in definitions
            if one.name in facts
        }
        self.store.save_portfolios(self.context.run.run_id, [*map(self._row, made.values())])
        self._findings |= {name: _find(one.facts) for name, one in made.items()}
        return made

    def profile(self, meter: StageMeter) -> PortfoliosProfile:
        """Return what the step measured, for its checks."""
        return PortfoliosProfile(
            **meter.read(),
            requested=len(self.inputs.symbols),
            succeeded=len(self.inputs.specs),
            portfolios=self._findings,
        )

    def _identify(self, definition: PortfolioDefinition) -> UUID:
        """Return the identity of a portfolio, from all that decides its numbers."""
        kinds = tuple(self.strategies[name] for name in definition.strategies)
        key = [
            PORTFOLIOS,
            definition.as_dict(),
            self._parameters(definition),
            portfolio_version(kinds),
            self.priority_orders,
            # Limits may need them, and profit is attributed to them.
            {one.symbol: one.sector for one in self.universe.listings},
            digest_linear_algebra() if definition.sizing in OPTIMIZED else None,
        ]
        return uuid5(self.inputs.scope.identifier, canonical_json(key))

    def _parameters(self, definition: PortfolioDefinition) -> dict[str, Any]:
        settings = self.inputs.run_settings
        return {
            name: settings.strategy_of(self.strategies[name]).parameters()
            for name in definition.strategies
        }

    def _simulate(
        self,
        definitions: Sequence[PortfolioDefinition],
        identities: Mapping[str, UUID],
        files: PortfolioFiles,
    ) -> dict[str, Mapping[str, Any]]:
        """Simulate portfolios and write their files; return what these say."""
        if not definitions:
            return {}
        inputs, settings = self.inputs, self.inputs.run_settings
        traded = build_portfolio_universe(
            list(inputs.histories()),
            definitions,
            {name: settings.strategy_of(one) for name, one in self.strategies.items()},
            settings.backtest_settings(),
            settings.window(),
            equal_weight=inputs.equal_weight,
            bars_per_year=inputs.scope.bars_per_year,
            sectors={one.symbol: one.sector or "" for one in self.universe.listings},
        )
        self.failures.extend(traded.failures)
        made: dict[str, Mapping[str, Any]] = {}
        for one in definitions:
            try:
                portfolio = simulate_portfolio(one, traded, orders=self.priority_orders)
            except (UnbalancedAccountError, UnusableBarsError, MissingPackageError) as error:
                self._refuse(one, error)
                continue
            made[one.name] = describe_portfolio(portfolio)
            files.write(one.name, identities[one.name], made[one.name], _build_tables(portfolio))
        return made

    def _refuse(self, definition: PortfolioDefinition, error: Exception) -> None:
        self.why[definition.name] = str(error)
        self.context.log.error(f"portfolio {definition.name}: {error}")
        unbalanced = str(error) if isinstance(error, UnbalancedAccountError) else None
        if unbalanced:
            self._findings[definition.name] = PortfolioFindings(unbalanced=unbalanced)

    def _compare(
        self, definition: PortfolioDefinition, facts: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return what a file says, with the mean Sharpe ratio of the single backtests.

        None where these are of another direction, or of other costs: then the account trades
        something else.
        """
        settings, ratios = self.inputs.run_settings.backtest_settings(), list[float]()
        if definition.direction in (None, settings.direction) and definition.costs is None:
            symbols = set(definition.symbols or self.universe.symbols)
            ratios = [
                ratio
                for (name, symbol), ratio in self._pairs().items()
                if name in definition.strategies and symbol in symbols
            ]
        return {**facts, "pairs_sharpe_ratio": sum(ratios) / len(ratios) if ratios else None}

    def _pairs(self) -> Mapping[tuple[str, str], float]:
        """Return the Sharpe ratios of the stored backtests on what the run is of, where known."""
        if self._ratios is None:
            scope = build_scope(
                self.universe.symbols,
                self.strategies,
                self.inputs.source,
                self.inputs.run_settings,
                self.purpose,
            )
            rows = self.store.get_ranked_backtests(scope).drop_nulls("sharpe_ratio")
            some = rows.select("strategy", "symbol", "sharpe_ratio").sort("strategy", "symbol")
            self._ratios = {(name, symbol): ratio for name, symbol, ratio in some.iter_rows()}
        return self._ratios

    def _row(self, made: MadePortfolio) -> dict[str, Any]:
        definition, window = made.definition, self.inputs.run_settings.window()
        return {
            **flatten_facts(made.facts),
            "name": definition.name,
            "identity": made.identity,
            "parameters": self._parameters(definition),
            "code_versions": {
                name: code_version(self.strategies[name]) for name in definition.strategies
            },
            "source": self.inputs.source,
            "start_date": window.start,
            "end_date": window.end,
            "settings": dict(self.inputs.scope.settings),
            "universe": list(self.inputs.symbols),
        }


def _build_tables(portfolio: Portfolio) -> dict[str, Any]:
    return {
        "weights": build_weights(portfolio),
        "trades": build_trades(portfolio),
        "equity": build_equity(portfolio),
        "attribution": attribute_profit(portfolio),
    }


def _find(facts: Mapping[str, Any]) -> PortfolioFindings:
    return PortfolioFindings(
        breaches={
            one["limit"]: f"{one['found']:.6g} on {one['day']}, allowed {one['allowed']:.6g}"
            for one in facts["breaches"]
        },
        turnover=facts["measures"]["turnover"],
        largest_volume_share=facts["measures"]["largest_volume_share"],
    )

"""The stages of research: what they record of a symbol is no word on its backtests."""

OPTIMIZATIONS = "optimizations"
WALK_FORWARD = "walk_forward"
ROBUSTNESS = "robustness"
PORTFOLIOS = "portfolios"

RESEARCH = "research"
"""What all of them begin with: the histories of the universe."""

RESEARCH_STAGES = (RESEARCH, OPTIMIZATIONS, WALK_FORWARD, ROBUSTNESS, PORTFOLIOS)

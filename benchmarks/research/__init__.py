"""HOW FAST RESEARCH IS: sweeps over a universe, and what is concluded from them."""

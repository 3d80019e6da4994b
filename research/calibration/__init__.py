"""How often the verdicts are wrong: measured on simulated universes whose truth is known."""

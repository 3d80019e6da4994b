"""Requests of analysts: the op that serves one, and how concurrent ones fare."""

"""The report of a run: pages for people, made from what is stored; nothing is computed twice."""

"""WARM WORKERS BEHIND A BROKER: runs are tasks of Celery, executed by processes that are kept.

For servers: the start of a process costs most of a request's time. Here: what launcher and workers
agree on (`app`), which code and settings a process has (`edition`), the run launcher of
deploy/celery.yaml (`launcher`), a run inside a worker (`execution`), and the worker itself
(`worker`). Every process of Dagster imports the launcher where it is configured. docs/celery.md
shows how to switch it on. Not here: the definitions that a worker loads (pipelines.cli.worker).
"""

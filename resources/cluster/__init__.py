"""BACKTESTS ON OTHER MACHINES: chunks of symbols are tasks of Dask distributed.

Names and versions of symbols go out; workers load prices from the shared price store, compute, and
write trades and curves beside those of other runs; rows of metrics come back, and the driver
commits what it accepted. Here: what a worker must be the same in (`edition`), what it does with a
chunk (`task`, `chunk_archive`), what driver and workers share by files (`shared_files`), the
executor (`executor`, `dask_executor`), how workers are started and stopped (`worker`, `retirement`)
and a cluster on this machine (`local_cluster`, `certificates`). docs/cluster.md shows how to switch
it on. Not here: what the driver does with the rows (research.chunk_runner). Without
GAUNTLET_CLUSTER nothing of this is imported.
"""

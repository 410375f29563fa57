"""Many hosts: one run a host, each in a process of its own, some at a time.

`members` says who takes part and refuses doubles before anything starts, `job` starts one run and follows it,
`child` is that process, `executors` is the one place where a `concurrent.futures.Executor` is made (threads here,
or a dask cluster), `queue` decides who is next, `record` keeps how each host stands, and `page` shows it.

What is shared goes through files in `reports/fleet/<id>/`, so that it is the same on this machine and on a
cluster with a common disk: `claims/<host>` exists once the host was begun and is never begun again in this fleet run,
and each byte in `stop` is one wish to end.
"""

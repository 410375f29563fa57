"""The whole runbook as pages to be read: notebooks with their outputs, and the documents, from files and offline.

`build` makes it; `sources` says which pages there are, `links` where a link of a source leads on the site and
whether it does, `search` makes the index.
"""

"""What a machine says is text: one gate for each way out, a module each.

`visible` is for any text that somebody reads, `terminal` for what the command line writes, `html` for pages,
outputs of cells and widgets, `csv` for tables that a spreadsheet opens. Whatever a host or a guest
says passes one of them, and nothing goes around: tests/text holds that.
"""

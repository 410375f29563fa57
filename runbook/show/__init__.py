"""What people see in a cell: plans, results and tables, as HTML and as plain text."""

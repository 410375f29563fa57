"""What goes wrong during a run, provoked for real, and what the report then says."""

import pytest

pytest.register_assert_rewrite("tests.faults.world")

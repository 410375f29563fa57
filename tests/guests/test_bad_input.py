"""What is wrong with a guest's input gives one clear error and leaves nothing half made: each kind, and the tests that show it."""

from __future__ import annotations

import importlib
from operator import attrgetter

import pytest

SHOWN = {
    "a configuration that is cut": ["proposal.test_taking::TestWhatCannotBe::test_a_file_that_is_cut"],
    "CR LF": ["proposal.test_taking::TestWhatCannotBe::test_a_file_with_the_line_ends_of_windows"],
    "unknown and doubled keys": ["proposal.test_taking::TestWhatAPersonIsTold::test_of_words_that_xl_skips_and_keys_that_stand_twice"],
    "a missing disk": ["proposal.test_taking::TestWhatCannotBe::test_a_disk_that_is_gone"],
    "a missing script": ["proposal.test_taking::TestWhatCannotBe::test_a_script_that_is_gone"],
    "a missing kernel": ["proposal.test_taking::TestWhatCannotBe::test_a_kernel_that_is_gone"],
    "an image build that breaks off": [
        "builds.test_build::test_the_try_after_a_failure_starts_clean",
        "builds.test_build::test_a_killed_build_is_said_to_be_gone",
        "builds.test_build::test_a_build_that_makes_nothing_fails",
    ],
    "an image that is damaged or cut off on its way": [
        "guests.test_system_program::test_a_damaged_image_is_found_before_anything_is_written",
        "guests.test_system_program::test_what_was_cut_off_is_begun_anew",
        "builds.test_cloud_image::test_a_page_in_its_place_is_an_error",
    ],
    "no room in the group": [
        "steps.test_guests::TestCreateVolumes::test_too_little_room_is_refused",
        "proposal.test_storage_cases::test_a_pool_that_could_run_full_is_told_of_and_one_that_is_full_refused",
    ],
    "a wrong or truncated disc": ["steps.test_guests::TestDiscs::test_a_broken_disc_is_refused_as_long_as_it_is_needed"],
    "a name that is taken": [
        "steps.test_guest_commands::test_a_name_that_is_taken",
        "proposal.test_taking::TestAGuestOfThatNameIsThere::test_and_is_another_one",
    ],
    "a guest that never answers": [
        "steps.test_guest_commands::test_a_guest_that_does_not_end_is_named",
        "steps.test_install_systems::TestAnswers::test_its_own_key_is_right_and_another_one_is_not",
    ],
    "a passed device that vanished": [
        "proposal.test_taking::TestWhatCannotBe::test_a_device_that_is_not_in_the_machine",
        "steps.test_guest_commands::test_start_has_the_checks_of_the_notebook",
    ],
    "adoption of a guest that runs": ["proposal.test_taking::TestAGuestThatRuns::test_otherwise_than_its_file_says_is_told"],
}  # fmt: skip


@pytest.mark.parametrize("kind", SHOWN)
def test_each_kind_is_shown(kind):
    """A name that nothing runs would be no proof."""
    for place in SHOWN[kind]:
        module, *names = place.split("::")
        assert callable(attrgetter(".".join(names))(importlib.import_module(f"tests.{module}"))), place

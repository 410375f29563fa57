"""Every refusal of the network, of the boot and of volumes is in one place: with the test of its move, or with why there is none."""

import importlib
from operator import attrgetter

from runbook.help import entries
from tests.steps import test_moves as plain
from tests.steps import test_moves_managers as managers
from tests.steps import test_moves_storage as storage

ELSEWHERE = {
    "… begins with a byte order mark": "test_byte_order_mark::test_the_move_takes_it_off",
    "… has line ends of Windows (CR LF)": "test_byte_order_mark::test_what_grub_makes_its_menu_from",
    "… hides devices as well: …": "test_xen_configuration::TestSetBootMenu::test_a_list_of_hidden_devices_in_the_owners_file_is_refused",
    "… belongs to Open vSwitch, and … cannot have it": "test_open_vswitch::test_what_open_vswitch_has_is_refused",
    "… would have no route to …": "test_bridges::test_a_route_that_no_file_tells_of",
    "… drops what is forwarded": "test_lead_guests_out::test_the_move_for_each_packet_filter_leads_on",
    "… drops what guests ask this host": "test_lead_guests_out::test_the_move_for_each_packet_filter_leads_on",
    "… is taken on all addresses of the host": "test_lead_guests_out::test_who_stands_in_the_way_is_named_before_anything_is_done",
    "The network … of … overlaps …, which … reaches": "test_lead_guests_out::test_who_stands_in_the_way_is_named_before_anything_is_done",
    "… holds a password or a key, and would have to change": "test_bridges::test_a_file_with_a_secret_is_not_written_anew",
    "netplan gives the ports of … to …": "test_kept_netplan_nm::test_ports_of_two_programs_are_refused_and_of_one_lead_on",
    "…, by which NetworkManager has …, is about other cards too":
        "test_kept_netplan_nm::test_a_definition_of_several_cards_is_refused_and_one_for_each_leads_on",
    "netplan has no word by which NetworkManager gives … no IPv6": "test_kept_netplan_nm::test_no_ipv6_is_refused_and_keep_leads_on",
    "The profile '…' of … can hold secrets, such as those of 802.1X or PPPoE": "test_network_manager::test_secrets_are_never_written_anew",
    "The boot menu has no entry for plain Debian": "test_moves::test_a_menu_without_plain_debian",
    "… is there, and NetworkManager does not take it": "test_moves_managers::test_a_file_that_networkmanager_does_not_take",
    "The profile '…' of … is in no file of NetworkManager's own": "test_moves_managers::test_a_profile_of_another_plugin",
}  # fmt: skip
"""Those whose move another test carries out."""


def test_every_refusal_of_network_and_boot_is_in_one_place():
    """A new one comes with the test of its move."""
    subjects = {"R312", "R332", "R340", "R341", "R343", "R350"}
    known = {says for entry in entries() if entry.code in subjects for says in entry.says}
    moves = {move.says for move in (*plain.MOVES, *managers.MOVES)}
    here = moves | {*plain.PROFILES, *managers.PROFILES, *plain.BOOTS, *plain.KERNELS, *storage.ROWS}
    assert here | set(ELSEWHERE) == known
    assert not here & set(ELSEWHERE)


def test_the_tests_that_are_named_are_there():
    """A name that nothing runs would be no proof."""
    for place in ELSEWHERE.values():
        module, *names = place.split("::")
        assert callable(attrgetter(".".join(names))(importlib.import_module(f"tests.steps.{module}")))

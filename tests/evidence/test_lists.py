"""The lists of runs, written by many runs at once."""

import json
import threading

from runbook.evidence import archive
from tests.evidence.attested import alone, archived, record


def test_who_read_first_does_not_write_last(tmp_path, monkeypatch):
    """A run that ends while another one writes the lists is in them when both have ended."""
    alone(monkeypatch, tmp_path / "config")
    reports = tmp_path / "reports"
    archived(reports, 0)
    other = record(1, host="other")
    read, threads = archive.find_runs, []

    def slowly(*args):
        found = list(read(*args))
        if not threads:
            place = reports / other.host / other.id
            place.mkdir(parents=True)
            (place / "run.json").write_text(json.dumps(other.as_dict()))
            threads.append(threading.Thread(target=archive.refresh, args=(reports, other.host)))
            threads[0].start()
            threads[0].join(1)
        return found

    monkeypatch.setattr(archive, "find_runs", slowly)
    archive.refresh(reports, "toy")
    threads[0].join()
    assert other.id in (reports / "index.html").read_text()
    assert other.id in (reports / "other" / "index.html").read_text()
    assert other.id not in (reports / "toy" / "index.html").read_text()

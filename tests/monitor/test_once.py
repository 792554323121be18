"""Notes that say that something was done: by whoever came first, or by the next one if that one was ended."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from monitor.once import PATIENCE, SINCE, StillAtIt, is_done, once
from monitor.storage import Storage
from shared.s3 import S3Uri

PLACE = S3Uri("mlops-data", "reports/told.json")


class Taken(Storage):
    """Somebody else is faster between looking and writing."""

    def tagged(self, uri):
        content, _ = super().tagged(uri)
        return content, '"of-an-older-one"'


@pytest.fixture
def storage(bench):
    return Storage(bench.s3)


def begun(bench, ago):
    note = {"job": "j", SINCE: (datetime.now(UTC) - ago).isoformat()}
    bench.put(PLACE.key, json.dumps(note))


def test_whoever_comes_first_does_it_and_the_others_do_not(storage):
    done = []
    assert [once(storage, PLACE, {"job": "j"}, lambda: done.append(1)) for _ in range(3)] == [True, False, False]
    assert (done, is_done(storage, PLACE)) == ([1], True)
    assert json.loads(storage.read(PLACE)) == {"job": "j"}


def test_a_failure_is_tried_again_by_the_next_one(storage):
    def fails():
        raise OSError("no route")

    with pytest.raises(OSError, match="no route"):
        once(storage, PLACE, {}, fails)
    assert storage.read(PLACE) is None
    assert once(storage, PLACE, {}, lambda: None)


def test_nobody_interferes_with_one_who_is_at_it(bench, storage):
    begun(bench, timedelta(seconds=5))
    with pytest.raises(StillAtIt, match="has been at it since"):
        once(storage, PLACE, {}, lambda: pytest.fail("done twice"))
    assert not is_done(storage, PLACE)


def test_the_work_of_one_who_was_ended_is_taken_over_once(bench, storage):
    begun(bench, PATIENCE + timedelta(seconds=1))
    with pytest.raises(StillAtIt, match="somebody else has taken over"):
        once(Taken(bench.s3), PLACE, {}, lambda: pytest.fail("done twice"))
    assert once(storage, PLACE, {"job": "j"}, lambda: None)
    assert not once(storage, PLACE, {"job": "j"}, lambda: None)

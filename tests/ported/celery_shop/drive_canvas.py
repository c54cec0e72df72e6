"""Puts the tasks of the shop together, and prints what comes of them."""

import functools
import os

from celery import chain, chord, group, signature

import shop
from drive import FOLDER, WAIT, raised, wait_until


def signatures():
    print(shop.add.s(2, 2).delay().get(timeout=WAIT), shop.add.s(2).delay(4).get(timeout=WAIT))
    print(shop.add.si(1, 1).apply_async().get(timeout=WAIT), shop.add.s(2, 2)())
    partial = shop.add.s(2).clone((5,))
    print(partial.args, partial.task, partial.get("immutable"), partial == shop.add.s(5, 2))
    print(signature("shop.add", args=(3, 4)).delay().get(timeout=WAIT))
    print(shop.add.s(1).set(queue="reports").delay(1).get(timeout=WAIT))


def chains():
    print(chain(shop.add.s(2, 2), shop.add.s(4), shop.add.s(8))().get(timeout=WAIT))
    print((shop.add.s(1, 1) | shop.add.si(5, 5) | shop.add.s(1)).delay().get(timeout=WAIT))
    broken = chain(shop.add.s(1, 1), shop.divide.s(0), shop.add.s(1)).apply_async()
    print(raised(broken.get, timeout=WAIT)[0])


def groups():
    result = group(shop.add.s(number, number) for number in range(5))()
    print(result.get(timeout=WAIT), result.successful(), result.completed_count(), len(result))
    mixed = group(shop.add.s(1, 1), shop.divide.s(1, 0)).apply_async()
    print(raised(mixed.get, timeout=WAIT)[0])
    print([type(each).__name__ for each in mixed.get(timeout=WAIT, propagate=False)], mixed.failed())
    print(group([shop.add.s(1), shop.add.s(2)])(10).get(timeout=WAIT))


def chords():
    print(chord((shop.add.s(number, number) for number in range(10)), shop.total.s())().get(timeout=WAIT))
    print((group(shop.add.s(1, 1), shop.add.s(2, 2)) | shop.total.s()).delay().get(timeout=WAIT))
    print((shop.add.s(1, 1) | group(shop.add.s(1), shop.add.s(2)) | shop.total.s()).delay().get(timeout=WAIT))
    broken = chord([shop.add.s(1, 1), shop.divide.s(1, 0)], shop.total.s())()
    print(raised(broken.get, timeout=WAIT)[0] in ("ChordError", "ZeroDivisionError"))  # whichever is seen first


def many():
    print(shop.total.map([[1, 2], [3, 4]]).delay().get(timeout=WAIT))
    print(shop.add.starmap([(1, 2), (3, 4)]).delay().get(timeout=WAIT))
    print(shop.add.chunks([(1, 2), (3, 4), (5, 6)], 2)().get(timeout=WAIT))


def linked():
    path = os.path.join(FOLDER, "linked")
    shop.add.apply_async((2, 2), link=shop.note.s(path + ".1"))
    shop.divide.apply_async((1, 0), link_error=shop.note_error.s(path + ".2"))
    for written in (path + ".1", path + ".2"):
        wait_until(functools.partial(os.path.exists, written))
        with open(written) as file:
            print(file.read())


def periodic():
    def ticks():
        try:
            with open(shop.JOURNAL + ".ticks") as file:
                return len(file.readlines())
        except FileNotFoundError:
            return 0

    wait_until(lambda: ticks() >= 2)
    print("ticks")


PARTS = signatures, chains, groups, chords, many, linked, periodic

if __name__ == "__main__":
    for part in PARTS:
        print(f"# {part.__name__}")
        part()

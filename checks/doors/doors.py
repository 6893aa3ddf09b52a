"""Real proxies in front of a real service, with the gateway's check: `doors.py MENSHEN [DOOR...]`.
One table of promises runs through all of them."""

import pathlib
import sys
import tempfile
import time
import traceback

import table
from proxies import DOORS, certificate
from table import Case
from world import World


class Report:
    """Prints one line for each promise."""

    def __init__(self):
        self.kept, self.broken = 0, 0

    def check(self, name, promise, case):
        words = promise.__name__.replace("_", " ")
        try:
            promise(case)
        except Exception:  # whatever it is, the promise was not kept
            self.broken += 1
            print(f"✗ {name}: {words}", flush=True)
            traceback.print_exc(file=sys.stdout)
        else:
            self.kept += 1
            print(f"✓ {name}: {words}", flush=True)


def main(menshen, names):
    report, started = Report(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="menshen-doors.") as folder:
        certificate(pathlib.Path(folder))
        world = World(pathlib.Path(menshen).resolve(), pathlib.Path(folder))
        try:
            run(world, names, report)
        finally:
            world.stop()
            if report.broken:
                for log in sorted(pathlib.Path(folder).glob("*.log")):
                    print(f"--- {log.name}\n{log.read_text(errors='replace')[-2000:]}")
    seconds = time.monotonic() - started
    print(f"{report.kept} kept, {report.broken} broken, {seconds:.0f} s")
    sys.exit(report.broken > 0 or report.kept == 0)


def run(world, names, report):
    doors = {name: DOORS[name]().start(world) for name in names}
    world.register_doors(doors.values())

    def all_doors(promise):
        for name, door in doors.items():
            if promise.__name__ in DOORS[name].cannot:
                continue
            report.check(name, promise, Case(world, door, *tokens[name]))

    tokens = {name: world.sign_in() for name in names}
    for promise in table.PROMISES:
        all_doors(promise)
    all_doors(table.after_a_logout_the_token_is_worth_nothing)

    tokens = {name: world.sign_in() for name in names}
    for name, door in doors.items():
        case = Case(world, door, *tokens[name])
        case.reached(case.send("/orders/7", case.bearer))
    world.provider.stop()
    all_doors(table.without_the_provider_nobody_is_told_to_sign_in_again)
    world.provider.start()
    all_doors(table.with_the_provider_back_everybody_is_in_again)
    world.gateway.stop()
    all_doors(table.without_the_gateway_nobody_gets_through)


main(sys.argv[1], sys.argv[2:] or ["nginx", "caddy", "envoy", "envoy-http", "proxy"])

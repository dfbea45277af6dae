"""A register of checks and the loop that runs them. A check is a function of a `Server`; it passes when it returns."""

import re
import signal
import time
import traceback

CHECK_LIMIT_SECONDS = 60

_checks = []


def check(function):
    """Registers a check; its docstring says in one sentence what holds."""
    _checks.append((function.__name__, function.__doc__.strip().splitlines()[0], lambda server: function(server)))
    return function


def check_both(function):
    """Registers a check of (server, protocol) once per protocol."""
    for name in ("http", "grpc"):
        _checks.append(
            (
                f"{function.__name__}[{name}]",
                function.__doc__.strip().splitlines()[0],
                lambda server, name=name: function(server, server.protocol(name)),
            )
        )
    return function


def expect_error(call, *texts):
    """Calls and returns the InferenceServerException, whose message must contain every one of `texts`."""
    from tritonclient.utils import InferenceServerException

    try:
        call()
    except InferenceServerException as error:
        message = error.message() or ""
        for text in texts:
            assert text in message, f"expected {text!r} in {message!r}"
        return error
    raise AssertionError("the call succeeded, expected an error")


def run_all(server, only=""):
    """Runs every check in whose name the expression `only` is found; returns how many failed."""
    failed = 0
    selected = [entry for entry in _checks if re.search(only, entry[0])]
    for name, sentence, run in selected:
        signal.signal(signal.SIGALRM, _out_of_time)
        signal.alarm(CHECK_LIMIT_SECONDS)
        started = time.monotonic()
        try:
            run(server)
            print(f"ok     {name}: {sentence} ({(time.monotonic() - started) * 1000:.0f} ms)", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED {name}: {sentence}\n{traceback.format_exc()}", flush=True)
        finally:
            signal.alarm(0)
    print(f"{len(selected) - failed} passed, {failed} failed")
    return failed if selected else 1


def _out_of_time(*_):
    raise TimeoutError(f"the check did not end within {CHECK_LIMIT_SECONDS} s")

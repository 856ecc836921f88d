"""Targets that fail on case 1, for the test of the worker pool."""

import os
import signal
import time


class _Broken:
    def __init__(self, seed):
        pass

    def __call__(self, case, folder):
        if case == 1:
            self.fail()
        return "well"


class Crashes(_Broken):
    def fail(self):
        os.kill(os.getpid(), signal.SIGSEGV)


class Hangs(_Broken):
    def fail(self):
        signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
        time.sleep(1000)


class Fails(_Broken):
    def fail(self):
        raise ZeroDivisionError


class Grows(_Broken):
    def fail(self):
        held = []
        while True:
            held.append(b"x" * 20_000_000)
            time.sleep(0.01)

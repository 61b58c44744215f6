"""One test of a Python client, as tap.sh wants it printed."""

import traceback


def run(test, *arguments, name=None):
    name = name or " with ".join((test.__name__.replace("_", " "), *arguments))
    try:
        test(*arguments)
    except Exception:  # whatever it is, it fails this test and no other
        print(traceback.format_exc(), end="")
        print("not ok - " + name)
        return False
    print("ok - " + name)
    return True

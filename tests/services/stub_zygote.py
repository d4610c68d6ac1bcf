"""A zygote whose processes are stand-ins: `python -m tests.services.stub_zygote --orders-fd N`."""

from __future__ import annotations

from tests.services import stub_process

from reelkeep.isolation.zygote import main
from reelkeep.web import closed_process

if __name__ == "__main__":
    main({"app": stub_process.run, "media": stub_process.run, "closed": closed_process.run})

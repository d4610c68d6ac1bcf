"""Runs in the sandbox in the codec's place: the codec, job after job, until the channel closes."""

from __future__ import annotations

from reelkeep.isolation.channel import Channel
from reelkeep.transcode.codec import program


def main(channel: Channel) -> None:
    """Do what the codec does, for more than one file: most of what one file takes is the start of the sandbox."""
    while True:
        program.main(channel)

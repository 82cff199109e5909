"""How --help shows options: each with its default, unless that is nothing or its text names one in [brackets]."""

from __future__ import annotations

import argparse


class HelpFormatter(argparse.HelpFormatter):
    """For the `formatter_class` of a parser."""

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        nothing = action.default is None or action.default is False or action.default in (argparse.SUPPRESS, ())
        if nothing or not action.option_strings or isinstance(action.const, str) or "[" in text:
            return text
        return f"{text} [%(default)s]"

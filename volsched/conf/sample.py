"""The sample configuration file, made from the options themselves."""

from __future__ import annotations

import io

from oslo_config import cfg, generator

from volsched.conf.opts import Listing, shipped_opts

HEADER = """\
# Every option of volsched and of its own plugins, with its default. Made by `volsched config sample`.
#
# Environment variables win over files: OS_<GROUP>__<OPTION>, for example OS_SCHEDULER__WEIGHERS=capacity.
# Logging is set in [DEFAULT] with oslo.log's options (debug, log_file, ...).
"""


def sample(listing: Listing | None = None) -> str:
    """The text of volsched.conf.sample: of `listing`, or of volsched and the plugins that it ships."""
    settings = cfg.ConfigOpts()
    generator.register_cli_opts(settings)
    settings(args=["--namespace", "volsched", "--wrap-width", "78"], default_config_files=[], use_env=False)
    text = io.StringIO()
    # generate() itself finds options by namespace only, those of every installed package among them.
    formatter = generator._OptFormatter(settings, output_file=text)
    formatter.write(HEADER)
    for group, options in sorted(listing or shipped_opts(), key=lambda item: str(item[0].name)):
        formatter.write("\n\n")
        formatter.format_group(group)
        for option in options:
            formatter.write("\n")
            formatter.format(option, group.name)
    return text.getvalue()

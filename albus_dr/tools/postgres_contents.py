"""What a PostgreSQL database holds besides the rows of its tables, as far as a dump or another host can lose it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from albus_dr.errors import StepError
from albus_dr.tools.postgres import Server, identifier, literal

WITH_COLLATION_VERSIONS = 150_000  # since 15 a database records the version of its collation


@dataclass(frozen=True)
class Locale:
    """How a database encodes text and puts it in order. Empty: this version of PostgreSQL does not say."""

    encoding: str = ""
    provider: str = "c"
    """pg_database.datlocprovider: c (the system's library), i (ICU), b (PostgreSQL itself)."""
    collate: str = ""
    ctype: str = ""
    other: str = ""
    """The locale of a provider other than the system's library."""


@dataclass(frozen=True)
class CollationVersion:
    """Of one collation: what it was when its indexes were made, and what it is on this host. Empty: it has none."""

    recorded: str
    actual: str


@dataclass(frozen=True)
class LargeObjects:
    """``bytes`` and ``checksum`` are None where their content may not be read. Holes and zeros are the same."""

    count: int
    bytes: int | None = None
    checksum: str | None = None


@dataclass(frozen=True)
class Role:
    """What of a role the restored objects may need: no password, no login."""

    superuser: bool
    inherits: bool
    bypasses_row_security: bool
    member_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contents:
    """All of it at one moment. Names are quoted where SQL would want it."""

    server_version: int
    locale: Locale
    collations: Mapping[str, CollationVersion]
    """The database's own (``default``) and those that its columns and indexes name."""
    sequences: Mapping[str, tuple[int, int]]
    """The next number that each would give: not before the first and not after the second one (they don't wait for
    snapshots, so a dump has what they were when it came to them). Where the first is greater, it was set back."""
    large_objects: LargeObjects
    materialized_views: Mapping[str, int | None]
    """Rows of those that may be read; None where one holds no data."""
    roles: Mapping[str, Role]
    access: Mapping[str, str]
    """Of each schema, relation, column, function, policy: a hash of its owner, its grants and its row security."""

    settings: tuple[str, ...] = ()
    """What ALTER DATABASE … SET and ALTER ROLE … IN DATABASE … SET have set, by name. Values may be secrets."""

    def to_json(self) -> dict[str, Any]:
        """For a manifest."""
        return asdict(self)


@dataclass
class _Rows:
    """The answers of the script below, by section."""

    database: dict[str, str] = field(default_factory=dict)
    large: dict[str, str] = field(default_factory=dict)
    collations: dict[str, CollationVersion] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)
    views: dict[str, int | None] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    member_of: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    access: dict[str, str] = field(default_factory=dict)
    settings: set[str] = field(default_factory=set)


def contents_of(server: Server, database: str, *, timeout_s: float, snapshot: str = "") -> Contents:
    """What the database holds, in one transaction (of an exported snapshot, if named). Raises as Server.query."""
    use = f"SET TRANSACTION SNAPSHOT {literal(snapshot)};" if snapshot else ""
    script = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {use}\n{_EVERYTHING}\nCOMMIT;"
    found = _sorted_out(server.query(script, database=database, timeout_s=timeout_s))
    large, checksum = found.large, found.large.get("checksum")
    return Contents(
        server_version=int(found.database["server_version_num"]),
        locale=_locale(found.database),
        collations=found.collations,
        sequences={name: (next_, next_) for name, next_ in found.sequences.items()},
        large_objects=LargeObjects(int(large["count"]), int(large["bytes"]) if checksum else None, checksum),
        materialized_views=found.views,
        roles={
            name: Role(role.superuser, role.inherits, role.bypasses_row_security, tuple(sorted(found.member_of[name])))
            for name, role in found.roles.items()
        },
        access=found.access,
        settings=tuple(sorted(found.settings)),
    )


def sequences_of(server: Server, database: str, *, timeout_s: float) -> dict[str, int]:
    """The next number of every sequence, now. Raises as Server.query."""
    return _sorted_out(server.query(_SEQUENCES, database=database, timeout_s=timeout_s)).sequences


def collations_of(server: Server, database: str, *, timeout_s: float) -> dict[str, CollationVersion]:
    """The collations that the database uses. Raises as Server.query."""
    return _sorted_out(server.query(_COLLATIONS, database=database, timeout_s=timeout_s)).collations


def parse_contents(data: Mapping[str, Any]) -> Contents:
    """What ``to_json`` made. Raises StepError when it is something else."""
    try:
        return Contents(
            server_version=data["server_version"],
            locale=Locale(**data["locale"]),
            collations={name: CollationVersion(**found) for name, found in data["collations"].items()},
            sequences={name: (low, high) for name, (low, high) in data["sequences"].items()},
            large_objects=LargeObjects(**data["large_objects"]),
            materialized_views=data["materialized_views"],
            roles={name: Role(**{**found, "member_of": tuple(found["member_of"])}) for name, found in data["roles"].items()},
            access=data["access"], settings=tuple(data.get("settings", ())),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise StepError(f"the manifest's list of what the database holds can't be understood: {error}") from None


def create_like(server: Server, database: str, contents: Contents) -> str:
    """An empty database with the same encoding and, where this host has it, the same locale; the roles that its objects
    name, without logins and passwords. Returns why the locale is another one, empty when it is the same.

    For a drill's server alone. Raises StepError.
    """
    _make_roles(server, contents.roles)
    locale = contents.locale
    plain = f"CREATE DATABASE {identifier(database)} TEMPLATE template0 ENCODING {literal(locale.encoding)}"
    try:
        server.query(f"{plain} {_locale_clause(locale)}")
    except StepError as error:
        server.query(f"{plain} LC_COLLATE 'C' LC_CTYPE 'C'")
        return error.message.rpartition("ERROR:")[2].strip()
    return ""


def _make_roles(server: Server, roles: Mapping[str, Role]) -> None:
    made = [name for name in roles if not name.startswith("pg_")]  # those are PostgreSQL's own
    known = {row[0] for row in server.query("SELECT rolname FROM pg_roles")}
    statements = [
        f"CREATE ROLE {identifier(name)} NOLOGIN{' SUPERUSER' * roles[name].superuser}"
        f"{' BYPASSRLS' * roles[name].bypasses_row_security}{'' if roles[name].inherits else ' NOINHERIT'};"
        for name in made
        if name not in known
    ]
    statements += [
        f"GRANT {identifier(group)} TO {identifier(name)};"
        for name in made
        for group in roles[name].member_of
        if group in known or group in made
    ]
    if statements:
        server.query("\n".join(statements))


def _locale_clause(locale: Locale) -> str:
    parts = [f"LC_COLLATE {literal(locale.collate)}", f"LC_CTYPE {literal(locale.ctype)}"]
    if locale.provider == "i":
        parts += ["LOCALE_PROVIDER icu", f"ICU_LOCALE {literal(locale.other)}"]
    elif locale.provider == "b":
        parts += ["LOCALE_PROVIDER builtin", f"BUILTIN_LOCALE {literal(locale.other)}"]
    return " ".join(parts)


def _locale(database: Mapping[str, str]) -> Locale:
    return Locale(
        encoding=database["encoding"], provider=database.get("datlocprovider") or "c", collate=database["datcollate"],
        ctype=database["datctype"], other=database.get("datlocale") or database.get("daticulocale") or "",
    )  # fmt: skip


def _sorted_out(rows: Iterable[list[str]]) -> _Rows:
    """Every row has a section, a name and three values; what a section does not need is empty."""
    found = _Rows()
    try:
        _sort_into(found, rows)
    except ValueError as error:  # a name may hold what stands between columns
        raise StepError(f"what PostgreSQL says of the database can't be read: {error}") from None
    return found


def _sort_into(found: _Rows, rows: Iterable[list[str]]) -> None:
    for section, name, one, two, three in rows:
        match section:
            case "database":
                found.database[name] = one
            case "large objects":
                found.large[name] = one
            case "collation":
                found.collations[name] = CollationVersion(one, two)
            case "sequence":
                found.sequences[name] = int(one) + (int(three) if two == "t" else 0)
            case "view":
                found.views[name] = int(one) if one else None
            case "role":
                found.roles[name] = Role(one == "true", two == "true", three == "true")
            case "member":
                found.member_of[name].append(one)
            case "setting":
                found.settings.add(name)
            case _:
                found.access[name] = one


# Names below are pg_catalog's, and everything else is printed with its schema, whatever the database's search_path says.
_PLAIN = "SET search_path = pg_catalog;"
_USERS_SCHEMA = "n.nspname NOT IN ('information_schema') AND n.nspname !~ '^pg_'"

# They are read one by one: a sequence is a relation of its own.
_SEQUENCES = f"""{_PLAIN}
SELECT format('SELECT ''sequence'', %L, last_value, is_called, %s FROM %I.%I', format('%I.%I', n.nspname, c.relname),
              s.seqincrement, n.nspname, c.relname)
  FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE {_USERS_SCHEMA} ORDER BY 1 \\gexec
"""

_COLLATIONS = f"""{_PLAIN}
SELECT current_setting('server_version_num')::int >= {WITH_COLLATION_VERSIONS} AS knows_versions \\gset
\\if :knows_versions
SELECT 'collation', 'default', datcollversion, pg_database_collation_actual_version(oid), ''
  FROM pg_database WHERE datname = current_database();
\\endif
SELECT 'collation', format('%I.%I', cn.nspname, l.collname), l.collversion, pg_collation_actual_version(l.oid), ''
  FROM pg_collation l JOIN pg_namespace cn ON cn.oid = l.collnamespace
 WHERE l.collprovider <> 'd' AND l.collname NOT IN ('C', 'POSIX') AND l.oid IN (
       SELECT a.attcollation FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
         JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_USERS_SCHEMA} AND NOT a.attisdropped);
"""

# pg_dump writes holes as zeros, and a page without them: neither may count.
_LARGE_OBJECTS = """
SELECT 'large objects', 'count', count(*), '', '' FROM pg_largeobject_metadata;
SELECT has_table_privilege('pg_largeobject', 'SELECT') AS reads_large_objects \\gset
\\if :reads_large_objects
SELECT 'large objects', 'checksum', coalesce(sum(hashtextextended(loid || ' ' || pageno || ' ' || page, 0)::numeric), 0), '', ''
  FROM (SELECT loid, pageno, rtrim(encode(data, 'hex'), '0') AS page FROM pg_largeobject) pages WHERE page <> '';
SELECT 'large objects', 'bytes', coalesce(sum(size), 0), '', ''
  FROM (SELECT max(pageno::bigint * (current_setting('block_size')::int / 4) + length(data)) AS size
          FROM pg_largeobject GROUP BY loid) objects;
\\endif
"""

_VIEWS = f"""
SELECT format(CASE WHEN c.relispopulated THEN 'SELECT ''view'', %L, count(*), '''', '''' FROM %I.%I'
                   ELSE 'SELECT ''view'', %L, '''', '''', ''''' END,
              format('%I.%I', n.nspname, c.relname), n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'm' AND {_USERS_SCHEMA} AND has_table_privilege(c.oid, 'SELECT') ORDER BY 1 \\gexec
"""

# Everybody whom an object, a grant or a policy of this database names, and what they belong to. The first superuser is
# nowhere recorded as an owner.
_ROLES = """
WITH RECURSIVE named AS (
  SELECT oid FROM (
    SELECT refobjid AS oid FROM pg_shdepend
     WHERE refclassid = 'pg_authid'::regclass AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    UNION SELECT datdba FROM pg_database WHERE datname = current_database()
    UNION SELECT 10) directly
  UNION SELECT m.roleid FROM pg_auth_members m JOIN named ON m.member = named.oid)
SELECT 'role', rolname, rolsuper::text, rolinherit::text, rolbypassrls::text FROM pg_roles JOIN named USING (oid)
UNION ALL
SELECT 'member', pg_get_userbyid(m.member), pg_get_userbyid(m.roleid), '', '' FROM pg_auth_members m JOIN named ON m.member = named.oid;
"""

# A grant that is the default one may be written down or not; who granted is lost where an owner's superuser restores.
_ACCESS = f"""
WITH visible AS (SELECT n.oid, n.nspname, n.nspowner, n.nspacl FROM pg_namespace n WHERE {_USERS_SCHEMA}),
objects (catalog, oid, name, owner, acl, more) AS (
  SELECT 'pg_namespace'::regclass, oid, format('schema %I', nspname), nspowner, coalesce(nspacl, acldefault('n', nspowner)), ''
    FROM visible
  UNION ALL
  SELECT 'pg_class'::regclass, c.oid, format('relation %I.%I', nspname, relname), relowner,
         coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)),
         concat(relrowsecurity, relforcerowsecurity)
    FROM pg_class c JOIN visible n ON n.oid = relnamespace WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
  UNION ALL
  SELECT 'pg_class'::regclass, c.oid, format('column %I.%I.%I', nspname, relname, attname), NULL, attacl, ''
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN visible n ON n.oid = relnamespace WHERE attacl IS NOT NULL
  UNION ALL
  SELECT 'pg_proc'::regclass, p.oid, format('function %s', p.oid::regprocedure), proowner,
         coalesce(proacl, acldefault('f', proowner)), prosecdef::text
    FROM pg_proc p JOIN visible n ON n.oid = pronamespace
  UNION ALL
  SELECT 'pg_policy'::regclass, y.oid, format('policy %I of %I.%I', polname, nspname, relname), NULL, NULL,
         concat_ws(' ', polcmd, polpermissive, polqual IS NULL, polwithcheck IS NULL, (
           SELECT string_agg(CASE r WHEN 0 THEN 'public' ELSE pg_get_userbyid(r) END, ','
                             ORDER BY pg_get_userbyid(r) COLLATE "C") FROM unnest(polroles) r))
    FROM pg_policy y JOIN pg_class c ON c.oid = polrelid JOIN visible n ON n.oid = relnamespace
)
SELECT 'access', name, hashtextextended(concat_ws(' ', pg_get_userbyid(owner), more, (
         SELECT string_agg(concat(pg_get_userbyid(grantee), '=', privilege_type, is_grantable), ','
                           ORDER BY pg_get_userbyid(grantee) COLLATE "C", privilege_type COLLATE "C")
           FROM aclexplode(acl) WHERE grantee = 0 OR grantee IN (SELECT oid FROM pg_roles))), 0)::text, '', ''
  FROM objects WHERE NOT EXISTS (
       SELECT FROM pg_depend d WHERE d.classid = catalog AND d.objid = objects.oid AND d.deptype = 'e');
"""

_SETTINGS = """
SELECT 'setting', split_part(unnest(setconfig), '=', 1), '', '', '' FROM pg_db_role_setting
 WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database());
"""

_EVERYTHING = f"""{_SEQUENCES}{_COLLATIONS}{_LARGE_OBJECTS}{_VIEWS}{_ROLES}{_ACCESS}{_SETTINGS}
SELECT 'database', 'server_version_num', current_setting('server_version_num'), '', '';
SELECT 'database', 'encoding', pg_encoding_to_char(encoding), '', '' FROM pg_database WHERE datname = current_database();
SELECT 'database', key, value, '', '' FROM pg_database d, jsonb_each_text(to_jsonb(d))
 WHERE datname = current_database() AND key ~ '^dat(collate|ctype|locprovider|locale|iculocale)$';
"""

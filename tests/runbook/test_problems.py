# ruff: noqa: E501 -- what is printed is compared as a whole
"""One test for each kind of error: exactly what is printed, with file, line and column."""

from __future__ import annotations

import pytest

from albus_dr.runbook.problems import InvalidRunbook
from tests.runbook.runbook_files import Files

R = "runbook.yaml"
C = "config.yaml"

CASES = [
    pytest.param(
        R,
        "rpo: 15m",
        "rpoo: 15m",
        ["runbook.yaml:4:23: unknown key rpoo; did you mean rpo?"],
        id="unknown key, near miss",
    ),
    pytest.param(
        R,
        "rpo: 15m",
        "rpo: 15m, budgets: {fenced: 3h, data_recovered: 2h, ended: 9h}",
        ["runbook.yaml:4:13: the budgets come to 5 h together, more than the rto (4 h)"],
        id="budgets beyond the rto",
    ),
    pytest.param(
        R,
        "expect: 1}",
        'expect: "> 0"}',
        [
            'runbook.yaml:15:33: expect is compared as it stands, and "> 0" is a condition; put it into the query (… > 0), and write `expect: true`'
        ],
        id="a condition where a value belongs",
    ),
    pytest.param(
        R,
        "rpo: 15m",
        "rpo: 15m, budgets: {fense: 3h}",
        [
            "runbook.yaml:4:43: fense must be detected, declared, started, approved, fenced, data_recovered, service_verified, clients_verified or ended"
        ],
        id="a budget of no stage",
    ),
    pytest.param(
        R,
        "version: 1",
        "version: 1\nzebra: 1",
        [
            "runbook.yaml:2:1: unknown key zebra; known: config, description, objectives, runbook, sites, steps, version, workloads"
        ],
        id="unknown key, nothing near",
    ),
    pytest.param(
        R,
        "database: albus",
        "databases: albus",
        ["runbook.yaml:12:5: unknown key databases; did you mean database?"],
        id="unknown key of a kind",
    ),
    pytest.param(
        R,
        "runbook: albus\n",
        "",
        [
            "runbook.yaml:1:1: runbook is missing; add runbook (The runbook's name. Runs, recovery points and leases carry it)"
        ],
        id="missing key in the file",
    ),
    pytest.param(
        R,
        "    server: database\n",
        "",
        ["runbook.yaml:9:3: server is missing in patients; add server (The server, by its name at each site)"],
        id="missing key of a kind",
    ),
    pytest.param(
        R,
        "    kind: service\n",
        "",
        ["runbook.yaml:17:5: kind is missing in application; one of: command, files, postgres, service, traffic"],
        id="missing workloads' kind",
    ),
    pytest.param(
        R,
        "kind: postgres",
        "kind: postgre",
        ["runbook.yaml:10:11: there is no kind of workload postgre; did you mean postgres?"],
        id="unknown kind",
    ),
    pytest.param(
        R,
        "database: albus",
        "database: 15",
        ["runbook.yaml:12:15: database must be text; put it in quotes"],
        id="a number for a text",
    ),
    pytest.param(
        R,
        "database: albus",
        "database:",
        ["runbook.yaml:12:14: database is empty; it must be text"],
        id="an empty value",
    ),
    pytest.param(
        R,
        "needs: [patients]",
        "needs: patients",
        ["runbook.yaml:18:12: needs must be a list; write [a, b], or one '- item' per line"],
        id="a text for a list",
    ),
    pytest.param(
        R,
        "recovery_points: {dump: backups}",
        "recovery_points: [backups]",
        ["runbook.yaml:13:22: recovery_points must be a mapping; write {key: value}, or one 'key: value' per line"],
        id="a list for a mapping",
    ),
    pytest.param(
        R,
        "  application:\n    kind: service\n",
        "  fence:\n    kind: service\n",
        [
            "runbook.yaml:16:3: fence is the name of a step; choose another name",
            "runbook.yaml:22:13: there is no workload application; known: fence, patients",
        ],
        id="a workload called as a step",
    ),
    pytest.param(
        R,
        "    kind: service\n    needs: [patients]\n    service: albus\n",
        "    service\n",
        ["runbook.yaml:17:5: application must be a mapping; write its kind and what it protects"],
        id="a workload that is no mapping",
    ),
    pytest.param(
        R,
        "rto: 4h",
        "rto: 4",
        [
            "runbook.yaml:4:19: rto is not a duration; a duration needs a number and a unit (ms, s, m, h, d, w, y), for example 15m or 1h30m"
        ],
        id="a bare number as duration",
    ),
    pytest.param(
        R,
        "500 km",
        "500 miles",
        ["runbook.yaml:4:60: distance is not a distance; a distance needs a number and km, for example 500 km"],
        id="a wrong unit of distance",
    ),
    pytest.param(
        R,
        "in: [failover]",
        "in: [fail-over]",
        [
            "runbook.yaml:29:10: item 1 of in must be replicate, drill, switchover, failover, reprotect or failback; did you mean failover?"
        ],
        id="a word that is not known",
    ),
    pytest.param(
        R, "in: [failover]", "in: []", ["runbook.yaml:29:9: in has too few items; at least 1"], id="an empty list"
    ),
    pytest.param(
        R,
        "runbook: albus",
        "runbook: Albus",
        ["runbook.yaml:2:10: runbook is not a name; a small letter, then small letters, digits, - and _, at most 63"],
        id="a name with capitals",
    ),
    pytest.param(
        R,
        "  application:\n",
        "  Application:\n",
        [
            "runbook.yaml:16:3: Application is not a name; a small letter, then small letters, digits, - and _, at most 63",
            "runbook.yaml:22:13: there is no workload application; did you mean Application?",
        ],
        id="a workload's name with capitals",
    ),
    pytest.param(
        R,
        "[./tell.sh, now]",
        "[./tell.sh, 5]",
        ["runbook.yaml:26:22: item 2 of run must be text; put it in quotes"],
        id="a wrong member of a union",
    ),
    pytest.param(
        R, "[./tell.sh, now]", "5", ["runbook.yaml:26:10: run must be text or a list"], id="no member of a union"
    ),
    pytest.param(R, "version: 1", "version: 2", ["runbook.yaml:1:10: version must be 1"], id="another version"),
    pytest.param(
        R,
        "secondary: bordeaux",
        "secondary: bordeau",
        ["runbook.yaml:7:14: the config config.yaml has no site bordeau; did you mean bordeaux?"],
        id="no site of that name",
    ),
    pytest.param(
        R,
        "secondary: bordeaux",
        "secondary: strasbourg",
        ["runbook.yaml:7:14: primary and secondary are the same site; name two sites"],
        id="one site twice",
    ),
    pytest.param(
        R,
        "needs: [patients]",
        "needs: [patient]",
        ["runbook.yaml:18:13: there is no workload patient; did you mean patients?"],
        id="an unknown need",
    ),
    pytest.param(
        R,
        "needs: [patients]",
        "needs: [patients, door]",
        [
            "runbook.yaml:22:13: workloads need one another in a circle: application -> door -> application; take one out"
        ],
        id="a circle of needs",
    ),
    pytest.param(
        R,
        "needs: [patients]",
        "needs: [application]",
        ["runbook.yaml:18:13: workloads need one another in a circle: application -> application; take one out"],
        id="a workload that needs itself",
    ),
    pytest.param(
        R,
        "server: database",
        "server: databases",
        [
            "runbook.yaml:11:13: site bordeaux has no databases in servers; did you mean database?",
            "runbook.yaml:11:13: site strasbourg has no databases in servers; did you mean database?",
        ],
        id="an unknown server",
    ),
    pytest.param(
        R,
        "dump: backups",
        "dump: backup",
        [
            "runbook.yaml:13:29: site bordeaux has no backup in repositories; did you mean backups?",
            "runbook.yaml:13:29: site strasbourg has no backup in repositories; did you mean backups?",
        ],
        id="an unknown repository",
    ),
    pytest.param(
        C,
        "    servers: {database: {host: all, data: /data}}\n",
        "",
        ["runbook.yaml:11:13: site bordeaux has no database in servers; none is defined"],
        id="a server that one site lacks",
    ),
    pytest.param(
        R,
        "proxy: front",
        "proxy: back",
        ["runbook.yaml:23:12: the config config.yaml has no back in proxies; known: front"],
        id="an unknown proxy",
    ),
    pytest.param(
        C,
        "servers: {strasbourg: a, bordeaux: b}",
        "servers: {strasbourg: a}",
        ["config.yaml:19:52: the proxy front has no server for the site bordeaux; name the server line of each site"],
        id="a proxy without a site",
    ),
    pytest.param(
        R,
        "    run: [./tell.sh, now]\n",
        "",
        ["runbook.yaml:25:5: this step has none of run, http, approve or wait; write exactly one of them"],
        id="an own step that does nothing",
    ),
    pytest.param(
        R,
        "    host: all\n",
        "    host: all\n    http: http://x\n",
        ["runbook.yaml:28:5: this step has both run and http; write exactly one of run, http, approve or wait"],
        id="an own step that does two things",
    ),
    pytest.param(
        R,
        "    after: door\n",
        "",
        ["runbook.yaml:25:5: this step has none of before or after; write exactly one of them"],
        id="an own step without a place",
    ),
    pytest.param(
        R,
        "    after: door\n",
        "    after: door\n    before: fence\n",
        ["runbook.yaml:29:5: this step has both after and before; write exactly one of before or after"],
        id="an own step with two places",
    ),
    pytest.param(
        R,
        "after: door",
        "after: dor",
        ["runbook.yaml:28:12: there is no workload or step dor to be after; did you mean door?"],
        id="an own step at no place",
    ),
    pytest.param(
        R,
        "host: all",
        "host: al",
        ["runbook.yaml:27:11: site bordeaux has no host al; did you mean all?"],
        id="an own step on no host",
    ),
    pytest.param(
        R,
        "    in: [failover]\n",
        "    in: [failover]\n  - {name: tell THE nurses!, http: http://x, after: door, in: [failover]}\n",
        [
            "runbook.yaml:30:12: two steps have the id own.tell-the-nurses, which comes from the name; give this one another name"
        ],
        id="own steps with equal ids",
    ),
    pytest.param(
        R,
        "name: Tell the nurses",
        r'name: "Tell\nthe nurses"',
        ["runbook.yaml:25:11: name is not one line; without line breaks and tabs"],
        id="an own step's name of two lines",
    ),
    pytest.param(
        R,
        "rto: 4h",
        "rto: " + "9" * 400 + "h",
        [
            "runbook.yaml:4:19: rto is not a duration; a duration needs to be 100 years at most, for example 15m or 1h30m"
        ],
        id="a duration without end",
    ),
    pytest.param(
        R,
        "    service: albus\n",
        "    service: albus\n    rpo: 1m\n",
        [
            "runbook.yaml:20:10: a workload of kind service holds no data whose age could be measured; set rpo: of the databases and "
            "files that it works on"
        ],
        id="an age that nobody measures",
    ),
    pytest.param(
        R,
        "    kind: postgres\n",
        "    kind: postgres\n    rpo: 24h\n",
        [
            "runbook.yaml:11:10: 1 d is more than objectives.rpo promises (15 min); a workload's own rpo: is the stricter one; write a "
            "longer one in objectives: if that is what you promise"
        ],
        id="an objective that is looser than the promise",
    ),
    pytest.param(
        C,
        "probe: all",
        "probe: al",
        ["config.yaml:10:21: site strasbourg has no host al; did you mean all?"],
        id="no such host",
    ),
    pytest.param(
        C,
        "    scratch: {host: all, path: /scratch}\n    fence",
        "    fence",
        ["config.yaml:3:3: site strasbourg has no scratch, where drills restore to; add scratch: {host: …, path: …}"],
        id="no scratch",
    ),
    pytest.param(
        R,
        "config.yaml",
        "conf.yaml",
        [
            "runbook.yaml:3:9: there is no config file conf.yaml; write the path relative to this file, or give --config FILE"
        ],
        id="no such config",
    ),
    pytest.param(
        R,
        "config.yaml",
        "./",
        [
            "runbook.yaml:3:9: . is a directory, and a config file is wanted; write the path relative to this file, or give --config FILE"
        ],
        id="a directory in the place of the config",
    ),
    pytest.param(
        C,
        'url: "http://127.0.0.1"}',
        "url: clinic.example.org}",
        ["config.yaml:19:87: an address begins with http:// or https://, for example https://clinic.example.org"],
        id="a door's address without its scheme",
    ),
    pytest.param(
        C,
        'url: "http://127.0.0.1:8000"}',
        'url: "127.0.0.1:8000"}',
        ["config.yaml:15:64: an address begins with http:// or https://, for example https://clinic.example.org"],
        id="a service's address without its scheme",
    ),
    pytest.param(
        R,
        "config: config.yaml\n",
        "",
        ["runbook.yaml:1:1: no config is named; write config: FILE, or give --config FILE"],
        id="no config",
    ),
    pytest.param(
        C,
        "password: {file: key}}}\n    scratch: {host: all, path: /scratch}\n    fence",
        "password: hunter2}}\n    scratch: {host: all, path: /scratch}\n    fence",
        [
            "config.yaml:8:61: password holds a value where only a reference to a secret belongs; write {env: NAME}, {file: PATH} or {command: [PROGRAM, …]}"
        ],
        id="a secret in plain",
    ),
    pytest.param(
        C,
        "password: {file: key}}}\n    scratch: {host: all, path: /scratch}\n    fence",
        "password: {hunter2: }}}\n    scratch: {host: all, path: /scratch}\n    fence",
        ["config.yaml:8:62: unknown key in password; write {env: NAME}, {file: PATH} or {command: [PROGRAM, …]}"],
        id="a secret as a key",
    ),
    pytest.param(
        C,
        "password: {file: key}}}\n    scratch: {host: all, path: /scratch}\n    fence",
        "password: {file: key, env: KEY}}}\n    scratch: {host: all, path: /scratch}\n    fence",
        ["config.yaml:8:61: a secret is named by exactly one of env, file or command"],
        id="a secret named twice",
    ),
    pytest.param(
        C,
        "password: {file: key}}}\n    scratch: {host: all, path: /scratch}\n    fence",
        "password: {env: hunter2!}}}\n    scratch: {host: all, path: /scratch}\n    fence",
        ["config.yaml:8:67: env is not the name of an environment variable; letters, digits and _, no $"],
        id="a secret where a variable's name belongs",
    ),
    pytest.param(
        C,
        "/data, port",
        '"${DATA}", port',
        [
            "config.yaml:6:43: the environment variable DATA is not set; set it, or write the value here; $${ writes a plain ${"
        ],
        id="a variable that is not set",
    ),
    pytest.param(
        C,
        "/data, port",
        '"/d/${DA TA}", port',
        [
            "config.yaml:6:43: this ${ is not a reference to a variable; write ${NAME}, with letters, digits and _; $${ writes a plain ${"
        ],
        id="a malformed reference to a variable",
    ),
    pytest.param(
        C,
        "[{probe: all}]",
        "[{statement: yes}]",
        ["config.yaml:10:25: statement can only be true; write true, without quotes; or leave it out"],
        id="yes for what can only be true",
    ),
    pytest.param(
        C,
        "data: /data}",
        'data: /data, port: "5432"}',
        ["config.yaml:14:56: port must be a whole number; write it with digits only, without quotes"],
        id="a port in quotes",
    ),
    pytest.param(
        C,
        "data: /data}",
        "data: /data, port: 70000}",
        ["config.yaml:14:56: port is too large; at most 65535"],
        id="a port out of range",
    ),
    pytest.param(
        C,
        "data: /data}",
        "data: /data, port: true}",
        ["config.yaml:14:56: port must be a whole number; write it with digits only, without quotes"],
        id="true for a number",
    ),
    pytest.param(
        C,
        "fence: [{probe: all}]",
        "paths: {documents: {host: all, path: srv}}",
        ["config.yaml:10:42: path must start with /"],
        id="a relative path",
    ),
    pytest.param(
        C,
        "[{probe: all}]",
        "[{probe: all, statement: true}]",
        ["config.yaml:10:13: a fence method is exactly one of command, probe, lease or statement"],
        id="two ways in one fence method",
    ),
    pytest.param(
        C,
        '{host: all, systemd: albus.service, url: "http://127.0.0.1:8000"}',
        '{host: all, url: "http://127.0.0.1:8000"}',
        ["config.yaml:15:23: a service needs systemd: UNIT, or all of start, stop and status"],
        id="a service that can't be started",
    ),
    pytest.param(
        C,
        "latitude: 44.8378, longitude: -0.5792",
        "latitude: 48.9, longitude: 2.3",
        ["runbook.yaml:4:60: strasbourg and bordeaux are 401 km apart; the objective is 500 km"],
        id="sites too near",
    ),
    pytest.param(
        R,
        "    database: albus\n",
        "    database: albus\n    server: other\n",
        ["runbook.yaml:13:5: the key server is given twice; keep this one or the one at line 11, column 5"],
        id="a key twice",
    ),
    pytest.param(
        R,
        "    database: albus\n",
        "    database: albus\n    <<: {a: b}\n",
        ["runbook.yaml:13:5: merge keys (<<) are not used here; write the keys out, or use an alias as a whole value"],
        id="a merge key",
    ),
    pytest.param(
        R,
        "database: albus",
        "database: !!str albus",
        ["runbook.yaml:12:15: tags (with !) are not used here; remove the tag; quotes make a value text"],
        id="a tag",
    ),
    pytest.param(
        R,
        "database: albus",
        "database: *hunter2",
        ["runbook.yaml:12:15: this alias (*) has no anchor (&) before it; quote a value that starts with *"],
        id="an alias to nothing",
    ),
    pytest.param(
        R,
        "database: albus",
        "database: [albus",
        [
            "runbook.yaml:13:20: this is not YAML: did not find expected ',' or ']'; close the bracket, and quote a value that holds one"
        ],
        id="not YAML",
    ),
]


@pytest.mark.parametrize(("file", "old", "new", "expected"), CASES)
def test_says_what_is_wrong_and_where(files: Files, file: str, old: str, new: str, expected: list[str]) -> None:
    files.replace(file, old, new)

    assert files.problems() == expected


def test_probes_that_leave_a_server_out_are_a_problem_for_who_looks_and_stop_nobody_who_acts(files: Files) -> None:
    one_host = "longitude: 7.7521}\n    hosts: {all: {}}\n    servers: {database: {host: all,"
    files.replace(C, one_host, one_host.replace("{all: {}}", "{all: {}, db: {}}").replace("host: all", "host: db"))
    assert files.problems() == []
    with pytest.raises(InvalidRunbook) as caught:
        files.load(require_environment=False)
    assert [str(problem) for problem in caught.value.problems] == [
        "config.yaml:10:12: the probes of strasbourg say nothing of its server database at db, so they can't prove that the site is "
        "off; add {probe: db}"
    ]


def test_the_files_without_errors_have_none(files: Files) -> None:
    assert files.problems() == []

"""What a comparison of restored data says, in French: part of ``french_journal``."""

from __future__ import annotations

RESTORED = {
    # trees of files
    "SHA-256 of {count} of {all} files, drawn with seed {seed}": "SHA-256 de {count} fichiers sur {all}, tirés avec la graine {seed}",
    "names and sizes": "noms et tailles",
    "directories": "répertoires",
    "{count} there": "{count} présents",
    "{count} missing, the first: {name}": "{count} absents, le premier : {name}",
    "modes, owners and times": "modes, propriétaires et dates",
    "modes and times": "modes et dates",
    "{file}: mode {found}, was {before}": "{file} : mode {found}, était {before}",
    "{file}: owner {found}, was {before}": "{file} : propriétaire {found}, était {before}",
    "{file}: another time": "{file} : autre date",
    "owners": "propriétaires",
    "as they were": "tels qu'ils étaient",
    "{count} have another: root restores owners, or the config's `owner:` says whose they are": (
        "{count} en ont un autre : root restaure les propriétaires, ou la clé `owner` de la configuration dit à qui ils sont"
    ),
    # the application's copy, and a day's work with it
    "opened the restored {name}": "ouverture de la base restaurée {name}",
    "a connection": "une connexion",
    "none: the copy works on something else, or nothing that it was asked reads from its databases": (
        "aucune : la copie travaille sur autre chose, ou rien de ce qu'on lui a demandé ne l'oblige à lire ses bases"
    ),
    "none: a question under verify: whose answer reads from it would show it": (
        "aucune : une question sous « verify » qui l'oblige à lire cette base le montrerait"
    ),
    "no answer": "pas de réponse",
    "not asked: an earlier answer was wrong": "pas demandé : une réponse précédente était fausse",
    "not asked: nobody could try whether anything leaves the copy's network ({reason})": (
        "pas demandé : personne n'a pu vérifier si quelque chose sort du réseau de la copie ({reason})"
    ),
    "not asked: the copy has its host's network, and could write elsewhere ({reason})": (
        "pas demandé : la copie a le réseau de son hôte, et pourrait écrire ailleurs ({reason})"
    ),
    "{expression} is neither text nor a number": "{expression} : ni un texte ni un nombre",
    # databases
    "encoding": "encodage",
    "collations": "ordres de tri",
    "none": "aucun",
    "{name} by bytes": "{name} par octets",
    "its manifest is older than this comparison": "son manifeste est plus ancien que cette comparaison",
    "as recorded": "tels qu'enregistrés",
    "before version 15 PostgreSQL records none of a database": "avant la version 15, PostgreSQL n'en enregistre pas",
    "the order of text was not tried: {why} at the target": "l'ordre de tri n'a pas été essayé : {why} sur la cible",
    "{versions} at the target: text indexes of a standby there may be wrong after a failover: REINDEX it then": (
        "{versions} sur la cible : après une bascule, les index de texte d'un serveur de secours peuvent y être faux : "
        "REINDEX alors"
    ),
    "{versions}: text indexes may be wrong: {advice}": "{versions} : les index de texte peuvent être faux : {advice}",
    "{name}: text indexes may be wrong ({versions}): {advice}": (
        "{name} : les index de texte peuvent être faux ({versions}) : {advice}"
    ),
    "{name} at {site}: its text indexes were made with another version of a collation ({versions}) and may be wrong: {advice}": (
        "{name} à {site} : ses index de texte ont été faits avec une autre version d'un ordre de tri ({versions}) et peuvent "
        "être faux : {advice}"
    ),
    "REINDEX DATABASE {name}, then ALTER DATABASE {name2} REFRESH COLLATION VERSION": (
        "REINDEX DATABASE {name}, puis ALTER DATABASE {name2} REFRESH COLLATION VERSION"
    ),
    "sequences": "séquences",
    "{count} where they were": "{count} à leur place",
    "{name} would give {next}, was at {before}": "{name} donnerait {next}, en était à {before}",
    "nothing": "rien",
    "set back while they were dumped: {names}": "reculées pendant l'export : {names}",
    "large objects": "grands objets",
    "{count} with {bytes} bytes, checksum {checksum}": "{count} pour {bytes} octets, somme {checksum}",
    "{count}; whoever made or restored the dump may not read their content": (
        "{count} ; qui a fait ou restauré l'export n'a pas le droit d'en lire le contenu"
    ),
    "materialized views": "vues matérialisées",
    "{count}, filled where they were": "{count}, remplies là où elles l'étaient",
    "the view {name} is missing": "la vue {name} est absente",
    "the view {name} holds no data": "la vue {name} ne contient rien",
    "owners, grants and row security": "propriétaires, droits et sécurité par ligne",
    "{count} objects equal": "{count} objets identiques",
    "{count} differ: {names}": "{count} différents : {names}",
    "from PostgreSQL {before}, restored by {now}": "de PostgreSQL {before}, restauré par {now}",
    "settings of the database": "réglages de la base",
    "a dump has none of them: {names}": "un export n'en contient aucun : {names}",
    "pg_amcheck": "pg_amcheck",
    "no damage": "aucun dommage",
    "damage in {names}": "dommage dans {names}",
    "{directory} at {host} has no pg_amcheck (it comes with PostgreSQL 14 and later)": (
        "{directory} à {host} n'a pas pg_amcheck (fourni depuis PostgreSQL 14)"
    ),
    "PostgreSQL at {host} lacks its extension amcheck": "PostgreSQL à {host} n'a pas son extension amcheck",
    "pg_amcheck had not ended after {time}": "pg_amcheck n'avait pas fini après {time}",
}

"""What `albus-dr status` finds, in French: by the English sentence. As in ``french_journal``, it is told again when shown."""

from __future__ import annotations

STANDING = {
    "passed": "réussi",
    "failed": "échec",
    "incomplete": "incomplet",
    "not_evaluated": "non évalué",
    "stopped": "arrêté",
    "unreachable": "injoignable",
    "present": "présent",
    "missing": "absent",
    "running": "en marche",
    "open": "ouvert",
    "closed": "fermé",
    "draining": "en vidage",
    "a write is acknowledged once {standby} has it": "une écriture est confirmée dès que {standby} l'a reçue",
    "WRITERS WAIT until {standby} streams again: synchronous_standby_names is set": (
        "LES ÉCRITURES ATTENDENT que {standby} réplique de nouveau : synchronous_standby_names est défini"
    ),
    "writers don't wait; what {standby} does not have yet is lost with this site": (
        "les écritures n'attendent pas ; ce que {standby} n'a pas encore reçu serait perdu avec ce site"
    ),
    "writers don't wait; nothing that is written reaches another server": (
        "les écritures n'attendent pas ; rien de ce qui est écrit n'atteint un autre serveur"
    ),
    "the witness: {error}": "témoin : {error}",
    "{run} made {site} the primary and was not seen to promote it: resume it, or fail over again": (
        "{run} a fait de {site} le site principal sans qu'on l'ait vu le promouvoir : poursuivez cette exécution "
        "(albus-dr resume) ou lancez une nouvelle bascule d'urgence"
    ),
    "UNPROTECTED since {at} (failover {run}): no standby of {names} streams from {target}; if {target} is lost now, only "
    "recovery points are left. Once {source} is back: albus-dr reprotect": (
        "SANS PROTECTION depuis le {at} (failover {run}) : aucun secours de {names} ne réplique depuis {target} ; si {target} "
        "est perdu maintenant, il ne reste que les points de reprise. Dès le retour de {source} : albus-dr reprotect"
    ),
    "the {operation} {run} was begun and is not finished: albus-dr resume {run} goes on with it; albus-dr abort {run} gives "
    "it up": (
        "une opération a commencé et n'est pas terminée ({operation}, {run}) : albus-dr resume {run} la poursuit ; albus-dr "
        "abort {run} y renonce"
    ),
    "a drill is due: {reason}; one is promised every {every}": (
        "un exercice est dû : {reason} ; périodicité promise : {every}"
    ),
    "a drill is due since {at}: {reason}; one is promised every {every}": (
        "un exercice est dû depuis le {at} : {reason} ; périodicité promise : {every}"
    ),
    "the last drill did not pass: {run}: {reason}": "le dernier exercice n'a pas réussi : {run} : {reason}",
    "{name}: TWO PRIMARIES: {site} and {other} both take writes; fence one at once": (
        "{name} : DEUX SERVEURS PRINCIPAUX : {site} et {other} acceptent tous deux des écritures ; neutralisez l'un des deux "
        "immédiatement"
    ),
    "{name} at {site}: unreachable: {reason}": "{name} à {site} : injoignable : {reason}",
    "{name} at {site}: it is {role}; it should be {expected}": "{name} à {site} : état « {role} », attendu « {expected} »",
    "{name} at {site}: it is {role}; it should be {expected}: albus-dr door sets it": (
        "{name} à {site} : état « {role} », attendu « {expected} » : albus-dr door le rétablit"
    ),
    "{name} at {site}: recovery points dated in the future are LEFT OUT: {count}, the newest {point} of {at}; a clock is wrong, or "
    "somebody forged them": (
        "{name} à {site} : des points de reprise datés dans le futur sont ÉCARTÉS : {count}, le plus récent {point} du {at} ; "
        "une horloge est fausse, ou quelqu'un les a falsifiés"
    ),
    "{name} at {site}: no standby named {standby} streams; {writers}": (
        "{name} à {site} : aucun secours nommé {standby} ne réplique ; {writers}"
    ),
    "{name} at {site}: the runbook says synchronous, and commits don't wait for a standby": (
        "{name} à {site} : le plan de reprise demande une réplication synchrone, et les validations n'attendent aucun secours"
    ),
    "{name} at {site}: {standby} streams, and is {state} where sync is promised": (
        "{name} à {site} : {standby} réplique, mais à l'état {state}, alors que sync est promis"
    ),
    "{name} at {site}: no recovery point is known: {reason}": "{name} à {site} : aucun point de reprise connu : {reason}",
    "there is none": "il n'y en a pas",
    "{name} at {site}: the newest recovery point is {age} old; {limit} are allowed": (
        "{name} à {site} : le dernier point de reprise remonte à {age} ; maximum admis : {limit}"
    ),
    "no answer within {time}": "pas de réponse en {time}",
    "it runs and does not answer: {error}": "il tourne et ne répond pas : {error}",
    "the primary was never changed": "le site principal n'a jamais changé",
    "it is the primary in epoch {epoch}, by {witness}": (
        "c'est le site principal de l'époque {epoch}, selon {witness}"
    ),
    "a promotion": "une promotion",
    "etcd at {place}": "etcd à l'adresse {place}",
    "PostgreSQL at {place}": "PostgreSQL à l'adresse {place}",
    "S3 at {place}": "S3 à l'adresse {place}",
}

"""What `albus-dr guard` says, and why it starts nothing or ends what it guarded, in French. Part of ``french_journal``.

A refusal is the guard's answer, with what to do; what a program said stays as it was said.
"""

from __future__ import annotations

GUARD = {
    "starts as a standby: {data} has standby.signal": "démarre comme secours : {data} contient standby.signal",
    "starts as a standby: {data} has standby.signal; takes a lease when promoted": (
        "démarre comme secours : {data} contient standby.signal ; prendra un bail une fois promu"
    ),
    "a lease is taken once every server here was promoted": (
        "un bail sera pris une fois tous les serveurs de cette machine promus"
    ),
    "the lease was not given back and lapses by itself: {why}": (
        "le bail n'a pas été rendu et expirera de lui-même : {why}"
    ),
    "not started: {why}": "non démarré : {why}",
    "not started: {why}; epoch {epoch} began at {at} with {run}": (
        "non démarré : {why} ; l'époque {epoch} a commencé le {at} avec {run}"
    ),
    "ended what it guarded: {why}": "a arrêté ce qu'il gardait : {why}",
    "ended what it guarded: the lease of {time} could not be renewed: {why}": (
        "a arrêté ce qu'il gardait : le bail de {time} n'a pas pu être renouvelé : {why}"
    ),
    "PostgreSQL (process {pid}) runs in {data} already, without this guard": (
        "PostgreSQL (processus {pid}) tourne déjà dans {data}, sans ce gardien"
    ),
    "another guard of this site runs on this machine: it holds {lock}": (
        "un autre gardien de ce site tourne sur cette machine : il détient {lock}"
    ),
    "the time in which the command may start was over before it could be started": (
        "le délai de démarrage de la commande était écoulé avant qu'elle ait pu être lancée"
    ),
    "{file} does not say which epoch was seen here: {error}": (
        "{file} ne dit pas quelle époque a été vue ici : {error}"
    ),
    # the witness
    "the witness ({witness}) holds nothing about {runbook}: nobody has said who is primary": (
        "le témoin ({witness}) ne contient rien sur {runbook} : personne n'a dit quel site est le principal"
    ),
    "the witness ({witness}) is not believed: {why}": "le témoin ({witness}) n'est pas cru : {why}",
    "{witness} did not answer in time": "{witness} n'a pas répondu à temps",
    "{witness} was changed by others {count} times while it was asked": (
        "{witness} a été modifié {count} fois par d'autres pendant qu'on l'interrogeait"
    ),
    "etcd at {place} does not answer ({why})": "etcd à l'adresse {place} ne répond pas ({why})",
    "S3 at {place} does not answer ({why})": "S3 à l'adresse {place} ne répond pas ({why})",
    "PostgreSQL at {place} does not answer: {why}": "PostgreSQL à l'adresse {place} ne répond pas : {why}",
    "etcd at {place} did not say whether it wrote ({why})": "etcd à l'adresse {place} n'a pas dit s'il a écrit ({why})",
    "S3 at {place} did not say whether it wrote ({why})": "S3 à l'adresse {place} n'a pas dit s'il a écrit ({why})",
    "PostgreSQL at {place} did not say whether it wrote: {why}": (
        "PostgreSQL à l'adresse {place} n'a pas dit s'il a écrit : {why}"
    ),
    "S3 at {place} answers {status}": "S3 à l'adresse {place} répond {status}",
    "{path} is being written by another process for {time}": (
        "{path} est en cours d'écriture par un autre processus depuis {time}"
    ),
    # the rule; with {name}, which has no colon, at the beginning: these stand within other sentences
    "the witness speaks of {other} ({site} and {other_site}), not of {runbook}": (
        "le témoin parle de {other} ({site} et {other_site}), et non de {runbook}"
    ),
    "the witness names a primary that {runbook} does not have: {site}": (
        "le témoin désigne un site principal que {runbook} n'a pas : {site}"
    ),
    "the witness's epoch went backwards: it says {epoch}, and {seen} was seen here before; it was restored from a copy or "
    "replaced, so what it says about the primary may be old": (
        "l'époque du témoin a reculé : il indique {epoch}, alors que {seen} a déjà été vue ici ; il a été restauré depuis une "
        "copie ou remplacé, et ce qu'il dit du site principal est peut-être périmé"
    ),
    "the witness's epoch went backwards: {epoch}, after {seen}": "l'époque du témoin a reculé : {epoch}, après {seen}",
    "{name} is the primary in epoch {epoch}": "{name} est le site principal de l'époque {epoch}",
    "{name} is the primary in epoch {epoch}, since {run}": (
        "{name} est le site principal de l'époque {epoch}, depuis {run}"
    ),
    "{name} is the primary in epoch {epoch}, not {other}": (
        "{name} est le site principal de l'époque {epoch}, et non {other}"
    ),
    "{name} is changing the primary: it has claimed {site}": (
        "{name} est en train de changer de site principal : {site} est réservé"
    ),
    "the lease is {holder}'s now": "le bail est désormais détenu par {holder}",
    "the lease is nobody's now": "plus personne ne détient le bail",
    "guard on {host}, process {pid}, {mark}": "le gardien sur {host} (processus {pid}, {mark})",
    # what to do
    "what runs goes on; start it once the witness answers, or without the guard if you are sure that no other site writes": (
        "ce qui tourne continue ; démarrez dès que le témoin répond, ou sans le gardien si vous êtes sûr qu'aucun autre site "
        "n'écrit"
    ),
    "look at both sites, then: albus-dr witness set RUNBOOK --primary SITE, as often as it takes for the epoch to be above "
    "{seen}: each one adds 1": (
        "examinez les deux sites, puis : albus-dr witness set RUNBOOK --primary SITE, autant de fois qu'il le faut pour que "
        "l'époque dépasse {seen} : chaque fois l'augmente de 1"
    ),
    "look at both sites, then: albus-dr witness set RUNBOOK --primary SITE; {more}": (
        "examinez les deux sites, puis : albus-dr witness set RUNBOOK --primary SITE ; {more}"
    ),
    "albus-dr status shows both sites; a claim ends with its run: albus-dr runs list": (
        "albus-dr status montre les deux sites ; une réservation prend fin avec son exécution : albus-dr runs list"
    ),
    "write the number that albus-dr status shows into it": "inscrivez-y le nombre que donne albus-dr status",
    "stop it first": "arrêtez-le d'abord",
    "fuser names its process": "fuser donne son processus",
    "try again; is this machine short of something?": "réessayez ; cette machine manque-t-elle de ressources ?",
}

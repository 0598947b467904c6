"""What `albus-dr schedule` says was done, and how often, in French: by the English sentence. Part of ``french_journal``."""

from __future__ import annotations

SCHEDULE = {
    "every minute": "chaque minute",
    "every {count} minutes": "toutes les {count} minutes",
    "every hour": "chaque heure",
    "every {count} hours": "toutes les {count} heures",
    "every day": "chaque jour",
    "every week": "chaque semaine",
    "every month": "chaque mois",
    "every three months": "tous les trois mois",
    "every six months": "tous les six mois",
    "every year": "chaque année",
    "objectives.drill_every, in which it fits twice": "deux fois dans objectives.drill_every",
    # With the path's beginning: a person's own words may begin with such a verb.
    "wrote /{path}": "écrit : /{path}",
    "removed /{path}": "supprimé : /{path}",
    "systemd keeps when {timer} last fired: {why}": "systemd garde la date du dernier déclenchement de {timer} : {why}",
    "enabled and started {timer}: {rhythm}": "activé et démarré : {timer}, {rhythm}",
    "wrote into the crontab: {line}": "inscrit dans la crontab : {line}",
    "removed from the crontab: {line}": "retiré de la crontab : {line}",
}

"""What a report says of itself, in French: by the English sentence.

The terms are those of a French auditor of health data: DMIA and PDMA are RTO and RPO. Typed as on a keyboard; ``french``
puts in the spaces that don't break.
"""

from __future__ import annotations

FINDINGS = {
    "not measured": "non mesuré",
    "Passed": "Réussi",
    "Failed": "Échec",
    "Incomplete": "Incomplet",
    "Not evaluated": "Non évalué",
    "Not ended": "Non terminé",
    "Unclear": "Indéterminé",
    "Replication": "Réplication",
    "Drill": "Exercice de reprise",
    "Switchover": "Bascule planifiée",
    "Failover": "Bascule d'urgence",
    "Failback": "Retour au site d'origine",
    "Reprotection": "Remise sous protection",
    "from {source} to {target}": "de {source} vers {target}",
    "with the data of {source}, at {target}": "avec les données de {source}, sur le site {target}",
    "done": "faite",
    "found done": "déjà faite",
    "failed": "en échec",
    "skipped": "omise",
    "unknown": "issue inconnue",
    "waiting": "en attente",
    "running": "en cours",
    "not started": "non commencée",
    "Disruption": "Interruption",
    "Disruption (assumed)": "Interruption (supposée)",
    "Detected": "Détection",
    "Approved": "Approbation",
    "Declared": "Déclaration",
    "Started": "Début de l'exécution",
    "Old primary fenced": "Ancien site principal neutralisé",
    "Data recovered": "Données rétablies",
    "Service verified": "Service vérifié",
    "Clients verified": "Accès des utilisateurs vérifié",
    "Ended": "Fin",
    "Service was back after {time}.": "Le service était rétabli après {time}.",
    "Users were moved to {target}, and service was verified after {time}.": (
        "Les utilisateurs ont été basculés vers {target}, et le service a été vérifié après {time}."
    ),
    "The drill passed: a restored service answered after {time}.": (
        "L'exercice a réussi : un service restauré a répondu après {time}."
    ),
    "The drill passed: the restored data were verified after {time}. No application was asked.": (
        "L'exercice a réussi : les données restaurées ont été vérifiées après {time}. Aucune application n'a été interrogée."
    ),
    "The data were verified at {target} after {time}. No application and no door were asked.": (
        "Les données ont été vérifiées à {target} après {time}. Ni application ni accès des utilisateurs n'ont été interrogés."
    ),
    "The drill passed; its recovery time was not measured.": (
        "L'exercice a réussi ; la durée de reprise n'a pas été mesurée."
    ),
    "Every step was done; the recovery time was not measured.": (
        "Toutes les étapes ont été faites ; la durée de reprise n'a pas été mesurée."
    ),
    "Recovery points were made and checked in {time}.": "Les points de reprise ont été créés et vérifiés en {time}.",
    "Recovery points were made and checked.": "Les points de reprise ont été créés et vérifiés.",
    "{target} is the standby of {source} again, after {time}.": (
        "{target} est de nouveau le site de secours de {source}, après {time}."
    ),
    "{operation} failed at “{title}”.": "{operation} : échec à l'étape « {title} ».",
    "{operation} failed: {count} of {all} verifications found something else than was saved.": (
        "{operation} : échec. {count} vérifications sur {all} ont trouvé autre chose que ce qui avait été sauvegardé."
    ),
    "{operation} took {time}: longer than the {promised} that were promised.": (
        "{operation} : {time}, soit plus que les {promised} promises."
    ),
    "{operation} brought back data from {time} before the disruption: {promised} was promised.": (
        "{operation} : les données rétablies datent de {time} avant l'interruption ; {promised} au plus était promis."
    ),
    "Cleanup failed: {count} things were left behind.": "Le nettoyage a échoué : {count} éléments sont restés en place.",
    "Cleanup failed: one thing was left behind.": "Le nettoyage a échoué : un élément est resté en place.",
    "{operation} was refused for safety.": "{operation} : refus, par sécurité.",
    "{operation} failed.": "{operation} : échec.",
    "Service was not seen working for users.": "Le service n'a pas été vu en fonctionnement pour les utilisateurs.",
    "{operation} waits for a person at “{title}”.": "{operation} : en attente d'une personne à l'étape « {title} ».",
    "{operation} was interrupted and can be resumed.": "{operation} : interruption ; l'exécution peut être reprise.",
    "{operation} has not ended: {count} of {all} steps are done.": (
        "{operation} : non terminé. Étapes faites : {count} sur {all}."
    ),
    "{operation} missed an objective.": "{operation} : un objectif n'a pas été tenu.",
    "{operation} lost writes that synchronous replication was to keep.": (
        "{operation} : des écritures que la réplication synchrone devait garder sont perdues."
    ),
    "{operation} is incomplete: {count} of {all} steps were not done.": (
        "{operation} : incomplet. {count} étapes sur {all} n'ont pas été faites."
    ),
    "{operation} is incomplete: 1 of {all} steps was not done.": (
        "{operation} : incomplet. Une étape sur {all} n'a pas été faite."
    ),
    "{operation} is incomplete: not everything that was asked for was seen.": (
        "{operation} : incomplet. Tout ce qui était demandé n'a pas été constaté."
    ),
    "{operation} was not evaluated.": "{operation} : non évalué.",
    "{operation} ended with a verdict that this report does not know: {verdict}.": (
        "{operation} : terminé par un verdict que ce rapport ne connaît pas : {verdict}."
    ),
    "{operation} is over a budget. {said}": "{operation} : un budget de temps est dépassé. {said}",
    "{clock} came {took} after the clock before it; its budget is {budget}.": (
        "{clock} : {took} après l'instant précédent, pour un budget de {budget}."
    ),
    "{clock} came {took} after the clock before it; its budget is {budget}. Most of it: {step}, {most}.": (
        "{clock} : {took} après l'instant précédent, pour un budget de {budget}. Pour l'essentiel : {step}, {most}."
    ),
    "There are not enough runs for a trend: {count} measured a recovery time within 13 months. It takes {needed}, over at "
    "least {days} days.": (
        "Il n'y a pas assez d'exécutions pour une tendance : {count} ont mesuré une durée de reprise en 13 mois. Il en faut "
        "{needed}, sur {days} jours au moins."
    ),
    "In {count} runs within 13 months the recovery time has no trend that stands out from its scatter.": (
        "Sur {count} exécutions en 13 mois, la durée de reprise n'a pas de tendance qui se distingue de sa dispersion."
    ),
    "Recovery gets slower by {month} in 30 days ({count} runs within 13 months). If that goes on, it crosses the RTO of "
    "{rto} on {day}.": (
        "La reprise ralentit de {month} en 30 jours ({count} exécutions en 13 mois). Si cela continue, elle dépassera la DMIA "
        "de {rto} le {day}."
    ),
    "Recovery gets slower by {month} in 30 days ({count} runs within 13 months). That does not cross the RTO of {rto} within "
    "{years} years.": (
        "La reprise ralentit de {month} en 30 jours ({count} exécutions en 13 mois). Elle ne dépassera pas la DMIA de {rto} "
        "avant {years} ans."
    ),
    "Recovery gets faster by {month} in 30 days ({count} runs within 13 months); the RTO is {rto}.": (
        "La reprise accélère de {month} en 30 jours ({count} exécutions en 13 mois) ; la DMIA est de {rto}."
    ),
    "The trend lies beyond the RTO of {rto} already, and changes by {month} in 30 days ({count} runs within 13 months).": (
        "La tendance dépasse déjà la DMIA de {rto}, et varie de {month} en 30 jours ({count} exécutions en 13 mois)."
    ),
    "Method: the median of the slopes between every two runs (Theil and Sen), where the order of the runs is no chance "
    "(Mann and Kendall, 5 %).": (
        "Méthode : médiane des pentes entre toutes les paires d'exécutions (Theil et Sen), si l'ordre des exécutions n'est "
        "pas dû au hasard (Mann et Kendall, seuil de 5 %)."
    ),
    "Nothing that users had been told was saved is lost.": (
        "Rien de ce qui avait été confirmé aux utilisateurs comme enregistré n'est perdu."
    ),
    "None of the {all} writes that users had been told were saved is lost.": (
        "Aucune des {all} écritures confirmées aux utilisateurs n'est perdue."
    ),
    "{count} of the {all} writes that users had been told were saved are lost.": (
        "Écritures confirmées aux utilisateurs et perdues : {count} sur {all}."
    ),
    "{count} writes that users had been told were saved are lost.": (
        "Écritures confirmées aux utilisateurs et perdues : {count}."
    ),
    "{workload} came back as of {at}, {age} before the disruption: what was newer, and only there, is not back.": (
        "{workload} : état du {at}, {age} avant l'interruption ; ce qui était plus récent et n'existait que là n'est pas revenu."
    ),
    "{workload} came back as of {at}: what was newer, and only there, is not back.": (
        "{workload} : état du {at} ; ce qui était plus récent et n'existait que là n'est pas revenu."
    ),
    "Users saved nothing while this was watched, so loss was not put to the test.": (
        "Les utilisateurs n'ont rien enregistré pendant l'observation : la perte n'a pas été mise à l'épreuve."
    ),
    "What users lost was not measured.": "Ce que les utilisateurs ont perdu n'a pas été mesuré.",
    "A run of this kind changes no primary: it put no write of a user at stake, and measured none.": (
        "Une exécution de cette nature ne change pas de site principal : elle n'a mis en jeu aucune écriture "
        "d'utilisateur, et n'en a mesuré aucune."
    ),
    "Recovery time (RTA)": "Durée de reprise mesurée (RTA)",
    "Recovery point (RPA)": "Perte de données mesurée (RPA)",
    "Client downtime": "Interruption subie",
    "Acknowledged writes": "Écritures confirmées",
    "Lost writes": "Écritures perdues",
    "Clocks: {names}": "Instants : {names}",
    "Steps without a seen success: {names}": "Étapes dont la réussite n'a pas été constatée : {names}",
    "{workload}, not verified: {kinds}": "{workload}, non vérifié : {kinds}",
    "{count} of {all} passed": "{count} sur {all} réussies",
    "{kind} ({reason})": "{kind} ({reason})",
    "What was proved": "Ce qui a été prouvé",
    "Not verified": "Non vérifié",
    "Verifications: none was made": "Vérifications : aucune n'a été faite",
    "Distance between the sites": "Distance entre les sites",
    "A drill works on an isolated copy. It does not show that users can be moved to the other site.": (
        "Un exercice porte sur une copie isolée. Il ne montre pas que les utilisateurs peuvent être basculés vers l'autre site."
    ),
    "Nothing was disrupted: the times of a drill count from its start, as if the site had been lost at that moment.": (
        "Rien n'a été interrompu : les durées d'un exercice comptent depuis son début, comme si le site avait été perdu à ce "
        "moment-là."
    ),
    "Replication makes and checks copies. It does not show that service can run on them.": (
        "La réplication crée et vérifie des copies. Elle ne montre pas que le service peut fonctionner avec elles."
    ),
    "Of a promoted database ({names}) a change of primary looks at its role, its collations and the answers to the runbook's "
    "questions. It compares neither rows, sequences, large objects nor grants with a manifest, and reads no pages with "
    "pg_amcheck: a drill does that with a copy.": (
        "D'une base promue ({names}), un changement de site principal regarde le rôle, les ordres de tri et les réponses aux "
        "questions du plan de reprise. Il ne compare à un manifeste ni les lignes, ni les séquences, ni les grands objets, ni "
        "les droits, et ne lit pas les pages avec pg_amcheck : un exercice le fait, sur une copie."
    ),
    "No day's work was tried with the application ({names}): a drill does that with a copy, where the runbook asks for it.": (
        "Aucune journée de travail n'a été essayée avec l'application ({names}) : un exercice le fait sur une copie, là où le "
        "plan de reprise le demande."
    ),
    "Whether the application read the restored files of {names} was not looked at: they were compared with their "
    "manifests, and its answers with what the runbook expects.": (
        "Il n'a pas été regardé si l'application a lu les fichiers restaurés de {names} : ils ont été comparés à leurs manifestes, et "
        "ses réponses à ce que le plan de reprise attend."
    ),
    "Steps found done ({names}) were done already when albus-dr looked: not how long they took.": (
        "Les étapes déjà faites ({names}) l'étaient lorsque albus-dr a regardé : leur durée n'est pas connue."
    ),
    "Proof level {level} ({meaning}). Not shown: {higher}.": (
        "Niveau de preuve {level} ({meaning}). Non démontré : {higher}."
    ),
    "Whether a process that hides its directory and its environment outlived the cleanup: the drill had the host's "
    "network, where nothing else would show it.": (
        "Si un processus qui cache son répertoire et son environnement a survécu au nettoyage : l'exercice avait le réseau de la "
        "machine, où rien d'autre ne le montrerait."
    ),
    "Answers that may name somebody are left out ({mark}); they were compared all the same.": (
        "Les réponses qui pourraient nommer une personne sont omises ({mark}) ; elles ont été comparées malgré tout."
    ),
    "less than {share}": "moins de {share}",
    "{level}: {meaning}": "{level} : {meaning}",
    "declared": "déclaré",
    "checked by a probe": "contrôlé par une sonde",
    "data restored and verified": "données restaurées et vérifiées",
    "the application served requests on it": "l'application a répondu à des requêtes sur ces données",
    "a real change of primary": "changement réel de site principal",
    "a completed return": "retour au site d'origine achevé",
}

PAGE = {
    "{mark}: {said}": "{mark} : {said}",
    "{operation} of {runbook}: {verdict}": "{operation} – {runbook} : {verdict}",
    "{operation} of {runbook} {way}": "{operation} – {runbook}, {way}",
    "What went wrong": "Ce qui a échoué",
    "What to do:": "À faire :",
    "Next:": "À faire :",
    "Measured against what was promised": "Mesures au regard des engagements",
    "Against the objectives": "Au regard des objectifs",
    "Recovery time": "Durée de reprise",
    "Recovery point": "Perte de données",
    "Recovery time (RTA against RTO)": "Durée de reprise (mesurée / DMIA)",
    "Recovery point (RPA against RPO)": "Perte de données (mesurée / PDMA)",
    "RTO": "DMIA",
    "RPO": "PDMA",
    "RTA: from the {clock} until users were seen served": (
        "Temps mesuré entre {clock} et service constaté pour les utilisateurs. "
        "DMIA : durée maximale d'interruption admissible (RTO)"
    ),
    "RTA: from the {clock} until the restored service had answered": (
        "Temps mesuré entre {clock} et réponse du service restauré. "
        "DMIA : durée maximale d'interruption admissible (RTO)"
    ),
    "RPA: from the newest write that was found to the disruption": (
        "Âge, lors de l'interruption, de l'écriture la plus récente retrouvée. "
        "PDMA : perte de données maximale admissible (RPO)"
    ),
    "how long users' own requests failed": "durée pendant laquelle les requêtes des utilisateurs ont échoué",
    "of {count} that users had been told were saved": "sur {count} confirmées aux utilisateurs",
    "acknowledged writes: not measured": "écritures confirmées : non mesurées",
    "Promised": "Engagement",
    "Margin": "Marge",
    "Missed by": "Dépassement",
    "{share} of it used": "{share} consommés",
    "Verdict": "Verdict",
    "kept": "tenu",
    "missed": "non tenu",
    "not evaluated": "non évalué",
    "A workload missed an objective of its own, stricter than this.": (
        "Un composant n'a pas tenu son propre objectif, plus strict que celui-ci."
    ),
    "What was lost": "Ce qui a été perdu",
    "Newest write found, before the disruption": "Écriture la plus récente retrouvée, avant l'interruption",
    "Timeline": "Déroulement",
    "Counted from the {clock}. Numbers are the clocks below.": (
        "Temps compté depuis : {clock}. Les numéros renvoient aux instants ci-dessous."
    ),
    "Counted from the first step, {time} after the {clock}. Numbers are the clocks below.": (
        "Temps compté depuis la première étape, {time} après : {clock}. Les numéros renvoient aux instants ci-dessous."
    ),
    "Counted from the first step. Numbers are the clocks below.": (
        "Temps compté depuis la première étape. Les numéros renvoient aux instants ci-dessous."
    ),
    "The line of the RTO ({rto}) lies beyond the right edge, at {times} times this width.": (
        "La limite de la DMIA ({rto}) se trouve au-delà du bord droit, à {times} fois cette largeur."
    ),
    "The dashed line is the RTO ({rto}).": "La ligne en tirets est la DMIA ({rto}).",
    "No step has begun.": "Aucune étape n'a commencé.",
    "The whole run against the RTO, on one scale": "L'exécution entière face à la DMIA, sur une même échelle",
    "{actual} of the {promised} that were promised: {share}": "{actual} sur les {promised} promises : {share}",
    "{actual}, where {promised} were promised: {share}": "{actual}, pour {promised} promises : {share}",
    "The recovery time was not measured. Promised: {promised}.": (
        "La durée de reprise n'a pas été mesurée. Engagement : {promised}."
    ),
    "RTO {time}": "DMIA {time}",
    "RTA {time}": "mesuré {time}",
    "{count} attempts": "{count} tentatives",
    "{title}: {status}, from {begin} to {end}": "{title} : {status}, de {begin} à {end}",
    "{title}: {status}": "{title} : {status}",
    "an end that was not recorded": "une fin qui n'a pas été enregistrée",
    "Clocks": "Instants mesurés",
    "disruption": "interruption",
    "declaration": "déclaration",
    "nothing": "rien",
    "Beside earlier runs": "À côté des exécutions précédentes",
    "No earlier run of this kind is in the journal.": "Le journal n'a pas d'exécution antérieure de cette nature.",
    "Slower than in {run}": "Plus lent que dans {run}",
    "No step was noticeably slower.": "Aucune étape n'a été sensiblement plus lente.",
    "{step}: {after}, where it was {before}": "{step} : {after}, au lieu de {before}",
    "Trend": "Tendance",
    "{count} recovery times, from {shortest} to {longest}": "{count} durées de reprise, de {shortest} à {longest}",
    "The RTO ({rto}) lies above the picture.": "La DMIA ({rto}) se trouve au-dessus de l'image.",
    "After the one before": "Depuis l'instant précédent",
    "Budget": "Budget",
    "{budget}: kept": "{budget} : tenu",
    "{budget}: exceeded": "{budget} : dépassé",
    "It waited {time} for people. That counts in the recovery time.": (
        "L'exécution a attendu des personnes pendant {time}. Cette attente compte dans la durée de reprise."
    ),
    "waited {time}": "attente {time}",
    "the disruption": "l'interruption",
    "the declaration": "la déclaration",
    "Verifications": "Vérifications",
    "None was made.": "Aucune n'a été faite.",
    "Steps in figures": "Étapes en chiffres",
    "Steps": "Étapes",
    "Restored data and its destruction": "Données restaurées et leur destruction",
    "the target itself": "la cible elle-même",
    "not seen gone": "destruction non constatée",
    "itself: nobody came back to it": "lui-même : personne n'y est revenu",
    "Every process of the drill was killed, its directory was removed, then both were looked for again. "
    "The bytes on the disk were not overwritten.": (
        "Chaque processus de l'exercice a été tué, son répertoire supprimé, puis les deux ont été cherchés de nouveau. Les "
        "octets sur le disque n'ont pas été écrasés."
    ),
    "Data of": "Données de",
    "Where": "Où",
    "Announced": "Annoncé",
    "Destroyed": "Détruit",
    "By": "Par",
    "Left behind": "Éléments restés en place",
    "Cleanup named nothing that was left behind.": "Le nettoyage n'a signalé aucun élément resté en place.",
    "Notes": "Remarques",
    "What this does not show": "Ce que ce rapport ne démontre pas",
    "Not measured": "Non mesuré",
    "Not measured: {what}": "Non mesuré : {what}",
    "Sites": "Sites",
    "source": "source",
    "target": "cible",
    "The sites lie {distance} apart (great circle).": "Les sites sont distants de {distance} (orthodromie).",
    "The distance between the sites was not measured.": "La distance entre les sites n'a pas été mesurée.",
    "N": "N",
    "S": "S",
    "E": "E",
    "W": "O",
    "not given": "non renseigné",
    "Identity of this run": "Identité de cette exécution",
    "Identity": "Identité",
    "Run": "Exécution",
    "Runbook": "Plan de reprise",
    "Scenario": "Scénario",
    "Operator": "Opérateur",
    "Plan digest": "Empreinte du plan",
    "Proof level": "Niveau de preuve",
    "Restored recovery points": "Points de reprise restaurés",
    "Resumed": "Relances",
    "Events": "Événements",
    "Events in the journal": "Événements du journal",
    "Last journal hash": "Dernière empreinte du journal",
    "Exit code": "Code de sortie",
    "{count} times": "{count} fois",
    "Drawn by albus-dr from the run's journal alone. Times are UTC.": (
        "Établi par albus-dr à partir du seul journal de l'exécution. Les heures sont en temps universel coordonné (UTC)."
    ),
    "No.": "N°",
    "Clock": "Instant",
    "At": "Date et heure",
    "After {start}": "Depuis {start}",
    "Workload": "Composant",
    "What was asked": "Contrôle",
    "What": "Contrôle",
    "Expected": "Attendu",
    "Found": "Constaté",
    "Step": "Étape",
    "Action": "Action",
    "Site": "Site",
    "Began": "Début",
    "Duration": "Durée",
    "Attempts": "Tentatives",
    "Result": "Résultat",
    "Measured": "Mesuré",
    "Id": "Identifiant",
    "Role": "Rôle",
    "Coordinates": "Coordonnées",
    "Country": "Pays",
    "Provider": "Hébergeur",
    "Account": "Compte",
    "Certificate": "Certificat",
}

"""What `albus-dr evidence` finds in a file and what frameworks ask for, in French. Part of ``french_journal``.

The terms of a law or a standard are those of its French version.
"""

from __future__ import annotations

from albus_dr.report.french_phrases import FINDINGS

_SAID_BY_REPORTS_TOO = (
    "Recovery time (RTA)",
    "Recovery point (RPA)",
    "Client downtime",
    "Acknowledged writes",
    "Lost writes",
    "Verifications: none was made",
    "Distance between the sites",
    "A drill works on an isolated copy. It does not show that users can be moved to the other site.",
    "Nothing was disrupted: the times of a drill count from its start, as if the site had been lost at that moment.",
    "Replication makes and checks copies. It does not show that service can run on them.",
    "Of a promoted database ({names}) a change of primary looks at its role, its collations and the answers to the runbook's "
    "questions. It compares neither rows, sequences, large objects nor grants with a manifest, and reads no pages with "
    "pg_amcheck: a drill does that with a copy.",
    "No day's work was tried with the application ({names}): a drill does that with a copy, where the runbook asks for it.",
    "Steps found done ({names}) were done already when albus-dr looked: not how long they took.",
    "Steps without a seen success: {names}",
)
_LEVELS = {
    "L0": "declared",
    "L1": "checked by a probe",
    "L2": "data restored and verified",
    "L3": "the application served requests on it",
    "L4": "a real change of primary",
    "L5": "a completed return",
}
_CLOCKS = (
    "Disruption (assumed)",
    "Old primary fenced",
    "Data recovered",
    "Service verified",
    "Clients verified",
)

LIMITS = {
    **{english: FINDINGS[english] for english in _SAID_BY_REPORTS_TOO},
    "Clocks: {each}": "Instants : {each}",
    **{english.lower(): FINDINGS[english].lower() for english in _CLOCKS},
    "{workload}, not verified: {each}": "{workload}, non vérifié : {each}",
    **{
        f"Proof level {level} ({meaning}). Not shown: {{each}}.": (
            f"Niveau de preuve {level} ({FINDINGS[meaning]}). Non démontré : {{each}}."
        )
        for level, meaning in _LEVELS.items()
    },
    **{f"{level} ({meaning})": f"{level} ({FINDINGS[meaning]})" for level, meaning in _LEVELS.items()},
    "It shows what the journal says. Whoever can write the journal's database can write another history before it is signed.": (
        "Ce fichier montre ce que dit le journal. Quiconque peut écrire dans la base de données du journal peut y mettre une "
        "autre histoire avant la signature."
    ),
    "The signature shows who held the key, not when it was made: every time is that of a machine's own clock.": (
        "La signature montre qui détenait la clé, non quand elle a été apposée : chaque heure est celle de l'horloge d'une "
        "machine."
    ),
    "Under `programs` stand the versions of albus-dr, PostgreSQL, restic and HAProxy that the run met, with their hosts. Those under "
    "`tools` are of the machine that made this file, at that moment.": (
        "Sous `programs` figurent les versions d'albus-dr, de PostgreSQL, de restic et de HAProxy que l'exécution a rencontrées, "
        "avec leurs hôtes. Celles sous `tools` sont de la machine qui a établi ce fichier, à ce moment-là."
    ),
    "Texts that programs printed are left out, because they may hold personal data; the journal's hashes bind them. What a "
    "database answered and may name somebody was compared; but for the runbook's own words it is not even in the journal.": (
        "Les textes affichés par des programmes sont omis, car ils peuvent contenir des données personnelles ; les empreintes du "
        "journal les couvrent. Ce qu'une base de données a répondu et qui peut nommer une personne a été comparé ; hormis les "
        "mots du plan lui-même, cela ne figure même pas dans le journal."
    ),
    "Whether this satisfies a law, a standard or a contract is for an auditor to say.": (
        "C'est à un auditeur de dire si cela satisfait à une loi, à une norme ou à un contrat."
    ),
    "Removed data can be read from a disk until it is overwritten or its encryption key is gone.": (
        "Des données supprimées restent lisibles sur un disque tant qu'elles n'ont pas été écrasées ou que leur clé de "
        "chiffrement n'a pas disparu."
    ),
}

REFUSED = {
    "the signature is not that of the key {key} over this content": (
        "la signature n'est pas celle de la clé {key} sur ce contenu"
    ),
    "it is signed, and holds something else: {what}": "le fichier est signé, mais contient autre chose : {what}",
    "it is signed, and is not evidence of albus-dr: {why}": (
        "le fichier est signé, mais n'est pas un dossier de preuve d'albus-dr : {why}"
    ),
    "its plan is not the one of its digest": "son plan n'est pas celui de son empreinte",
    "its subject is not the run that it describes": "son sujet n'est pas l'exécution qu'il décrit",
    "it is not an envelope, or a damaged one": "le fichier n'est pas une enveloppe, ou elle est endommagée",
    "it is a damaged envelope: {why}": "l'enveloppe est endommagée : {why}",
    "it was changed outside of what is signed": "le fichier a été modifié en dehors de ce qui est signé",
    "take another copy of the file; compare the key with the one that its sender gave you": (
        "prenez une autre copie du fichier ; comparez la clé à celle que son expéditeur vous a remise"
    ),
}

ASKS = {
    # code de la santé publique
    "Who hosts health data at each site, and with which certificate": (
        "L'hébergeur des données de santé sur chaque site, et son certificat"
    ),
    "That each site stands in the European Economic Area: country and place": (
        "La localisation de chaque site dans l'Espace économique européen : pays et lieu"
    ),
    "Backup of health data (activity 6): what was restored and compared": (
        "Sauvegarde des données de santé (activité 6) : ce qui a été restauré et comparé"
    ),
    "When the restore was tried, and how it ended": "La date et l'issue de l'essai de restauration",
    "How restored health data was destroyed, and when": (
        "La façon dont les données de santé restaurées ont été détruites, et la date"
    ),
    "The activities (1 to 6) that each certificate covers, and its end date": (
        "Les activités (1 à 6) que couvre chaque certificat, et sa date de fin de validité"
    ),
    "The hosting contract: places, subcontractors, access from third countries": (
        "Le contrat d'hébergement : lieux, sous-traitants, accès depuis des pays tiers"
    ),
    # ISO 22301
    "Time frames for resuming (RTO), and what was measured": (
        "Les délais de reprise visés (DMIA, RTO), et ce qui a été mesuré"
    ),
    "The maximum tolerable period of disruption that they come from": (
        "La durée maximale tolérable de perturbation dont ils découlent"
    ),
    "The plan that was followed: steps, order, who does what": "Le plan qui a été suivi : étapes, ordre, qui fait quoi",
    "When it was exercised, and how it ended": "La date et l'issue de l'exercice",
    "The scenario that was exercised": "Le scénario de l'exercice",
    "A report on the exercise: outcomes, and where it did not go as planned": (
        "Un compte rendu de l'exercice : résultats, et écarts par rapport au plan"
    ),
    "Corrective actions that follow, with owners and dates": (
        "Les actions correctives qui en découlent, avec responsables et échéances"
    ),
    # ISO 27001
    "That security holds during a disruption: who approved and decided what": (
        "Le maintien de la sécurité pendant une perturbation : qui a approuvé et décidé quoi"
    ),
    "ICT readiness: objectives, what was measured, when it was tested": (
        "Préparation des TIC : objectifs, ce qui a été mesuré, date du test"
    ),
    "How restored information was deleted": "La façon dont les informations restaurées ont été supprimées",
    "That backups were restored and compared": "La restauration et la comparaison de sauvegardes",
    "A second site: where both stand": "Un second site : où se trouvent les deux",
    "That restored production data was protected while it was used for a test": (
        "La protection des données de production restaurées pendant leur utilisation pour un test"
    ),
    # SOC 2
    "Recovery infrastructure: sites and distance": "Infrastructure de reprise : sites et distance",
    "That the recovery plan was tested, and met its objectives": (
        "Le test du plan de reprise, et le respect de ses objectifs"
    ),
    "What was restored, and how it was checked": "Ce qui a été restauré, et comment cela a été contrôlé",
    "Disposal of restored confidential information": "L'élimination des informations confidentielles restaurées",
    "Lessons learned, and changes that follow": "Les enseignements tirés, et les changements qui en découlent",
    # DORA
    "When response and recovery plans were tested, and how it ended": (
        "La date et l'issue du test des plans de réponse et de rétablissement"
    ),
    "The scenario that was tested": "Le scénario testé",
    "Periodic tests of backup and restoration: what was restored, and how it ended": (
        "Tests périodiques de sauvegarde et de restauration : ce qui a été restauré, et l'issue"
    ),
    "That the restoring systems are apart from the source: sites and providers": (
        "La séparation des systèmes de restauration et du système source : sites et hébergeurs"
    ),
    "Recovery time and point objectives, and what was measured": (
        "Les objectifs de délai et de point de rétablissement, et ce qui a été mesuré"
    ),
    "Checks and reconciliations of recovered data": "Les vérifications et rapprochements des données rétablies",
    "The business impact analysis, and which functions are critical or important": (
        "L'analyse des incidences sur les activités, et les fonctions qui sont critiques ou importantes"
    ),
    "The register of information about third-party providers": "Le registre d'informations sur les prestataires tiers",
    # NIS 2
    "Backup management: what was restored and compared": ("Gestion des sauvegardes : ce qui a été restauré et comparé"),
    "Disaster recovery: plan, test and result": "Reprise des activités : plan, test et résultat",
    "Whether the measure is effective: objectives and what was measured": (
        "L'efficacité de la mesure : objectifs et ce qui a été mesuré"
    ),
    "Supply chain: who hosts each site": "Chaîne d'approvisionnement : qui héberge chaque site",
    "That the management body approved the measures": "L'approbation des mesures par l'organe de direction",
    # HIPAA
    "Data backup plan: retrievable exact copies, compared": (
        "Plan de sauvegarde des données : copies exactes et récupérables, comparées"
    ),
    "Disaster recovery plan: the steps that restore data": (
        "Plan de reprise après sinistre : les étapes qui restaurent les données"
    ),
    "Testing and revision: when it was tested, and how it ended": ("Test et révision : la date et l'issue du test"),
    "Criticality: objectives of applications and data": "Criticité : objectifs des applications et des données",
    "Disposal of restored health information": "L'élimination des informations de santé restaurées",
    "Emergency mode operation: how people work until service is back": (
        "Fonctionnement en mode dégradé : comment on travaille jusqu'au retour du service"
    ),
    "Business associate contracts with who hosts the sites": (
        "Les contrats de sous-traitance (« business associate ») avec les hébergeurs des sites"
    ),
    # RGPD
    "Resilience: two sites, and where they stand": "Résilience : deux sites, et où ils se trouvent",
    "Restoring access in a timely manner: objectives and what was measured": (
        "Accès rétabli dans des délais appropriés : objectifs et ce qui a été mesuré"
    ),
    "Regular testing: when, and how it ended": "Tests réguliers : date et issue",
    "That the restored copy was kept no longer than needed": (
        "La conservation de la copie restaurée pendant le temps nécessaire, et pas plus"
    ),
    "Processors, and the contracts with them": "Les sous-traitants, et les contrats passés avec eux",
    "The record of processing that this belongs to": "L'entrée correspondante du registre des activités de traitement",
    "Encryption of the copies, and who holds the keys": "Le chiffrement des copies, et qui en détient les clés",
}

EVIDENCE = {**LIMITS, **REFUSED, **ASKS}

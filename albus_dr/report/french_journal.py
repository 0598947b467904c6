"""What steps and the engine write into the journal, in French: by the English sentence.

``{…}`` stands for what the sentence was filled with; the names are those of the French side, and ``{each}`` is a list, of
which each item is told. A test reads the program's source for the sentences and fails when one of them is not here. Errors
are not, where they are no command's answer: they quote programs, and are quoted.
"""

from __future__ import annotations

from albus_dr.report.french_doctor import DOCTOR
from albus_dr.report.french_evidence import EVIDENCE
from albus_dr.report.french_guard import GUARD
from albus_dr.report.french_restored import RESTORED
from albus_dr.report.french_schedule import SCHEDULE
from albus_dr.report.french_standing import STANDING

TITLES = {
    "Prove that {site} can't write": "Prouver que {site} ne peut plus écrire",
    "Claim {site} at the witness": "Réserver {site} auprès du témoin",
    "Make {site} the primary at the witness": "Inscrire {site} comme site principal auprès du témoin",
    "Make an isolated target at {site}": "Préparer une cible isolée à {site}",
    "Remove everything that the drill made at {site}": "Supprimer tout ce que l'exercice a créé à {site}",
    "Protect {name} at {site}": "Protéger {name} à {site}",
    "{name} at {site} is ready to be protected": "{name} à {site} peut être protégé",
    "Verify {name} at {site}": "Vérifier {name} à {site}",
    "Take {name} over at {site}": "Reprendre {name} à {site}",
    "{name} is ready at {site}": "{name} est prêt à {site}",
    "Let go of {name} at {site}": "Libérer {name} à {site}",
    "{name} is there, both repositories open": "{name} est présent, les deux dépôts s'ouvrent",
    "{site} has a recovery point of {name}, and room for it": (
        "{site} a un point de reprise de {name}, et la place pour le restaurer"
    ),
    "Restore {name} into the isolated target": "Restaurer {name} dans la cible isolée",
    "Compare {name} with its manifest": "Comparer {name} à son manifeste",
    "Keep the files of {name} that {site} has alone": "Conserver les fichiers de {name} que {site} est seul à avoir",
    "{site} has room for what it has alone of {name}": "{site} a la place pour ce qu'il est seul à avoir de {name}",
    "Bring {name} at {site} nearly up to date": "Mettre presque à jour {name} à {site}",
    "Carry the last changes of {name} over to {site}": "Transporter les dernières modifications de {name} vers {site}",
    "Compare {name} at both sites": "Comparer {name} sur les deux sites",
    "Restore {name} at {site}": "Restaurer {name} à {site}",
    "Compare {name} at {site} with its manifest": "Comparer {name} à {site} à son manifeste",
    "Refresh the copy of {name} at {site}": "Rafraîchir la copie de {name} à {site}",
    "Back up {name} at {site}": "Sauvegarder {name} à {site}",
    "Copy the recovery points of {name} to {site}": "Copier les points de reprise de {name} vers {site}",
    "What {name} at {site} has; what would be lost": ("Ce que {name} à {site} possède ; ce qui serait perdu"),
    "{name} at {site} is the primary, both repositories open": (
        "{name} à {site} est le serveur principal, les deux dépôts s'ouvrent"
    ),
    "Dump {name} at {site}": "Exporter {name} à {site}",
    "{name} at {site} follows {other}": "{name} à {site} suit {other}",
    "Commits at {site} wait for {other} again": "Les validations à {site} attendent de nouveau {other}",
    "{name} at {site} follows {other} closely": "{name} à {site} suit {other} de près",
    "Stop {name} at {site} cleanly": "Arrêter proprement {name} à {site}",
    "Promote {name} at {site}": "Promouvoir {name} à {site}",
    "Ask {name} at {site} what it must know": "Demander à {name}, à {site}, ce qu'il doit savoir",
    "{name} at {site} may become the standby of {other}": "{name} à {site} peut devenir le secours de {other}",
    "Nothing writes to {name} at {site}": "Rien n'écrit dans {name} à {site}",
    "Keep what {name} at {site} has alone": "Conserver ce que {name} à {site} est seul à avoir",
    "Rebuild {name} at {site} from {other}": "Reconstruire {name} à {site} depuis {other}",
    "{name} at {site} has nearly everything": "{name} à {site} a presque tout",
    "Look at every page and index of {name}": "Examiner chaque page et chaque index de {name}",
    "Start a copy of {name} on what was restored": "Démarrer une copie de {name} sur ce qui a été restauré",
    "Ask the copy of {name}": "Interroger la copie de {name}",
    "Work a day with the copy of {name}": "Travailler une journée avec la copie de {name}",
    "Stop {name} at {site}": "Arrêter {name} à {site}",
    "{name} does not run at {site}": "{name} ne tourne pas à {site}",
    "Start {name} at {site}": "Démarrer {name} à {site}",
    "Ask {name} at {site}": "Interroger {name} à {site}",
    "The door answers": "L'accès des utilisateurs répond",
    "The door is closed to {site}": "L'accès des utilisateurs est fermé vers {site}",
    "Close the door to {site}": "Fermer l'accès des utilisateurs vers {site}",
    "Open the door to {site}": "Ouvrir l'accès des utilisateurs vers {site}",
    "Come in by the door": "Entrer par l'accès des utilisateurs",
    "Count what users saw": "Compter ce que les utilisateurs ont vu",
}

VERDICTS = {
    "everything was done and verified": "tout a été fait et vérifié",
    "recovered, verified and within the objectives": "rétabli, vérifié, et dans les objectifs",
    "{step} failed: {error}": "{step} a échoué : {error}",
    "cleanup failed: {error}": "le nettoyage a échoué : {error}",
    "something was left behind: {items}": "quelque chose est resté en place : {items}",
    "not everything was done: {steps}": "tout n'a pas été fait : {steps}",
    "the recovery time was not measured: nothing verified the service, or the clock of this machine was set back": (
        "la durée de reprise n'a pas été mesurée : rien n'a vérifié le service, ou l'horloge de cette machine a été reculée"
    ),
    "recovered after {time}; the objective is {promised}": "rétabli après {time} ; l'objectif est {promised}",
    "{name}: the age of its newest write was not measured": (
        "{name} : l'âge de l'écriture la plus récente n'a pas été mesuré"
    ),
    "{name}: the age of its newest write was not measured: it is dated {time} later than the disruption that the drill supposed. "
    "A clock is wrong, the marker finds dates that lie ahead, or the recovery point was made after the drill had begun": (
        "{name} : l'âge de l'écriture la plus récente n'a pas été mesuré : sa date est postérieure de {time} à l'interruption "
        "que supposait l'exercice. Une horloge est fausse, le marqueur trouve des dates à venir, ou le point de reprise a été "
        "fait après le début de l'exercice"
    ),
    "{name}: its newest write is {time} older than the disruption; the objective is {promised}": (
        "{name} : l'écriture la plus récente précède l'interruption de {time} ; l'objectif est {promised}"
    ),
    "the stage {stage} took {time}; its budget is {budget}; most of it: {step}, {most}": (
        "la phase « {stage} » a duré {time} ; son budget est {budget} ; pour l'essentiel : {step}, {most}"
    ),
    "the stage {stage} took {time}; its budget is {budget}": "la phase « {stage} » a duré {time} ; son budget est {budget}",
    "a {operation} lost {count} acknowledged writes": "une opération {operation} a perdu {count} écritures confirmées",
    "acknowledged writes were lost: {count}. The runbook promises synchronous replication, and nobody accepted a loss": (
        "écritures confirmées perdues : {count}. Le plan promet la réplication synchrone, et personne n'a accepté de perte"
    ),
    "something that it needs was not done": "une étape dont elle dépend n'a pas été faite",
    "the run ended before anybody answered": "l'exécution s'est terminée avant que quelqu'un ait répondu",
    "it was aborted": "abandonnée",
    "it was interrupted": "interrompue",
    "it was aborted; {reason}": "abandonnée ; {reason}",
    "it was interrupted; {reason}": "interrompue ; {reason}",
}

NOTES = {
    "the runbook has no application: the recovery time ends where the data were verified": (
        "le plan de reprise n'a pas d'application : la durée de reprise s'arrête à la vérification des données"
    ),
    "the runbook has no application and no door: the recovery time ends where the data were verified": (
        "le plan de reprise n'a ni application ni accès des utilisateurs : la durée de reprise s'arrête à la vérification "
        "des données"
    ),
    "the runbook has no door: the recovery time ends where the application was verified, not its users' way in": (
        "le plan de reprise n'a pas d'accès des utilisateurs : la durée de reprise s'arrête à la vérification de "
        "l'application, non de cet accès"
    ),
    "the time of the disruption was not given (--disrupted-at): times count from the declaration, and users waited longer": (
        "l'heure de l'interruption n'a pas été donnée (--disrupted-at) : les durées comptent depuis la déclaration, et les "
        "utilisateurs ont attendu plus longtemps"
    ),
    "the clock of the machine was set back by {time} during {step}: the recovery time is measured across that": (
        "l'horloge de la machine a été reculée de {time} pendant {step} : la durée de reprise en tient compte"
    ),
    "the clock of the machine was set back {when} by {time}: the recovery time is measured across that": (
        "l'horloge de la machine a été reculée de {time} {when} : la durée de reprise en tient compte"
    ),
    "the clock of the machine went forward {when} by {time}: it was set, or the machine slept; that time counts": (
        "l'horloge de la machine a avancé de {time} {when} : elle a été réglée, ou la machine était en veille ; ce temps compte"
    ),
    "during {step}": "pendant {step}",
    "before it was resumed": "avant la poursuite",
    "the clock of the machine went forward by {time} during {step}: it was set, or the machine slept; that time counts": (
        "l'horloge de la machine a avancé de {time} pendant {step} : elle a été réglée, ou la machine était en veille ; ce temps compte"
    ),
    "{title}: approved by {who}": "{title} : approuvé par {who}",
    "{title}: {who} decided that it is {decision} ({why})": "{title} : {who} a décidé : {decision} ({why})",
    "no reason given": "sans motif",
    "done": "fait",
    "not_done": "non fait",
    "abort asked for by {who}: {why}": "abandon demandé par {who} : {why}",
    "a {operation} begins": "début d'une opération {operation}",
    "{title}: undone: {outcome}": "{title} : annulé : {outcome}",
    "{title}: could NOT be undone: {error}": "{title} : n'a PAS pu être annulé : {error}",
    "a notification failed: {channel}: {why}": "une notification a échoué : {channel} : {why}",
    "{title}: nobody answered in time; the runbook says: go on": (
        "{title} : personne n'a répondu à temps ; le plan de reprise dit de continuer"
    ),
    "not verified: that nothing leaves the drill's target ({why}). {names} had the host's network": (
        "non vérifié : que rien ne sort de la cible de l'exercice ({why}). {names} avaient le réseau de la machine"
    ),
    "not verified: that nothing leaves the drill's target ({why}). Its own network was made and not tried": (
        "non vérifié : que rien ne sort de la cible de l'exercice ({why}). Son propre réseau a été créé, et n'a pas été mis à l'épreuve"
    ),
    "scratch.network is `host`": "scratch.network vaut `host`",
    "nothing at {host} could be reached from outside the target either": (
        "sur {host}, rien ne pouvait être atteint depuis l'extérieur de la cible non plus"
    ),
    "{host} can't make a network namespace: {why}": "{host} ne peut créer d'espace de noms réseau : {why}",
    "the recovery point {point} was chosen by chance; --seed {seed} chooses it again": (
        "le point de reprise {point} a été tiré au sort ; --seed {seed} donne le même"
    ),
    "the recovery point {point} was asked for: how much work a disaster would cost was not measured, and this "
    "is not the drill that the runbook promises": (
        "le point de reprise {point} a été demandé : ce qu'un sinistre coûterait de travail n'a pas été mesuré, et ce n'est "
        "pas l'exercice que promet le plan de reprise"
    ),
    "left alone: {directory}, of {run}: that drill may still be running": (
        "laissé en place : {directory}, de {run} : cet exercice est peut-être encore en cours"
    ),
    "could not remove what an earlier drill left: {found}": "impossible de supprimer ce qu'un exercice antérieur avait laissé : {found}",
    "removed what an earlier drill left in {directory}": "supprimé : ce qu'un exercice antérieur avait laissé dans {directory}",
    "an earlier drill that nobody came back to had removed itself: {directory}": (
        "un exercice antérieur auquel personne n'était revenu s'était supprimé lui-même : {directory}"
    ),
    "{name}: a rebuild of {data} at {site} was begun before and not finished; it begins anew, and what was there is kept in {folder}": (
        "{name} : une reconstruction de {data} à {site} avait commencé sans s'achever ; elle recommence, et ce qui s'y "
        "trouvait est conservé dans {folder}"
    ),
    "{name} at {site} ran and {role}; it was stopped": "{name} à {site} tournait et {role} ; il a été arrêté",
    "took writes": "acceptait des écritures",
    "followed nobody": "ne suivait personne",
    "{name} at {site}: {counted}; listed in {list}, the whole directory is kept in {folder}": (
        "{name} à {site} : {counted} ; la liste est dans {list}, le répertoire entier est conservé dans {folder}"
    ),
    "{count} rows written there alone{tables}": "{count} lignes écrites là seulement{tables}",
    "{count} rows written there alone{tables}, {deleted} deleted": (
        "{count} lignes écrites là seulement{tables}, {deleted} supprimées"
    ),
    "which rows were written there alone is NOT known": "on ne sait PAS quelles lignes ont été écrites là seulement",
    "{name}: an earlier rebuild did not end; a new base backup replaces what it left": (
        "{name} : une reconstruction antérieure ne s'est pas achevée ; une nouvelle sauvegarde de base remplace ce qu'elle "
        "a laissé"
    ),
    "{name}: pg_rewind could not do it ({why}); a new base backup did": (
        "{name} : pg_rewind n'a pas pu le faire ({why}) ; une nouvelle sauvegarde de base l'a fait"
    ),
    "{finding}. {who} accepted it (--accept-shrunken)": "{finding}. {who} l'a accepté (--accept-shrunken)",
    "{name}: the dump is empty: no table has a row": "{name} : l'export est vide : aucune table n'a de ligne",
    "{name}: the dump has shrunk to {size}; the last {count} had {usual}": (
        "{name} : l'export n'a plus que {size} ; les {count} derniers en avaient {usual}"
    ),
    "{name}: tables that had rows at the last recovery point are empty now or gone: {tables}": (
        "{name} : des tables qui avaient des lignes au dernier point de reprise sont vides ou ont disparu : {tables}"
    ),
    "{name}: {path} has shrunk to {count} files with {size}; at the last recovery point it had {before} with {held}": (
        "{name} : {path} n'a plus que {count} fichiers pour {size} ; au dernier point de reprise, {before} pour {held}"
    ),
    "file with name's SHA-256 {digest}": "fichier dont le nom a pour SHA-256 {digest}",
    "{name} has no marker: the age of its newest write can't be measured": (
        "{name} n'a pas de marqueur : l'âge de l'écriture la plus récente ne peut être mesuré"
    ),
    "{name}: the marker gives no time at {site}, so nobody knows how much was lost: {error}": (
        "{name} : le marqueur ne donne pas d'heure à {site}, si bien que nul ne sait ce qui est perdu : {error}"
    ),
    "{name}: the marker finds no write at {site}, so nobody knows how much was lost": (
        "{name} : le marqueur ne trouve aucune écriture à {site}, si bien que nul ne sait ce qui est perdu"
    ),
    "{name}: the newest write at {site} is {time} older than the disruption (objective {promised}); what was written in between is lost": (
        "{name} : l'écriture la plus récente à {site} précède l'interruption de {time} (objectif {promised}) ; ce qui a été "
        "écrit entre-temps est perdu"
    ),
    "{name}: the newest write at {site} is {time} younger than the disruption that was given: users were still served then, or "
    "the time is wrong; all times count from it": (
        "{name} : l'écriture la plus récente à {site} est postérieure de {time} à l'interruption indiquée : les utilisateurs "
        "étaient encore servis, ou l'heure est fausse ; toutes les durées comptent à partir d'elle"
    ),
    "{name}: its newest write is dated {time} later than the disruption. Its recovery point (RPA) is told as 0, and holds where "
    "users were still served then; not where a clock is wrong, or the marker finds dates that lie ahead": (
        "{name} : l'écriture la plus récente est datée de {time} après l'interruption. Son point de reprise (RPA) est indiqué "
        "comme 0, ce qui vaut si les utilisateurs étaient encore servis ; pas si une horloge est fausse, ou si le marqueur "
        "trouve des dates à venir"
    ),
    "{name}: {site} was the primary before, and has not followed since: what was written at the other site after {primary} "
    "became the primary (epoch {epoch}, {at}) is lost": (
        "{name} : {site} était le site principal auparavant et n'a pas suivi depuis : ce qui a été écrit sur l'autre site après "
        "que {primary} est devenu le site principal (époque {epoch}, {at}) est perdu"
    ),
    "{name}: {site} was the primary before, and has not followed since: what was written at the other site meanwhile is lost": (
        "{name} : {site} était le site principal auparavant et n'a pas suivi depuis : ce qui a été écrit entre-temps sur l'autre "
        "site est perdu"
    ),
    "{name} at {site}: its last checkpoint was at {at}, by its own clock": (
        "{name} à {site} : son dernier point de contrôle date du {at}, selon sa propre horloge"
    ),
    "{name}: {path} at {site} is left as it is: it was the primary's, and may hold files that are nowhere else; albus-dr "
    "reprotect keeps them first": (
        "{name} : {path} à {site} est laissé tel quel : il était celui du site principal et peut contenir des fichiers qui ne "
        "sont nulle part ailleurs ; albus-dr reprotect les conserve d'abord"
    ),
    "{name}: {path} at {site} is left as it is: nobody knows whether {primary} still serves ({reason})": (
        "{name} : {path} à {site} est laissé tel quel : nul ne sait si {primary} est encore en service ({reason})"
    ),
    "{name}: {path} at {site} is not there and will be made in {place}: is its disk mounted?": (
        "{name} : {path} à {site} n'existe pas et sera créé dans {place} : son disque est-il monté ?"
    ),
    "{name}: LEFT OUT in {repository}: recovery points dated in the future: {count}, the newest {point} of {at}. A clock is "
    "wrong, or somebody forged them": (
        "{name} : ÉCARTÉS dans {repository} : points de reprise datés dans le futur : {count}, le plus récent {point} du {at}. "
        "Une horloge est fausse, ou quelqu'un les a falsifiés"
    ),
    "{loss}. {who} accepted it (--accept-data-loss)": "{loss}. {who} l'a accepté (--accept-data-loss)",
    "{name} is unprotected since {at}, until {source} is back and `albus-dr reprotect` has passed: "
    "{site} has no standby, and commits wait for nobody": (
        "{name} n'est plus protégé depuis le {at}, jusqu'au retour de {source} et à la réussite de `albus-dr reprotect` : "
        "{site} n'a pas de secours, et les validations n'attendent personne"
    ),
    "{name} at {site}: {count} files ({size}) were there alone; kept in {tree}, listed in {list}": (
        "{name} à {site} : {count} fichiers ({size}) ne se trouvaient que là ; conservés dans {tree}, listés dans {list}"
    ),
    "the witness does not know yet that {site} is the primary": (
        "le témoin ne sait pas encore que {site} est le site principal"
    ),
    "without the witness: {who} stated: {statement}": "sans le témoin : {who} a déclaré : {statement}",
    "epoch {epoch}: {site} is primary, by {witness}": "époque {epoch} : {site} est le site principal, selon {witness}",
    "the directory {directory} on this machine": "le répertoire {directory} de cette machine",
    "{site} is fenced by {method}: {proof}": "{site} est neutralisé ({method}) : {proof}",
    "probe": "sonde",
    "command": "commande",
    "statement": "déclaration",
    "lease": "bail",
    "{who} stated: {statement}": "{who} a déclaré : {statement}",
    "{who} went on without the witness, by the word that {site} is off and stays off: {statement}": (
        "{who} a continué sans le témoin, sur la parole que {site} est arrêté et le reste : {statement}"
    ),
    "{command} ended with 0": "{command} s'est terminée par 0",
    "host “{host}” answered; {gone}": "l'hôte « {host} » a répondu ; {gone}",
    "hosts {hosts} answered; {gone}": "les hôtes {hosts} ont répondu ; {gone}",
    "server “{server}”: no process owns {data}, nothing listens on port {port}": (
        "serveur « {server} » : aucun processus ne possède {data}, rien n'écoute sur le port {port}"
    ),
    "no command counts what users saw: acknowledged and lost writes are not measured": (
        "aucune commande ne compte ce que les utilisateurs ont vu : écritures confirmées et perdues ne sont pas mesurées"
    ),
    "the witness is not believed: {why}": "le témoin n'est pas cru : {why}",
    "the witness does not answer: {why}": "le témoin ne répond pas : {why}",
    "{run} made {site} the primary and was not seen to promote it: this run does it again": (
        "{run} a fait de {site} le site principal sans qu'on l'ait vu le promouvoir : cette exécution le refait"
    ),
}

VERIFICATIONS = {
    "recovery point at the other site": "point de reprise sur l'autre site",
    "network of what was restored": "réseau de ce qui a été restauré",
    "loopback alone": "boucle locale seule",
    "number of files": "nombre de fichiers",
    "SHA-256 of {count} files": "SHA-256 de {count} fichiers",
    "SHA-256 of {count} kept files": "SHA-256 de {count} fichiers conservés",
    "content of files that changed while they were backed up": "contenu des fichiers modifiés pendant leur sauvegarde",
    "their SHA-256 is not known": "leur SHA-256 n'est pas connu",
    "symbolic links": "liens symboliques",
    "{count} equal": "{count} identiques",
    "{count} differ, the first: {name}": "{count} différents, le premier : {name}",
    "the manifest": "le manifeste",
    "older than this comparison": "plus ancien que cette comparaison",
    "no recovery point has an answer to compare with": "aucun point de reprise ne contient de réponse à laquelle comparer",
    "role at {site}": "rôle à {site}",
    "primary": "principal",
    "standby": "secours",
    "rows and checksum of {table}": "lignes et somme de contrôle de {table}",
    "{count} rows, checksum {checksum}": "{count} lignes, somme {checksum}",
    "no such table": "table absente",
    "no single value: PostgreSQL refused the question, or gave none or several": (
        "pas de valeur unique : PostgreSQL a refusé la question, ou n'en a donné aucune, ou plusieurs"
    ),
    "system identifier of the kept copy": "identifiant système de la copie conservée",
    "system identifier at {site}": "identifiant système à {site}",
    "status {each}": "statut {each}",
    "contains {text}": "contient {text}",
    "gives {expression}": "donne {expression}",
    "status {status} (redirects are not followed)": "statut {status} (les redirections ne sont pas suivies)",
    "the body does not contain {text}": "la réponse ne contient pas {text}",
    "the expression can't be applied: {error}": "l'expression ne peut être appliquée : {error}",
    "the body is nested too deeply": "le corps de la réponse a trop de niveaux imbriqués",
    "{expression} is null": "{expression} : nul",
    "{expression} is not true": "{expression} : pas vrai",
    "the body is not JSON": "le corps de la réponse n'est pas du JSON",
    "process {pid}": "processus {pid}",
    "shared memory segment {segment}": "segment de mémoire partagée {segment}",
}

COMPLIANCE = {
    "no drill has passed yet": "aucun exercice n'a encore réussi",
    "{damage}, so nobody can tell what that drill proved": "{damage} : nul ne peut dire ce que cet exercice a prouvé",
    "the journal of {run} was changed at event {number} ({kind})": (
        "le journal de {run} a été modifié à l'événement {number} ({kind})"
    ),
    "the plan has changed since the last drill ({run}): what it proved no longer holds": (
        "le plan a changé depuis le dernier exercice ({run}) : ce qu'il prouvait ne vaut plus"
    ),
    "the sites have changed places since the last drill ({run}): none has shown yet that {site} can recover": (
        "les sites ont échangé leurs rôles depuis le dernier exercice ({run}) : aucun n'a encore montré que {site} peut "
        "assurer la reprise"
    ),
    "the last drill failed ({run}): {reason}": "le dernier exercice a échoué ({run}) : {reason}",
    "the last drill ({run}) is older than {every}, the period": (
        "le dernier exercice ({run}) remonte à plus de {every}, la période"
    ),
    "the last drill ({run}) is older than {every}, the period; {later} ended later, and proved nothing": (
        "le dernier exercice ({run}) remonte à plus de {every}, la période ; {later}, terminé depuis, n'a rien prouvé"
    ),
    "the last drill missed an objective ({run}): {reason}": (
        "le dernier exercice n'a pas tenu un objectif ({run}) : {reason}"
    ),
    "{run} passed": "{run} a réussi",
    "its recovery time was {time}; {promised} is promised today": (
        "sa durée de reprise était {time} ; {promised} est promis aujourd'hui"
    ),
    "{name}: the age of its newest write was {age}; {promised} is promised today": (
        "{name} : l'âge de l'écriture la plus récente était {age} ; {promised} est promis aujourd'hui"
    ),
    "its stage {stage} took {time}; {budget} is its budget today": (
        "sa phase « {stage} » a duré {time} ; son budget est aujourd'hui {budget}"
    ),
    "not measured": "non mesuré",
}

WORDS = {
    "replicate": "réplication",
    "drill": "exercice de reprise",
    "switchover": "bascule planifiée",
    "failover": "bascule d'urgence",
    "failback": "retour au site d'origine",
    "reprotect": "remise sous protection",
    "disruption": "interruption",
    "detected": "détection",
    "declared": "déclaration",
    "started": "début de l'exécution",
    "approved": "approbation",
    "fenced": "neutralisation",
    "data_recovered": "données rétablies",
    "service_verified": "service vérifié",
    "clients_verified": "accès des utilisateurs vérifié",
    "ended": "fin",
    "disrupted": "interruption",
    "disrupted (assumed)": "interruption (supposée)",
    "declaration": "déclaration",
}

JOURNAL = {
    **WORDS, **COMPLIANCE, **STANDING, **DOCTOR, **SCHEDULE, **GUARD, **EVIDENCE, **NOTES, **VERDICTS, **VERIFICATIONS, **RESTORED, **TITLES
}  # fmt: skip

"""What the screens and the closing lines say, in French: by the English sentence."""

from __future__ import annotations

TERMINAL = {
    "{operation} of {runbook}": "{operation} – {runbook}",
    "{operation} of {runbook}: {source} -> {target}": "{operation} – {runbook} : {source} -> {target}",
    "{operation} of {runbook}, {source} -> {target}: run {run}, {count} steps, RTO {rto}": (
        "{operation} – {runbook}, {source} -> {target} : exécution {run}, {count} étapes, DMIA {rto}"
    ),
    "started": "début",
    "resumed": "relance",
    "{step}: begins: {title}": "{step} : commence : {title}",
    "{step}: attempt {attempt}": "{step} : tentative {attempt}",
    "{step}: attempt {attempt} failed and is tried again: {error}": (
        "{step} : la tentative {attempt} a échoué et sera refaite : {error}"
    ),
    "{step}: done in {time}{more}": "{step} : faite en {time}{more}",
    "{step}: found done": "{step} : déjà faite",
    "{step}: FAILED after {time}: {error}": "{step} : ÉCHEC après {time} : {error}",
    "  what to do: {hint}": "  à faire : {hint}",
    "{step}: skipped: {reason}": "{step} : omise : {reason}",
    "{step}: UNKNOWN whether it was done: {reason}": "{step} : ISSUE INCONNUE : {reason}",
    "{step}: {who} decided: {decision}": "{step} : {who} a décidé : {decision}",
    "{step}: waits for an approval until {expires}. In another terminal: albus-dr approve {run} {step}": (
        "{step} : attend une approbation jusqu'à {expires}. Dans un autre terminal : albus-dr approve {run} {step}"
    ),
    "{step}: approved by {who}": "{step} : approuvée par {who}",
    "abort asked for by {who}: {why}": "abandon demandé par {who} : {why}",
    "clock: {clock}": "instant : {clock}",
    "{step}: {verdict}: {kind}: expected {expected}, found {actual}": (
        "{step} : {verdict} : {kind} : attendu {expected}, constaté {actual}"
    ),
    "ended: {verdict} (exit code {code}){reason}": "fin : {verdict} (code de sortie {code}){reason}",
    ": {reason}": " : {reason}",
    "{step}: still running after {time}{more}": "{step} : toujours en cours après {time}{more}",
    "{done} of {total}": "{done} sur {total}",
    "RTO {rto}: {time} left": "DMIA {rto} : il reste {time}",
    "RTO {rto}: missed by {time}": "DMIA {rto} : dépassée de {time}",
    "{time} since the disruption": "{time} depuis l'interruption",
    "{time} since the declaration": "{time} depuis la déclaration",
    "{time} since it was ordered": "{time} depuis l'ordre",
    "{count} earlier, {done} of them done": "{count} précédentes, dont {done} faites",
    "{count} more": "{count} de plus",
    "Waits for you. In another terminal, type:": "On vous attend. Dans un autre terminal, tapez :",
    "waiting for the first event": "en attente du premier événement",
    "somebody": "quelqu'un",
    "of {promised} promised, {margin} left": "sur {promised} promises, reste {margin}",
    "{promised} were promised, missed by {margin}": "{promised} promises, dépassement {margin}",
    "of {promised} promised; a workload's own objective was missed": (
        "sur {promised} promises ; l'objectif propre d'un composant n'est pas tenu"
    ),
    "{promised} were promised": "{promised} promises",
    "Proof level {level}": "Niveau de preuve {level}",
    "Not verified of {workload}: {kinds}": "Non vérifié pour {workload} : {kinds}",
    "of {count} acknowledged": "sur {count} confirmées",
    "Left behind:": "Resté en place :",
    "the same reason": "même raison",
    "what to do: {hint}": "à faire : {hint}",
    "Report": "Rapport",
    "albus-dr report {run} --format html": "albus-dr report {run} --format html",
    "Next": "Ensuite",
    "RTO: {found}, {promised} promised": "DMIA : {found}, promesse : {promised}",
    "RPO: {found}, {promised} promised": "PDMA : {found}, promesse : {promised}",
    "Failed: {step}: {kind}": "Échec : {step} : {kind}",
    "Not known whether it was done: {step}": "Issue inconnue : {step}",
    "Verification failed: {workload}: {kind}": "Vérification en échec : {workload} : {kind}",
    "Objective missed: {reason}": "Objectif non tenu : {reason}",
    "Why: {reason}": "Cause : {reason}",
    "Over budget: {said}": "Budget dépassé : {said}",
    "Left behind at {site}: {what}": "Resté en place à {site} : {what}",
    "Left behind at {site}, host {host}: {what}": "Resté en place à {site}, hôte {host} : {what}",
    "exit code {code}": "code de sortie {code}",
    "an error in albus-dr itself (exit code 1)": "une erreur d'albus-dr lui-même (code de sortie 1)",
    "wrong usage, or an invalid runbook or config (exit code 2)": (
        "mauvais usage, ou plan de reprise ou configuration invalide (code de sortie 2)"
    ),
    "not ready (exit code 3)": "pas prêt (code de sortie 3)",
    "the data failed verification (exit code 5)": "les données n'ont pas passé la vérification (code de sortie 5)",
    "something was left behind (exit code 7)": "des éléments sont restés en place (code de sortie 7)",
    "refused for safety (exit code 8)": "refus, par sécurité (code de sortie 8)",
    "interrupted (exit code 130)": "interruption demandée (code de sortie 130)",
    "Steps:": "Étapes :",
    "{step}: {status}, {time}": "{step} : {status}, {time}",
    "{step}: {status}": "{step} : {status}",
    "… {count} lines are left out …": "… {count} lignes omises …",
    "{operation} of {runbook} broke off: {error}, {kind}. What it printed on {machine} says why.": (
        "{operation} – {runbook} : arrêt sur une erreur : {error}, {kind}. Ce qui a été affiché sur {machine} dit pourquoi."
    ),
    "{operation} of {runbook} could not begin: {error}, {kind}. What it printed on {machine} says why.": (
        "{operation} – {runbook} : impossible de commencer : {error}, {kind}. Ce qui a été affiché sur {machine} dit pourquoi."
    ),
    "before": "avant",
    "after": "après",
    "change": "écart",
    "Margin to the RTO of {rto}": "Marge face à la DMIA de {rto}",
    "Stages, each until": "Phases, chacune jusqu'à",
    "Slower, the most first": "Ralentissements, du plus fort au plus faible",
    "tool": "outil",
    "found": "trouvé",
    "at least": "au moins",
    "needed for": "nécessaire pour",
    "ok": "ok",
    "MISSING": "MANQUE",
    "absent": "absent",
    "{tool}: {problem}. Needed for: {needed_for}.": "{tool} : {problem}. Nécessaire pour : {needed_for}.",
    "{tool}: {problem} ({path}). Needed for: {needed_for}.": "{tool} : {problem} ({path}). Nécessaire pour : {needed_for}.",
    "stopping: {reason}": "arrêt : {reason}",
    "replication did not stop in time; going on without waiting for it": (
        "la réplication ne s'est pas arrêtée à temps ; poursuite sans l'attendre"
    ),
    "stopping: children are ended, a drill cleans up; press Ctrl-C again to leave at once": (
        "arrêt en cours : les programmes lancés sont arrêtés, un exercice nettoie ce qu'il a créé ; Ctrl-C de nouveau pour quitter "
        "immédiatement"
    ),
    "the claim of {run} may still be at the witness, and then no guard starts a primary: {why}\n"
    "  what to do: albus-dr abort {run} gives it back when the witness answers; the next switchover or failover replaces it": (
        "la réservation de {run} est peut-être encore auprès du témoin ; aucun gardien ne démarre alors de serveur principal : {why}\n"
        "  à faire : albus-dr abort {run} la rend dès que le témoin répond ; la bascule suivante, planifiée ou d'urgence, la remplace"
    ),
    "{step} of {run} is approved by {who}": "{step} de {run} : approbation donnée par {who}",
    "Nobody works on {run} any more: its process has ended, or was killed.": (
        "Plus aucun processus ne travaille à {run} : le sien s'est terminé, ou a été tué."
    ),
    "{run} was given up already; its claim was still at the witness, and is given back now": (
        "{run} a déjà été abandonnée ; sa réservation était encore auprès du témoin, elle est rendue maintenant"
    ),
    "{run} goes on elsewhere; it was told to stop: {why}": (
        "{run} se poursuit ailleurs ; l'arrêt lui a été demandé : {why}"
    ),
    "there are {count} older recovery points: each is drilled": (
        "il y a {count} points de reprise plus anciens : un exercice pour chacun"
    ),
    "{passed} of {count} older recovery points passed (--seed {seed} chooses the same ones)": (
        "points de reprise plus anciens réussis : {passed} sur {count} (--seed {seed} tire les mêmes)"
    ),
    "{door} is open to {primary} alone: {why}": "{door} n'est ouvert que vers {primary} : {why}",
    "waiting": "en attente",
    "not ended": "non terminé",
    "There are no runs in {place}.": "Aucune exécution dans {place}.",
    "There are no runs of {runbook} in {place}.": "Aucune exécution de {runbook} dans {place}.",
    "ALBUS_DR_STATE names the state directory to look in. Every operation makes a run: albus-dr drill RUNBOOK": (
        "ALBUS_DR_STATE désigne le répertoire d'état où chercher. Toute opération crée une exécution : albus-dr drill RUNBOOK"
    ),
    "--engine names the database to look in. Every operation makes a run: albus-dr drill RUNBOOK": (
        "--engine désigne la base de données où chercher. Toute opération crée une exécution : albus-dr drill RUNBOOK"
    ),
    "A demo keeps its runs apart; the last one's: {command}": (
        "Une démonstration garde ses exécutions à part ; celles de la dernière : {command}"
    ),
    "{runbook}: {primary} serves, {other} is the other site, {at}": (
        "{runbook} : {primary} assure le service, {other} est l'autre site (état au {at})"
    ),
    "not looked at": "non examiné",
    "recovery point not known": "point de reprise inconnu",
    "newest recovery point {age} old": "dernier point de reprise il y a {age}",
    "newest recovery point {age} old (at most {limit})": "dernier point de reprise il y a {age} ({limit} au plus)",
    "synchronous: {writers}": "synchrone : {writers}",
    "asynchronous: {writers}": "asynchrone : {writers}",
    "{received} behind, {replayed} to be replayed": "{received} de retard, {replayed} à rejouer",
    "each commit waited {time} for it lately": "chaque validation l'a attendu {time} ces derniers temps",
    "last drill": "dernier exercice",
    "{verdict}, ended {at}": "{verdict}, terminé le {at}",
    "; the next must pass by {at}": " ; le prochain doit réussir avant le {at}",
    "none": "aucun",
    "recovery time": "durée de reprise",
    "{time} of {rto}, {left} left ({run})": "{time} sur {rto}, reste {left} ({run})",
    "not measured yet": "pas encore mesurée",
    "last runs": "dernières exécutions",
    "All is as it should be.": "Tout est en ordre.",
    "Not as it should be:": "Ce qui n'est pas en ordre :",
    "Ctrl-C ends this": "Ctrl-C pour quitter",
    "witness": "témoin",
    "primary": "site principal",
    "nothing is written here before the first change of primary": (
        "rien n'y est inscrit avant le premier changement de site principal"
    ),
    "{primary}, epoch {epoch}, since {at} by {who}": "{primary}, époque {epoch}, depuis le {at}, par {who}",
    "{primary}, epoch {epoch}, written {at} by {who}": "{primary}, époque {epoch}, inscrit le {at} par {who}",
    "NOT FINISHED: {run} was not seen to promote it": "NON TERMINÉ : la promotion par {run} n'a pas été constatée",
    "claim": "réservation",
    "{target}, by {run}: nothing starts as a primary": "{target}, par {run} : rien ne démarre comme serveur principal",
    "run": "exécution",
    "{purpose} by {who} ({run}); its lease lapses in {left} unless it is renewed": (
        "{purpose}, par {who} ({run}) ; son bail expire dans {left} s'il n'est pas renouvelé"
    ),
    "{purpose} by {who} ({run}); its lease has lapsed: the run has ended, or can't be heard, and another may begin": (
        "{purpose}, par {who} ({run}) ; son bail a expiré : l'exécution est terminée ou ne donne plus signe de vie, et une "
        "autre peut commencer"
    ),
    "guard": "gardien",
    "{holder} at {site} keeps a lease, which lapses in {left} unless it is renewed": (
        "{holder} à {site} détient un bail, qui expire dans {left} s'il n'est pas renouvelé"
    ),
    "{holder} at {site} kept a lease, which has lapsed: its guard has ended the server or is gone; where {site} is to "
    "serve, look at its guard": (
        "{holder} à {site} détenait un bail, qui a expiré : son gardien a arrêté le serveur ou a disparu ; si {site} doit "
        "assurer le service, vérifiez son gardien"
    ),
    "{site}: a server may still be started as the primary, for {left} (asked for by {holder})": (
        "{site} : un serveur peut encore y être démarré comme principal pendant {left} (demande faite par {holder})"
    ),
    "{site}: no lease is kept there, and the time to start a server (asked for by {holder}) is over. Nothing to do: "
    "a guard asks again before it starts one": (
        "{site} : aucun bail n'y est détenu, et le délai pour y démarrer un serveur (demande faite par {holder}) est écoulé. "
        "Rien à faire : un gardien redemande avant tout démarrage"
    ),
    "the witness of {runbook} will say that {primary} is the primary, and {other} is not. Go on?": (
        "le témoin de {runbook} dira que {primary} est le site principal, et que {other} ne l'est pas. Continuer ?"
    ),
    "switchover of {runbook}: {target} becomes the primary in place of {source}, in {count} steps.": (
        "bascule planifiée de {runbook} : {target} devient le site principal à la place de {source}, en {count} étapes."
    ),
    "failover of {runbook}: {target} becomes the primary in place of {source}, in {count} steps.": (
        "bascule d'urgence de {runbook} : {target} devient le site principal à la place de {source}, en {count} étapes."
    ),
    "reprotect of {runbook}: {target} is rebuilt as the standby of {source}, in {count} steps; what it has alone is kept aside.": (
        "remise sous protection de {runbook} : {target} est reconstruit comme secours de {source}, en {count} étapes ; ce qu'il est seul à "
        "avoir est mis de côté."
    ),
    "failback of {runbook}: {target} is rebuilt as the standby of {source}, and what it has alone is kept aside; then "
    "{target} becomes the primary in place of {source}, in {count} steps.": (
        "retour au site d'origine de {runbook} : {target} est reconstruit comme secours de {source}, et ce qu'il est seul à avoir "
        "est mis de côté ; "
        "puis {target} devient le site principal à la place de {source}, en {count} étapes."
    ),
    "First it measures what {target} has, and stops, with nothing changed, where more than {rpo} of work would be lost.": (
        "D'abord, ce que {target} possède est mesuré ; si plus de {rpo} de travail devait être perdu, tout s'arrête là, rien n'ayant "
        "été modifié."
    ),
    "What was written and never reached {target} is lost, however much that is: --accept-data-loss.": (
        "Ce qui a été écrit et n'est jamais parvenu à {target} est perdu, quelle qu'en soit l'ampleur : --accept-data-loss."
    ),
    "Nothing is promoted before one of these proves that {source} can't write: {methods}.": (
        "Rien n'est promu avant que l'un de ces moyens n'ait prouvé que {source} ne peut plus écrire : {methods}."
    ),
    "The config names no way to prove that {source} can't write, so it will be refused: see `fence` there.": (
        "La configuration ne donne aucun moyen de prouver que {source} ne peut plus écrire ; ce sera donc refusé : voir `fence`."
    ),
    "First it looks whether both sites are ready; users wait while the door of {source} is closed.": (
        "D'abord, on vérifie que les deux sites sont prêts ; les utilisateurs attendent tant que la porte de {source} est fermée."
    ),
    "Go on?": "Continuer ?",
    "after {steps}": "après {steps}",
    "* the critical path: {forecast}, as its steps took in the last runs; the objective is {promised}": (
        "* chemin critique : {forecast}, selon la durée de ses étapes aux dernières exécutions ; l'objectif est {promised}"
    ),
    "* the critical path: {forecast}; {count} of its {all} steps as they took in the last runs, the others guessed; the "
    "objective is {promised}": (
        "* chemin critique : {forecast} ; {count} de ses {all} étapes selon les dernières exécutions, les autres supposées ; "
        "l'objectif est {promised}"
    ),
    "* the critical path: about {forecast}, guessed without regard to the size of the data: no run has timed these steps "
    "yet; the objective is {promised}": (
        "* chemin critique : environ {forecast}, une supposition qui ignore le volume des données : aucune exécution n'a encore "
        "mesuré ces étapes ; l'objectif est {promised}"
    ),
    "{runbook}: a drill is due at once: {reason}": "{runbook} : un exercice est dû immédiatement : {reason}",
    "{runbook}: a drill is due since {due}: {reason}": "{runbook} : un exercice est dû depuis le {due} : {reason}",
    "{runbook}: {reason}; the next drill is due by {due}": (
        "{runbook} : {reason} ; le prochain exercice est dû pour le {due}"
    ),
    "{directory}: {files}": "{directory} : {files}",
    "Next: put in your sites and names, then  {command}": "À faire : mettez-y vos sites et vos noms, puis  {command}",
    "{path} is valid: {count} workloads, {primary} -> {secondary} {km} km apart": (
        "{path} est valide : {count} composants, {primary} -> {secondary}, distants de {km} km"
    ),
    "{path} is valid: 1 workload, {primary} -> {secondary} {km} km apart": (
        "{path} est valide : 1 composant, {primary} -> {secondary}, distants de {km} km"
    ),
    "note: {count} environment variables that {file} uses are not set here, from line {line} on; commands that act need them": (
        "remarque : {count} variables d'environnement que {file} utilise, à partir de la ligne {line}, ne sont pas définies "
        "ici ; les commandes qui agissent en ont besoin"
    ),
    "note: 1 environment variable that {file} uses is not set here, on line {line}; commands that act need it": (
        "remarque : une variable d'environnement que {file} utilise à la ligne {line} n'est pas définie ici ; les commandes "
        "qui agissent en ont besoin"
    ),
    "note: {file} names no witness: who is the primary is known in one state directory alone, that of the runs. Name one at a "
    "third place before a door, a guard or a second operator works elsewhere: docs/how-to/set-up-a-witness.md": (
        "remarque : {file} ne désigne aucun témoin : un seul répertoire d'état, celui des exécutions, sait quel site est le "
        "principal. Désignez-en un à un troisième endroit avant qu'une porte, un gardien ou un second opérateur ne travaille "
        "ailleurs : docs/how-to/set-up-a-witness.md"
    ),
    "note: a failover from {site} would be refused, whatever anybody states: nothing can prove that it can't write. Under "
    "sites.{site} ({file}, line {line}) add  {fence}": (
        "remarque : une bascule d'urgence depuis {site} serait refusée, quoi que l'on déclare : rien ne peut prouver que ce site "
        "ne peut plus écrire. Sous sites.{site} ({file}, ligne {line}), ajoutez  {fence}"
    ),
    "note: the door {door} is at {site}'s own host {host} ({file}, line {line}): with {site} lost, a failover can't begin. Put "
    "it at a third place": (
        "remarque : la porte {door} est sur la machine {host} de {site} ({file}, ligne {line}) : si {site} est perdu, aucune "
        "bascule d'urgence ne peut commencer. Placez-la en un troisième lieu"
    ),
    "note: {workload} has no marker ({file}, line {line}): no failover can tell how old its newest write is, so none refuses "
    "to lose more than the RPO. Add  {marker}": (
        "remarque : {workload} n'a pas de « marker » ({file}, ligne {line}) : aucune bascule d'urgence ne peut savoir de quand date "
        "sa dernière écriture, ni donc refuser de perdre plus que le RPO. Ajoutez  {marker}"
    ),
    "note: albus-dr asks {service} at {site} from this machine, where {url} ({file}, line {line}) is this machine itself. Give "
    "the address by which it is reached from here": (
        "remarque : albus-dr interroge {service} à {site} depuis cette machine, où {url} ({file}, ligne {line}) désigne cette "
        "machine elle-même. Donnez l'adresse par laquelle on l'atteint d'ici"
    ),
    "note: a drill starts a copy of {service} at {site} without telling it where the restored {need} is ({file}, line {line}): "
    "which one it works on, nobody sees. Put {placeholder} into its command or environment": (
        "remarque : un exercice démarre une copie de {service} à {site} sans lui dire où se trouve {need} restauré ({file}, ligne "
        "{line}) : personne ne voit sur quoi elle travaille. Mettez {placeholder} dans sa commande ou son environnement"
    ),
    "note: the repository {repository} of {site} is the directory {path} ({file}, line {line}), and {other} copies from it on "
    "another machine. Use one of {kinds}, or mount it at both under this name": (
        "remarque : le dépôt {repository} de {site} est le répertoire {path} ({file}, ligne {line}), et {other} en copie sur une "
        "autre machine. Utilisez l'un de {kinds}, ou montez-le aux deux sites sous ce nom"
    ),
    "{runbook}, with {scheduler}": "{runbook}, avec {scheduler}",
    "{operation}: {rhythm} ({reason}): {condition}": "{operation} : {rhythm} ({reason}) – {condition}",
    "installed": "en place",
    "note: whether {scheduler} starts the same could not be seen: {why}": (
        "remarque : impossible de voir si {scheduler} lance la même chose : {why}"
    ),
    "installed, but not like this: run schedule install": (
        "en place, mais pas sous cette forme : lancez albus-dr schedule install"
    ),
    "not installed": "pas en place",
    "next": "prochain",
    "where": "où",
    "text": "texte",
    "{runbook}: everything is in place already ({scheduler})": "{runbook} : tout est déjà en place ({scheduler})",
    "{runbook}: nothing is installed": "{runbook} : rien n'est en place",
    "What the config takes from the environment must stand in {file}, mode 0600.": (
        "Ce que la configuration prend dans l'environnement doit figurer dans {file}, en mode 0600."
    ),
    "cron makes up for what a machine that was off has missed, not for a sleep; `albus-dr compliance` tells.": (
        "cron rattrape au démarrage ce qui a été manqué pendant un arrêt de la machine, mais pas pendant sa veille ; "
        "`albus-dr compliance` le signale."
    ),
    "Your own units run while you are logged in; `loginctl enable-linger` lets them run always.": (
        "Vos propres unités ne tournent que pendant que vous êtes connecté ; `loginctl enable-linger` les fait tourner en "
        "permanence."
    ),
    "private key": "clé privée",
    "{path} (mode 0600; keep a copy where a fire at both sites can't reach)": (
        "{path} (mode 0600 ; gardez-en une copie là où un incendie des deux sites ne l'atteindrait pas)"
    ),
    "public key": "clé publique",
    "{path} (give it to your auditor, by a way of its own)": "{path} (à remettre à votre auditeur, par un canal à part)",
    "key id": "identifiant",
    "{file}: evidence of {run}, signed by {key}": "{file} : dossier de preuve de {run}, signé par la clé {key}",
    "  {profile}: {recorded} recorded, {missing} missing": "  {profile} – renseignés : {recorded}, manquants : {missing}",
    "    missing: {asks}": "    manque : {asks}",
    "{file}: every byte is as it was signed by {key}": "{file} : chaque octet est tel que la clé {key} l'a signé",
    "  {operation} of {runbook}, {verdict} ({level}): {run}": "  {operation} – {runbook}, {verdict} ({level}) : {run}",
    "  made {at} by albus-dr {version}; journal {head}": "  établi le {at} par albus-dr {version} ; journal {head}",
    "It does not show:": "Ce qu'il ne démontre pas :",
    "albus-dr approve {run} {step}": "albus-dr approve {run} {step}",
    "albus-dr resume {run} --decide {step}=done (or =not_done)": (
        "albus-dr resume {run} --decide {step}=done (ou =not_done)"
    ),
    "albus-dr resume {run}": "albus-dr resume {run}",
    "albus-dr resume {run} (or, while its process lives: albus-dr runs watch {run})": (
        "albus-dr resume {run} (ou, tant que son processus vit : albus-dr runs watch {run})"
    ),
}

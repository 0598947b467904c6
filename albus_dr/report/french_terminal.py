"""What the screens and the closing lines say, in French: by the English sentence."""

from __future__ import annotations

TERMINAL = {
    "{operation} of {runbook}": "{operation} – {runbook}",
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
    "{step}: still running after {time}{more}": "{step} : toujours en cours après {time}{more}",
    "RTO {rto}: {time} left": "DMIA {rto} : il reste {time}",
    "RTO {rto}: missed by {time}": "DMIA {rto} : dépassée de {time}",
    "{time} since the {clock}": "{time} depuis : {clock}",
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
    "what to do: {hint}": "à faire : {hint}",
    "Report": "Rapport",
    "albus-dr report {run} --format html": "albus-dr report {run} --format html",
    "Next": "Ensuite",
    "before": "avant",
    "after": "après",
    "change": "écart",
    "Margin to the RTO of {rto}": "Marge face à la DMIA de {rto}",
    "Stages, each until": "Phases, chacune jusqu'à",
    "Slower, the most first": "Plus lent, le plus d'abord",
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
    "albus-dr approve {run} {step}": "albus-dr approve {run} {step}",
    "albus-dr resume {run} --decide {step}=done (or =not_done)": (
        "albus-dr resume {run} --decide {step}=done (ou =not_done)"
    ),
    "albus-dr resume {run}": "albus-dr resume {run}",
    "albus-dr resume {run} (or, while its process lives: albus-dr runs watch {run})": (
        "albus-dr resume {run} (ou, tant que son processus vit : albus-dr runs watch {run})"
    ),
}

"""What `albus-dr doctor` says of tools, in French: by the English sentence."""

from __future__ import annotations

DOCTOR = {
    "albus-dr itself": "albus-dr lui-même",
    "the demo": "la démonstration",
    "telling people how runs end": "annoncer comment les exécutions se terminent",
    "telling an OpenTelemetry collector of runs": "transmettre les exécutions à un collecteur OpenTelemetry",
    "recovery points: backup, copy, restore": "points de reprise : sauvegarde, copie, restauration",
    "PostgreSQL workloads: dumps, standbys, restored servers": (
        "composants PostgreSQL : exports, secours, serveurs restaurés"
    ),
    "hosts that are not this machine": "les hôtes autres que cette machine",
    "programs end when albus-dr does; steps as another user": (
        "arrêt des programmes en même temps qu'albus-dr ; étapes sous un autre utilisateur"
    ),
    "copying between S3 sites with different keys; the demo": (
        "copie entre sites S3 aux clés différentes ; la démonstration"
    ),
    "the demo's front door": "l'accès des utilisateurs de la démonstration",
    "a drill's network that nothing leaves; the demo's scenario 43-seconds": (
        "le réseau d'un exercice, dont rien ne sort ; le scénario 43-seconds de la démonstration"
    ),
    "asking what a drill restored into a network that nothing leaves": (
        "interroger ce qu'un exercice a restauré dans un réseau dont rien ne sort"
    ),
    "the demo's scenario 43-seconds": "le scénario 43-seconds de la démonstration",
    "not found": "introuvable",
    "{version} is too old": "{version} est trop ancien",
    "{names} not found beside it": "{names} introuvables à côté",
    "does not run: {error}": "ne s'exécute pas : {error}",
    "does not run: it ended with {code}": "ne s'exécute pas : code de sortie {code}",
    "does not say its version": "ne donne pas sa version",
    "apt-get install restic on Debian 13 or newer. Debian 12's is too old; in a checkout of albus-dr, `make install-demo` "
    "unpacks Debian 13's into .tools": (
        "apt-get install restic sur Debian 13 ou plus récent. Celui de Debian 12 est trop ancien ; dans une copie des sources "
        "d'albus-dr, `make install-demo` dépose celui de Debian 13 dans .tools"
    ),
    "pip install '.[demo]' in the checkout brings it; or apt-get install rclone on Debian 14 or newer": (
        "pip install '.[demo]' dans la copie des sources l'apporte ; ou apt-get install rclone sur Debian 14 ou plus récent"
    ),
    "apt-get install openssh-server, which also starts one for the whole machine": (
        "apt-get install openssh-server, qui démarre aussi un serveur pour toute la machine"
    ),
    "pip install . in the checkout": "pip install . dans la copie des sources",
    "pip install '.[{extra}]' in the checkout": "pip install '.[{extra}]' dans la copie des sources",
    "part of the system": "fait partie du système",
    "not to be had": "n'existe pas pour ce système",
}

"""What the demo says between the verbs that it calls, in French: by the English sentence."""

from __future__ import annotations

DEMO = {
    "{name}: {tells}": "{name} : {tells}",
    "starting two sites in {place}: PostgreSQL, S3, documents, the application, the door, and traffic": (
        "démarrage de deux sites dans {place} : PostgreSQL, S3, documents, application, accès des utilisateurs et trafic"
    ),
    "{site} has power again; its PostgreSQL starts as the primary that it was": (
        "{site} a de nouveau du courant ; son PostgreSQL redémarre comme le serveur principal qu'il était"
    ),
    "{site} burns: the line fails; a second later every process is killed, every directory deleted": (
        "{site} brûle : la liaison tombe ; une seconde plus tard, tous les processus sont tués et tous les répertoires supprimés"
    ),
    "{site} loses its power: the line fails; a second later every process is killed": (
        "{site} n'a plus de courant : la liaison tombe ; une seconde plus tard, tous les processus sont tués"
    ),
    "the power is back at {site}; its PostgreSQL is started as it was, under albus-dr guard": (
        "le courant est revenu à {site} ; son PostgreSQL est redémarré tel quel, sous albus-dr guard"
    ),
    "it stays down; {lost} of {all} acknowledged writes are lost": (
        "il reste arrêté ; écritures confirmées et perdues : {lost} sur {all}"
    ),
    "{site} burns: every process killed, every directory deleted; it had no standby and no backup yet": (
        "{site} brûle : tous les processus sont tués, tous les répertoires supprimés ; il n'avait encore ni secours ni sauvegarde"
    ),
    "PostgreSQL at {site} starts again, under albus-dr guard --keep-lease": (
        "PostgreSQL redémarre à {site}, sous albus-dr guard --keep-lease"
    ),
    "the network splits: {site} and the users who stand there on one side, everybody else on the other": (
        "le réseau est coupé en deux : {site} et les utilisateurs qui s'y trouvent d'un côté, tous les autres de l'autre"
    ),
    "the network heals": "le réseau est rétabli",
    "users at the door: {lost} of {all} acknowledged writes lost, without service for {time}; users at {site}: {lost_there} of "
    "{all_there} lost": (
        "à l'accès des utilisateurs : {lost} écritures confirmées perdues sur {all}, {time} sans service ; chez les "
        "utilisateurs restés à {site} : {lost_there} perdues sur {all_there}"
    ),
    "{operation} {verdict}: {path}": "{operation} : {verdict} – {path}",
    "To see the last run again, in any terminal:": "Pour revoir la dernière exécution, dans n'importe quel terminal :",
    "The sites go on. In this shell:": "Les sites continuent de tourner. Dans ce terminal :",
    "{site} has burned down; new machines there, for albus-dr failback:": (
        "{site} a brûlé ; pour y mettre de nouvelles machines, avant albus-dr failback :"
    ),
    "and at the end:": "et à la fin :",
    "Still there, and it may still run: {left}. To end and delete it:": (
        "Encore là, et peut-être en cours d'exécution : {left}. Pour l'arrêter et le supprimer :"
    ),
    "Replicate, drill, then the line between the sites fails, and a second later every process of the primary is killed and "
    "its directories are deleted, its own repository included; fail over.": (
        "Réplication, exercice de reprise ; puis la liaison entre les sites tombe et, une seconde plus tard, tous les processus "
        "du site principal sont tués et ses répertoires supprimés, y compris son propre dépôt ; bascule d'urgence."
    ),
    "Replicate, then change the primary as planned, under traffic.": (
        "Réplication, puis changement planifié de site principal, sous trafic."
    ),
    "Replicate, then the primary loses its power; fail over. The power comes back, and its PostgreSQL is started again as it "
    "was, under the guard: it must stay down, because the epoch has moved.": (
        "Réplication, puis le site principal n'a plus de courant ; bascule d'urgence. Le courant revient, et son PostgreSQL est "
        "redémarré tel quel, sous son gardien : il doit rester arrêté, car l'époque a changé."
    ),
    "Replicate, then the network splits for 43 seconds: the primary lives on one side, everybody else is on the other, and "
    "both sides have users. The primary's guard can't renew its lease and ends it; a failover waits until the lease has "
    "lapsed, and needs nobody's word. It heals; what was acknowledged on either side is counted.": (
        "Réplication, puis le réseau est coupé en deux pendant 43 secondes : le site principal vit d'un côté, tous les autres "
        "sont de l'autre, et chaque côté a ses utilisateurs. Le gardien du site principal ne peut plus renouveler son bail et "
        "arrête le serveur ; une bascule d'urgence attend que le bail ait expiré, sans que personne ait à se porter garant. Le "
        "réseau est rétabli ; les écritures confirmées de chaque côté sont comptées."
    ),
    "Replicate, then the line between the sites fails, and a second later the primary loses its power; fail over. The power "
    "comes back, and the old primary with it, as a second one: reprotect keeps and lists what it has alone and makes it the "
    "standby; fail back.": (
        "Réplication, puis la liaison entre les sites tombe et, une seconde plus tard, le site principal n'a plus de courant ; "
        "bascule d'urgence. Le courant revient, et avec lui l'ancien serveur principal : il y en a alors deux ; la remise sous "
        "protection conserve et liste ce qu'il est seul à avoir et en fait le secours ; retour au site d'origine."
    ),
    "Replicate, then the primary loses its power; fail over. The power comes back, and the old primary is kept down by its "
    "guard. Then the new primary burns, before anything follows it and before its first backup: a failover back names what is "
    "lost, and goes on once that is accepted.": (
        "Réplication, puis le site principal n'a plus de courant ; bascule d'urgence. Le courant revient, et l'ancien serveur "
        "principal est maintenu arrêté par son gardien. Puis le nouveau site principal brûle, avant que rien ne le suive et "
        "avant sa première sauvegarde : la bascule d'urgence en sens inverse nomme ce qui est perdu, et se poursuit une fois "
        "cette perte acceptée."
    ),
    "Replicate, then restore into an isolated target and verify.": (
        "Réplication, puis restauration dans une cible isolée et vérification."
    ),
}

"""What this app tells: targets proposed and decided, numbers kept."""

from mlops_portal.foundation.events import Verb, register_verbs

register_verbs(
    [
        Verb("kpis.target_proposed", "proposed the target"),
        Verb("kpis.target_approved", "approved the target"),
        Verb("kpis.target_declined", "declined the target"),
        Verb("kpis.snapshots_taken", "kept the numbers of the night"),
        Verb("kpis.snapshots_frozen", "froze numbers of a report"),
    ]
)

"""Leases: who holds a name until when, and heartbeats of processes."""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from mlops_portal.foundation.work.models import Lease

TASK_TTL = timedelta(seconds=60)
BEAT_TTL = timedelta(seconds=30)


def take(name: str, *, kind: str, holder: str, now: datetime, ttl: timedelta = TASK_TTL) -> Lease | None:
    """Take the lease ``name``, or return None while another holder is believed alive.

    Taking a lease that ran out raises its fencing number; the holder itself keeps its number.
    """
    try:
        with transaction.atomic():
            lease = Lease.objects.select_for_update().filter(name=name).first()
            if lease is None:
                return Lease.objects.create(name=name, kind=kind, holder=holder, until=now + ttl, beat_at=now)
            if lease.holder != holder:
                if lease.is_held(now):
                    return None
                lease.fence += 1
            lease.holder, lease.until, lease.beat_at = holder, now + ttl, now
            lease.save(update_fields=["holder", "until", "beat_at", "fence"])
            return lease
    except IntegrityError:
        return None


def renew(lease: Lease, *, now: datetime, ttl: timedelta = TASK_TTL) -> bool:
    """Hold ``lease`` for longer. False when it was taken over: stop at once."""
    return (
        Lease.objects.filter(pk=lease.pk, fence=lease.fence, holder=lease.holder).update(
            until=now + ttl, beat_at=now
        )
        == 1
    )


def release(lease: Lease, *, now: datetime) -> None:
    """Let others take ``lease`` now. The row stays, so its fencing number keeps growing."""
    Lease.objects.filter(pk=lease.pk, fence=lease.fence, holder=lease.holder).update(until=now)


def discard(lease: Lease) -> bool:
    """Remove the lease of finished work. False when it was taken over: what was done must not be recorded."""
    deleted, _ = Lease.objects.filter(pk=lease.pk, fence=lease.fence, holder=lease.holder).delete()
    return deleted == 1


def beat(*, kind: str, holder: str, now: datetime, ttl: timedelta = BEAT_TTL) -> None:
    """Say that a process of this kind is alive; ``alive`` and /readyz read it."""
    Lease.objects.update_or_create(
        name=f"{kind}:{holder}", defaults={"kind": kind, "holder": holder, "until": now + ttl, "beat_at": now}
    )


def sign_off(*, kind: str, holder: str) -> None:
    """Remove the heartbeat of a process that ends in order."""
    Lease.objects.filter(name=f"{kind}:{holder}").delete()


def alive(kind: str, *, now: datetime) -> int:
    """How many processes of this kind gave a sign of life lately."""
    return Lease.objects.filter(kind=kind, until__gt=now).count()
